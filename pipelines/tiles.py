"""Molecules as small pictures inside the page."""

import base64
import io
from collections.abc import Sequence
from functools import cache

from PIL import Image

from vaemol.pictures import strip


class Easel:
    """Draws molecules until a page has enough of them.

    Attributes:
        left: Pictures that may still be drawn.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._drawn: set[tuple[str, ...]] = set()

    def draw(self, smiles: str) -> str:
        """One molecule as a data address, empty where there is none or no room."""
        return self.draw_alike([smiles])[0]

    def draw_alike(self, smiles: Sequence[str]) -> list[str]:
        """Molecules of a path, each turned like the one before it."""
        key = tuple(smiles)
        if key not in self._drawn:
            if self.left < len(key):
                return [""] * len(key)
            self.left -= len(key)
            self._drawn.add(key)
        return _tiles(key)


@cache
def _tiles(smiles: tuple[str, ...]) -> list[str]:
    image = Image.open(io.BytesIO(strip(smiles, [""] * len(smiles))))
    width = image.width // len(smiles)
    places = [(i * width, 0, (i + 1) * width, image.height) for i in range(len(smiles))]
    return [_address(image.crop(place)) if text else "" for text, place in zip(smiles, places, strict=True)]


def _address(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
