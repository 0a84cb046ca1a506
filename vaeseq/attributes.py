"""Arithmetic on codes: what one text has and another has not, given to a third; and what lies near a text.

References:
    Mikolov, Yih and Zweig (2013), Linguistic Regularities in Continuous Space Word Representations (analogies),
    https://aclanthology.org/N13-1090
    White (2016), Sampling Generative Networks (attribute vectors), https://arxiv.org/abs/1609.04468
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaeseq.errors import InputError
from vaeseq.walks import TextSpace


class Neighbour(NamedTuple):
    """A text near another: the cosine of the angle between their codes, 1 at most."""

    text: str
    similarity: float


def direction(space: TextSpace, lacking: Sequence[str], having: Sequence[str]) -> Tensor:
    """From texts that lack an attribute to texts that have it: the difference of their mean codes, ``(latent,)``.

    Raises:
        InputError: There are no texts of either kind, or their codes do not differ.
    """
    if not lacking or not having:
        raise InputError(
            f"a direction needs texts of both kinds, got {len(lacking)} that lack it, {len(having)} that have it"
        )
    found = space.encode(having).mean.mean(dim=0) - space.encode(lacking).mean.mean(dim=0)
    if not bool(found.any()):
        raise InputError("a direction needs two kinds of texts that differ, got codes of one mean")
    return found


def shifted(
    space: TextSpace, texts: Sequence[str], along: Tensor, *, strength: float = 1.0, beams: int = 1
) -> list[str]:
    """Each text with more of an attribute: decoded ``strength`` times a direction ``(latent,)`` from its own code.

    The shift keeps the length of a code, as an arc does: under N(0, I) that says how likely a code is.

    Args:
        space: A trained model.
        texts: To be changed.
        along: As of ``direction``.
        strength: 0 gives the texts back, as far as codes decode to them; below it the attribute is taken away.
        beams: Width of the beam search, see ``LatentSpace.decode``.
    """
    if not texts:
        return []
    codes = space.pinned(texts).codes
    moved = codes + strength * along
    longer = moved.norm(dim=1, keepdim=True) / codes.norm(dim=1, keepdim=True)
    return space.decode(moved / longer.clamp(min=1e-6), beams=beams)


def analogy(space: TextSpace, start: str, end: str, other: str, *, strength: float = 1.0, beams: int = 1) -> str:
    """What is to ``other`` as ``end`` is to ``start``.

    Raises:
        InputError: A text cannot be read, or ``start`` and ``end`` have one code.
    """
    return shifted(space, [other], direction(space, [start], [end]), strength=strength, beams=beams)[0]


def nearest(space: TextSpace, texts: Sequence[str], among: Sequence[str], count: int) -> list[list[Neighbour]]:
    """For each text the ``count`` others whose codes point most nearly where its own does, the nearest first."""
    others = list(dict.fromkeys(among))
    codes, candidates = (torch.nn.functional.normalize(space.encode(its).mean, dim=1) for its in (texts, others))
    found = []
    for text, code in zip(texts, codes, strict=True):
        similarity, places = (candidates @ code).sort(descending=True, stable=True)
        ranked = zip(places.tolist(), similarity.tolist(), strict=True)
        found.append([Neighbour(others[i], value) for i, value in ranked if others[i] != text][:count])
    return found
