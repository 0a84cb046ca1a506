"""Molecules drawn in rows and grids, as PNG or SVG.

Tile i is always molecule i: a text that is no molecule gets a tile that says so.
"""

import functools
import html
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont
from rdkit import rdBase
from rdkit.Chem import Mol
from rdkit.Chem.Draw import rdMolDraw2D

from vaemol.layout import BOND, HEIGHT, WIDTH, laid_out
from vaeseq.errors import InputError

_LINE, _FONT, _MARGIN = 20, 14, 6  # pixels: a line of a legend, its letters, what is left free around

_INK = "#3c4043"
_FAINT = "#9aa0a6"
_NO_MOLECULE = "no molecule"
# The usual colours of the elements, dark enough to read on white; rdkit's own are pure blue, red and yellow.
_ELEMENTS = {
    0: "#5f6368",
    1: "#5f6368",
    6: "#202124",
    7: "#1f4fbf",
    8: "#c5221f",
    9: "#0b7a5c",
    15: "#b0560b",
    16: "#8a6d00",
    17: "#1b7f2a",
    35: "#8a3a1b",
    53: "#6b2fa0",
}
_SHADES = 10  # from white to each colour, in the palette of a PNG: a strip of ten molecules stays below 40 kB


def strip(smiles: Sequence[str], legends: Sequence[str], *, columns: int | None = None) -> bytes:
    """PNG of the molecules of a path, each turned like the one before it, in one row or wrapped after ``columns``.

    A legend may hold several lines; what is too long for the tile is cut.

    Raises:
        InputError: No molecule, not one legend a molecule, or ``columns`` below 1.
    """
    return _png(laid_out(smiles, alike=True), legends, columns)


def strip_svg(smiles: Sequence[str], legends: Sequence[str], *, columns: int | None = None) -> str:
    """``strip`` as SVG."""
    return _svg(laid_out(smiles, alike=True), smiles, legends, columns)


def grid(smiles: Sequence[str], legends: Sequence[str], *, columns: int = 4) -> bytes:
    """PNG of molecules that stand for themselves, ``columns`` in a row.

    Raises:
        InputError: As ``strip``.
    """
    return _png(laid_out(smiles, alike=False), legends, columns)


def grid_svg(smiles: Sequence[str], legends: Sequence[str], *, columns: int = 4) -> str:
    """``grid`` as SVG."""
    return _svg(laid_out(smiles, alike=False), smiles, legends, columns)


def _arranged(mols: Sequence[Mol | None], legends: Sequence[str], columns: int | None) -> tuple[int, int, int, int]:
    """Columns, rows, height of a tile and of the whole in pixels."""
    if not mols or len(legends) != len(mols):
        raise InputError(f"legends must be one a molecule and not none, got {len(legends)} for {len(mols)} molecules")
    if columns is not None and columns < 1:
        raise InputError(f"columns must be at least 1, got {columns!r}")
    across = min(columns or len(mols), len(mols))
    rows = math.ceil(len(mols) / across)
    height = HEIGHT + _LINE * max(len(_lines(legend)) for legend in legends) + _MARGIN
    return across, rows, height, rows * height


def _png(mols: Sequence[Mol | None], legends: Sequence[str], columns: int | None) -> bytes:
    across, _, height, total = _arranged(mols, legends, columns)
    page = Image.new("RGB", (across * WIDTH, total), "white")
    pen = ImageDraw.Draw(page)
    for i, (mol, legend) in enumerate(zip(mols, legends, strict=True)):
        left, top = i % across * WIDTH, i // across * height
        centre = left + WIDTH // 2
        if mol is None:
            pen.text((centre, top + HEIGHT // 2), _NO_MOLECULE, _FAINT, _font(), anchor="mm")
        else:
            drawn = _drawn(rdMolDraw2D.MolDraw2DCairo(WIDTH, HEIGHT), mol)
            page.paste(Image.open(io.BytesIO(drawn)), (left, top))
        for n, line in enumerate(_lines(legend)):
            pen.text((centre, top + HEIGHT + _LINE * (n + 0.5)), line, _INK, _font(), anchor="mm")
    out = io.BytesIO()
    page.quantize(palette=_palette(), dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _svg(mols: Sequence[Mol | None], smiles: Sequence[str], legends: Sequence[str], columns: int | None) -> str:
    across, _, height, total = _arranged(mols, legends, columns)
    width = across * WIDTH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" font-size="{_FONT}" text-anchor="middle" fill="{_INK}">',
        f'<rect width="{width}" height="{total}" fill="#ffffff"/>',
    ]
    for i, (mol, text, legend) in enumerate(zip(mols, smiles, legends, strict=True)):
        parts.append(f'<g transform="translate({i % across * WIDTH} {i // across * height})">')
        parts.append(f"<title>{html.escape(text if mol is not None else _NO_MOLECULE)}</title>")
        if mol is None:
            parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT // 2 + 5}" fill="{_FAINT}">{_NO_MOLECULE}</text>')
        else:
            parts.append(_compact(_drawn(rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT), mol)))
        for n, line in enumerate(_lines(legend)):
            parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT + _LINE * n + 15}">{html.escape(line)}</text>')
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def _drawn(drawer: rdMolDraw2D.MolDraw2DCairo | rdMolDraw2D.MolDraw2DSVG, mol: Mol) -> bytes | str:
    options = drawer.drawOptions()
    options.bondLineWidth = 1.6
    options.fixedBondLength = BOND
    options.padding = 0.06
    options.updateAtomPalette({number: _rgb(colour) for number, colour in _ELEMENTS.items()})
    with rdBase.BlockLogs():
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, mol)
    drawer.FinishDrawing()
    return drawer.GetDrawingText()


def _rgb(colour: str) -> tuple[float, float, float]:
    return tuple(channel / 255 for channel in ImageColor.getrgb(colour))


@functools.cache
def _palette() -> Image.Image:
    colours = np.array([ImageColor.getrgb(colour) for colour in (*_ELEMENTS.values(), _INK, _FAINT, "#000000")])
    share = np.linspace(0, 1, _SHADES)[:, None, None]
    image = Image.new("P", (1, 1))
    image.putpalette(np.rint(share * colours + (1 - share) * 255).astype(np.uint8).tobytes())
    return image


_SVG_PATH = re.compile(r"<path (?:class='[^']*' )?d='([^']*)' (?:style='([^']*)'|fill='([^']*)')\s*/>")


def _compact(svg: str) -> str:
    """The paths of rdkit's drawing, those of one style joined: a quarter of the size."""
    joined: dict[str, list[str]] = {}
    for path, style, fill in _SVG_PATH.findall(svg):
        joined.setdefault(style or f"fill:{fill}", []).append(" ".join(path.split()))
    return "\n".join(f'<path style="{style}" d="{" ".join(paths)}"/>' for style, paths in joined.items())


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", _FONT)


def _lines(legend: str) -> list[str]:
    """The lines of a legend, what cannot be printed left out, each cut to the width of a tile."""
    return [_cut("".join(filter(str.isprintable, line[:200]))) for line in legend.splitlines()]


def _cut(line: str) -> str:
    room = WIDTH - 2 * _MARGIN
    if _font().getlength(line) <= room:
        return line
    while line and _font().getlength(line + "…") > room:
        line = line[:-1]
    return line + "…"
