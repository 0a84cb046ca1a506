"""Decoded walks through a latent space, and what lies around one text; texts may be anything.

References:
    Bowman et al. (2015), Generating Sentences from a Continuous Space, tables 7 and 8, https://arxiv.org/abs/1511.06349
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributions import Independent

from vaeseq.errors import InputError
from vaeseq.inversion import Inverted
from vaeseq.paths import KNOTS, PathKind, along, path, places, points
from vaeseq.posteriors import drawn

FINEST = 2**-10  # the shortest step of a walk that is halved


class TextSpace(Protocol):
    """What walks and searches need of a latent space; see ``vaeseq.space.LatentSpace``."""

    @property
    def latent(self) -> int:
        """Dimension of a code."""

    def encode(self, texts: Sequence[str]) -> Independent:
        """q(z | x) of each text."""

    def pinned(self, texts: Sequence[str]) -> Inverted:
        """Codes whose greedy text is the text, as far as there are any."""

    def denser(self, way: Tensor) -> Tensor:
        """A way between the same ends ``(knots, latent)`` through what the prior holds likely."""

    def decode(self, z: Tensor, *, temperature: float = 0.0, seed: int = 0, beams: int = 1) -> list[str]:
        """The text of each code; empty where there is none."""

    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Codes from the prior, ``(count, latent)``."""


class SearchSpace(TextSpace, Protocol):
    """A space that knows which texts it can read."""

    def reads(self, text: str) -> bool:
        """Whether it has a code of the text."""


class Walk(NamedTuple):
    """A decoded walk and its ends.

    Attributes:
        points: Place t in [0, 1] and text of each step.
        start: The text asked for at t = 0, in the space's own writing.
        end: The same at t = 1.
        asked: Whether the ends were asked for; else they are draws of the prior and hold what these decode to.
    """

    points: list[tuple[float, str]]
    start: str
    end: str
    asked: bool


class Neighbourhood(NamedTuple):
    """A text, the text of its posterior mean, and those of draws from its posterior."""

    text: str
    mean: str
    samples: list[str]


def ends_of(space: TextSpace, pairs: Sequence[tuple[str, str]]) -> list[tuple[Tensor, Tensor]]:
    """For each two texts their codes, each ``(latent,)``: a walk between these begins and ends at the texts.

    Where a text has no such code (``TextSpace.pinned``) it is the mean of its posterior.
    """
    codes = space.pinned([text for pair in pairs for text in pair]).codes
    return list(zip(codes[::2], codes[1::2], strict=True))


def prior_ends(space: TextSpace, count: int, *, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Pairs of draws from the prior, each ``(latent,)``: the ends of walks between random points (table 8)."""
    codes = space.prior_sample(2 * count, seed=seed)
    return list(zip(codes[::2], codes[1::2], strict=True))


def walk(
    space: TextSpace,
    ends: tuple[Tensor, Tensor],
    *,
    steps: int,
    kind: PathKind = "slerp",
    beams: int = 1,
    temperature: float = 0.0,
    seed: int = 0,
    from_texts: bool = True,
) -> list[tuple[float, str]]:
    """The place t in [0, 1] and the text of each of ``steps`` points, both ends included.

    Args:
        space: What encodes and decodes.
        ends: The two codes, each ``(latent,)``.
        steps: Points, both ends included.
        kind: ``slerp`` (arc), ``lerp`` (straight line), or ``density``: an arc lifted to where the prior is no lower
            than at its ends (``vaeseq.paths.lifted``).
        beams: Width of the beam search at each point, see ``LatentSpace.decode``; 1 is greedy.
        temperature: Above 0, texts between the ends are drawn; it takes one beam.
        seed: Of the draws.
        from_texts: The ends are codes of texts, and decoded as such: greedily, like any reconstruction.

    Raises:
        InputError: There are fewer than two steps, no arc joins the ends, or beams are to be drawn.
    """
    t, codes = placed(space, ends, steps, kind)
    first, last = space.decode(codes[[0, -1]], beams=1 if from_texts else beams)
    texts = [first, *space.decode(codes[1:-1], beams=beams, temperature=temperature, seed=seed), last]
    return list(zip(t.tolist(), texts, strict=True))


def placed(space: TextSpace, ends: tuple[Tensor, Tensor], steps: int, kind: PathKind) -> tuple[Tensor, Tensor]:
    """Evenly spaced places in [0, 1] of a way, ``(steps,)``, and the codes there, ``(steps, latent)``.

    Raises:
        InputError: There are fewer than two steps, or no arc joins the ends.
    """
    try:
        t = places(steps)
        return t, way(space, ends, kind)(t)
    except ValueError as error:
        raise InputError(str(error)) from error


def way(space: TextSpace, ends: tuple[Tensor, Tensor], kind: PathKind) -> Callable[[Tensor], Tensor]:
    """From places ``(steps,)`` in [0, 1] to the codes there, ``(steps, latent)``."""
    if kind != "density":
        return partial(points, *ends, kind=kind)
    return partial(along, space.denser(path(*ends, KNOTS)))


def dense(
    space: TextSpace,
    ends: tuple[Tensor, Tensor],
    begun: Sequence[tuple[float, str]],
    distance: Callable[[str, str], float],
    *,
    apart: float,
    most: int,
    kind: PathKind = "slerp",
    beams: int = 1,
) -> list[tuple[float, str]]:
    """A walk with points put in where it jumps.

    Halfway between two neighbours that are too far apart, the farthest first, another point is decoded, until none are
    or there are ``most``.

    Args:
        space: What decodes.
        ends: The two codes, each ``(latent,)``.
        begun: Place t in [0, 1] and text of the points of ``walk`` between these ends.
        distance: Between two texts; where either is empty it is not asked, and they are too far apart.
        apart: The farthest that two neighbours may be.
        most: Points that are decoded, those of ``begun`` among them.
        kind: As of ``walk``.
        beams: As of ``walk``.
    """
    found, codes = dict(begun), way(space, ends, kind)
    while len(found) < most:
        steps = [(a, b) for a, b in pairwise(sorted(found)) if b - a > FINEST]
        lengths = {(a + b) / 2: _length(found[a], found[b], distance) for a, b in steps}
        halfway = sorted((t for t in lengths if lengths[t] > apart), key=lengths.__getitem__, reverse=True)
        halfway = halfway[: most - len(found)]
        if not halfway:
            break
        t = torch.tensor(halfway, dtype=ends[0].dtype)
        found |= dict(zip(halfway, space.decode(codes(t), beams=beams), strict=True))
    return [(t, found[t]) for t in sorted(found)]


def _length(a: str, b: str, distance: Callable[[str, str], float]) -> float:
    return distance(a, b) if a and b else math.inf


def once(walked: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """A walk without the ways from a text back to it, and without empty texts; the last point stays where it is.

    Where a text comes again, what lies between is left out, which takes no neighbours apart.
    """
    kept: list[tuple[float, str]] = []
    for t, text in walked:
        before = [its for _, its in kept]
        if text in before:
            del kept[before.index(text) + 1 :]
        elif text:
            kept.append((t, text))
    if len(kept) > 1 and kept[-1][1] == walked[-1][1]:
        kept[-1] = walked[-1]
    return kept


def neighbourhoods(space: TextSpace, texts: Sequence[str], *, samples: int = 3, seed: int = 0) -> list[Neighbourhood]:
    """What each text's posterior holds (table 7): greedy texts of its mean and of ``samples`` draws."""
    posterior = space.encode(texts)
    shape = (samples, *posterior.mean.shape)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    codes = torch.stack([posterior.mean, *(drawn(posterior, each)[0] for each in noise)])
    decoded = space.decode(codes.transpose(0, 1).flatten(0, 1))
    rows = [decoded[i : i + samples + 1] for i in range(0, len(decoded), samples + 1)]
    return [Neighbourhood(text, row[0], row[1:]) for text, row in zip(texts, rows, strict=True)]
