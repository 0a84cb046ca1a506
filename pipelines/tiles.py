"""Molecules as small pictures inside the page."""

import base64
import io
from collections.abc import Sequence
from functools import cache

from PIL import Image

from vaemol.layout import WIDTH
from vaemol.pictures import strip

SMALL = 132  # pixels across a tile of a grid: enough for 90 on the page at one and a half times their density


class Easel:
    """Draws molecules until a page has enough of them.

    Attributes:
        left: Pictures that may still be drawn.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._drawn: set[tuple[int | str, ...]] = set()

    def draw(self, smiles: str) -> str:
        """One molecule as a data address, empty where there is none or no room."""
        return self.draw_alike([smiles])[0]

    def draw_alike(self, smiles: Sequence[str], *, width: int = WIDTH) -> list[str]:
        """Molecules of a path, each turned like the one before it, so many pixels wide."""
        key = width, *smiles
        if key not in self._drawn:
            if self.left < len(smiles):
                return [""] * len(smiles)
            self.left -= len(smiles)
            self._drawn.add(key)
        return _tiles(tuple(smiles), width)


@cache
def _tiles(smiles: tuple[str, ...], width: int) -> list[str]:
    image = Image.open(io.BytesIO(strip(smiles, [""] * len(smiles))))
    places = [(i * WIDTH, 0, (i + 1) * WIDTH, image.height) for i in range(len(smiles))]
    tiles = [_scaled(image.crop(place), width) for place in places]
    return [_address(tile) if text else "" for text, tile in zip(smiles, tiles, strict=True)]


def _scaled(image: Image.Image, width: int) -> Image.Image:
    """In the same few colours, which keep it small."""
    if width == image.width:
        return image
    size = width, round(image.height * width / image.width)
    smooth = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return smooth.quantize(palette=image, dither=Image.Dither.NONE)


def _address(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
