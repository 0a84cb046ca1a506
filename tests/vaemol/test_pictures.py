import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vaemol.layout import HEIGHT, WIDTH
from vaemol.pictures import grid, grid_svg, strip, strip_svg
from vaeseq.errors import InputError

PATH = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CC(=O)Oc1ccccc1C(N)=O",
    "COc1ccccc1C(=O)NC",
    "COc1ccccc1C(=O)N(C)C",
    "",
    "Cc1cn(C)c(=O)c2c1ccn2C",
    "Cn1cnc2c1c(=O)[nH]c(=O)n2C",
    "Cn1c(=O)[nH]c2ncn(C)c2c1=O",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "C[C@H]1CN(c2ncc(Cl)c(Nc3ccc4c(c3)CC(=O)N4)n2)C[C@@H](C)O1",
    "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
]
LEGENDS = [f"t = {i / 10:.1f}\nQED 0.{i}" for i in range(11)]
SVG = "{http://www.w3.org/2000/svg}"


def pixels(png):
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("L"))


def tile(page, i, columns):
    height = page.shape[0] // -(-len(PATH) // columns)
    row, column = divmod(i, columns)
    return page[row * height : row * height + HEIGHT, column * WIDTH : (column + 1) * WIDTH]


def test_a_strip_of_eleven_molecules_is_small_and_holds_them_all():
    png = strip(PATH, LEGENDS)
    assert len(png) <= 40_000
    page = pixels(png)
    assert page.shape[1] == len(PATH) * WIDTH
    assert all((tile(page, i, len(PATH)) < 128).sum() > 100 for i, smiles in enumerate(PATH) if smiles)
    assert page[0].min() == page[-1].min() == 255


def test_no_molecule_is_a_pale_note():
    empty = tile(pixels(strip(PATH, LEGENDS)), PATH.index(""), len(PATH))
    assert 128 < empty.min() < 200


def test_rows_wrap():
    assert pixels(strip(PATH, LEGENDS, columns=4)).shape[1] == 4 * WIDTH
    assert pixels(grid(PATH, LEGENDS, columns=4)).shape == pixels(strip(PATH, LEGENDS, columns=4)).shape
    assert pixels(grid(["C"], ["one"], columns=4)).shape[1] == WIDTH


def test_elements_keep_their_colours():
    colours = Image.open(io.BytesIO(grid(["FC(Cl)(Br)S", "NCO"], ["", ""]))).convert("RGB").getcolors()
    shades = {colour for _, colour in colours}
    for name in ("1f4fbf", "c5221f", "0b7a5c", "8a6d00", "1b7f2a", "8a3a1b"):
        wanted = tuple(bytes.fromhex(name))
        assert min(sum(abs(a - b) for a, b in zip(shade, wanted, strict=True)) for shade in shades) < 12


@pytest.mark.parametrize("draw", [strip_svg, grid_svg])
def test_an_svg_is_small_titled_and_self_contained(draw):
    text = draw(PATH, LEGENDS)
    assert len(text) < 5_000 * len(PATH)
    assert "href" not in text
    root = ElementTree.fromstring(text)
    assert [title.text for title in root.iter(f"{SVG}title")] == [smiles or "no molecule" for smiles in PATH]
    written = [part.text for part in root.iter(f"{SVG}text")]
    assert written.count("no molecule") == 1
    written.remove("no molecule")
    assert written == [line for legend in LEGENDS for line in legend.split("\n")]
    drawn = [group.findall(f"{SVG}path") for group in root.iter(f"{SVG}g")]
    assert [len(paths) > 0 for paths in drawn] == [smiles != "" for smiles in PATH]


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_legend_can_be_drawn(legend):
    root = ElementTree.fromstring(strip_svg(["C"], [legend]))
    assert root.tag == f"{SVG}svg"
    assert pixels(strip(["C"], [legend])).shape[1] == WIDTH


def test_markup_in_a_legend_is_text():
    root = ElementTree.fromstring(strip_svg(["C"], ["<b>&\"'"]))
    assert [part.text for part in root.iter(f"{SVG}text")] == ["<b>&\"'"]


def test_a_long_legend_is_cut_to_its_tile():
    page = pixels(strip(["C", "C"], ["long " * 1_000, "short"]))
    assert page[:, :4].min() == page[:, WIDTH - 4 : WIDTH + 4].min() == 255


def test_a_radical_keeps_its_dot():
    closed, open_shell = (ElementTree.fromstring(grid_svg([smiles], [""])) for smiles in ("C", "[CH3]"))
    assert sum(len(e.get("d", "")) for e in open_shell.iter()) != sum(len(e.get("d", "")) for e in closed.iter())


@pytest.mark.parametrize("draw", [strip, strip_svg, grid, grid_svg])
def test_what_cannot_be_arranged_is_named(draw):
    with pytest.raises(InputError, match="legends must be one a molecule and not none, got 1 for 2 molecules"):
        draw(["C", "CC"], ["one"])
    with pytest.raises(InputError, match="got 0 for 0 molecules"):
        draw([], [])
    with pytest.raises(InputError, match="columns must be at least 1, got 0"):
        draw(["C"], ["one"], columns=0)
