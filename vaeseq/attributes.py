"""Arithmetic on codes: what one text has and another has not, given to a third; and what lies near a text.

References:
    Mikolov, Yih and Zweig (2013), Linguistic Regularities in Continuous Space Word Representations (analogies),
    https://aclanthology.org/N13-1090
    White (2016), Sampling Generative Networks (attribute vectors), https://arxiv.org/abs/1609.04468
    Fisher (1936), The use of multiple measurements in taxonomic problems (the linear discriminant),
    https://doi.org/10.1111/j.1469-1809.1936.tb02137.x
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaeseq.errors import InputError
from vaeseq.steady import ManySpace
from vaeseq.walks import TextSpace

# Of a direction: places where texts are looked for. And how much of N(0, I) is in the spread of codes about their mean.
SHARES, SHRUNK = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0), 0.1


class Neighbour(NamedTuple):
    """A text near another: the cosine of the angle between their codes, 1 at most."""

    text: str
    similarity: float


class Trait(NamedTuple):
    """What parts texts that have an attribute from those that lack it.

    Attributes:
        along: From the mean code of these to that of those, ``(latent,)``.
        normal: Of the plane between them, ``(latent,)``.
        offset: ``normal @ code`` on the plane; it is larger where the attribute is.
    """

    along: Tensor
    normal: Tensor
    offset: float

    def score(self, codes: Tensor) -> Tensor:
        """How far on the side of the attribute each code ``(codes, latent)`` is; below 0 it is on the other."""
        return codes @ self.normal - self.offset


def direction(space: TextSpace, lacking: Sequence[str], having: Sequence[str]) -> Tensor:
    """From texts that lack an attribute to texts that have it: the difference of their mean codes, ``(latent,)``.

    Raises:
        InputError: As ``trait``.
    """
    return trait(space, lacking, having).along


def trait(space: TextSpace, lacking: Sequence[str], having: Sequence[str]) -> Trait:
    """What parts texts that lack an attribute from texts that have it: Fisher's linear discriminant of their codes.

    Raises:
        InputError: There are no texts of either kind, or their codes do not differ.
    """
    if not lacking or not having:
        raise InputError(
            f"a direction needs texts of both kinds, got {len(lacking)} that lack it, {len(having)} that have it"
        )
    kinds = [space.encode(texts).mean for texts in (lacking, having)]
    means = [codes.mean(dim=0) for codes in kinds]
    along = means[1] - means[0]
    if not bool(along.any()):
        raise InputError("a direction needs two kinds of texts that differ, got codes of one mean")
    apart = torch.cat([codes - mean for codes, mean in zip(kinds, means, strict=True)])
    spread = torch.lerp(apart.T @ apart / len(apart), torch.eye(len(along)), SHRUNK)
    normal = torch.linalg.solve(spread, along)
    return Trait(along, normal, float(normal @ (means[0] + means[1])) / 2)


def changed(
    space: ManySpace, texts: Sequence[str], attribute: Trait, distance: Callable[[str, str], float], *, beams: int = 16
) -> list[str]:
    """Of each text the nearest other that has an attribute, of those that a beam search ends with on the way to it.

    A shift (``shifted``) long enough to change an attribute changes most of a text too. Here the texts along it are
    read again, and of those whose code is on the attribute's side the one is taken that is least of a change; '' where
    there is none.

    Args:
        space: A trained model.
        texts: To be changed.
        attribute: What they shall have.
        distance: From a text to another; infinite where the other must not be taken.
        beams: Texts that are looked at at each place along the direction.
    """
    if not texts:
        return []
    codes = space.pinned(texts).codes
    found: list[dict[str, None]] = [{} for _ in texts]
    for share in SHARES:
        for its, likely in zip(found, space.likely(_turned(codes, share * attribute.along), beams), strict=True):
            its.update(dict.fromkeys(filter(None, likely)))
    return [_least_changed(space, text, list(its), attribute, distance) for text, its in zip(texts, found, strict=True)]


def _least_changed(
    space: ManySpace, text: str, found: Sequence[str], attribute: Trait, distance: Callable[[str, str], float]
) -> str:
    far = {other: away for other in found if other != text and math.isfinite(away := distance(text, other))}
    scores = attribute.score(space.encode(list(far)).mean).tolist() if far else []
    having = [(away, -score, other) for (other, away), score in zip(far.items(), scores, strict=True) if score > 0]
    return min(having)[2] if having else ""


def _turned(codes: Tensor, by: Tensor) -> Tensor:
    """Codes moved and then as long as they were: under N(0, I) that says how likely a code is."""
    moved = codes + by
    longer = moved.norm(dim=1, keepdim=True) / codes.norm(dim=1, keepdim=True)
    return moved / longer.clamp(min=1e-6)


def shifted(
    space: TextSpace, texts: Sequence[str], along: Tensor, *, strengths: Sequence[float] = (1.0,), beams: int = 1
) -> list[list[str]]:
    """Each text with more of an attribute: decoded so many times a direction ``(latent,)`` from its own code.

    The shift keeps the length of a code, as an arc does.

    Args:
        space: A trained model.
        texts: To be changed.
        along: As of ``direction``.
        strengths: 0 gives the texts back, as far as codes decode to them; below it the attribute is taken away.
        beams: Width of the beam search, see ``LatentSpace.decode``.

    Returns:
        For each strength, all texts.
    """
    if not texts:
        return [[] for _ in strengths]
    codes = space.pinned(texts).codes
    return [space.decode(_turned(codes, strength * along), beams=beams) for strength in strengths]


def analogy(
    space: TextSpace, start: str, end: str, other: str, *, strengths: Sequence[float] = (1.0,), beams: int = 1
) -> list[str]:
    """What is to ``other`` as ``end`` is to ``start``, for each strength.

    Raises:
        InputError: A text cannot be read, or ``start`` and ``end`` have one code.
    """
    found = shifted(space, [other], direction(space, [start], [end]), strengths=strengths, beams=beams)
    return [text for (text,) in found]


class Neighbours:
    """Texts by where their codes point.

    Args:
        space: A trained model.
        texts: Of which the nearest are to be found.
    """

    def __init__(self, space: TextSpace, texts: Sequence[str]) -> None:
        self._space, self._texts = space, list(dict.fromkeys(texts))
        self._codes = self._pointing(self._texts)

    def nearest(self, texts: Sequence[str], count: int) -> list[list[Neighbour]]:
        """For each text the ``count`` others whose codes point most nearly where its own does, the nearest first."""
        found = []
        for text, code in zip(texts, self._pointing(texts), strict=True):
            similarity, places = (self._codes @ code).topk(min(count + 1, len(self._texts)))  # itself among them
            ranked = [
                Neighbour(self._texts[i], value)
                for i, value in zip(places.tolist(), similarity.tolist(), strict=True)
                if self._texts[i] != text
            ]
            found.append(ranked[:count])
        return found

    def _pointing(self, texts: Sequence[str]) -> Tensor:
        return torch.nn.functional.normalize(self._space.encode(texts).mean, dim=1)
