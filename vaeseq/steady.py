"""Steady walks: from one text to another in small steps, by texts that are likely on the way.

What each code decodes to jumps from text to text, and leaves out what is nearly as likely there. Here the many texts
that beam search ends with at each place are kept, and of all of them a chain of small steps is chosen, by dynamic
programming. Where its neighbours are still apart, texts are sought between their own codes, and a chain is chosen
anew: so the way bends towards texts that are alike, as the path of a string method does towards low energy.

References:
    E, Ren and Vanden-Eijnden (2007), Simplified and improved string method, https://doi.org/10.1063/1.2720838
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from vaeseq.errors import InputError
from vaeseq.paths import PathKind, places
from vaeseq.walks import TextSpace, placed

# Where more places, codes between neighbours or rounds gave little (LOG.md); and how many gaps are filled in a round,
# so that a walk of many steps does not take forever.
PLACES, BETWEEN, ROUNDS, WIDEST = 21, 2, 3, 10


class Met(NamedTuple):
    """Of a text that was met: the place t of the way, and what it costs to go by it."""

    t: float
    cost: float


class ManySpace(TextSpace, Protocol):
    """A space that tells more than one text of a code."""

    def likely(self, z: Tensor, beams: int) -> list[list[str]]:
        """The texts that a beam search ends with at each code, the likeliest first."""


def steady_walk(
    space: ManySpace,
    ends: tuple[Tensor, Tensor],
    distances: Callable[[Sequence[str]], np.ndarray],
    costs: Callable[[Sequence[str]], np.ndarray],
    *,
    steps: int,
    apart: float,
    kind: PathKind = "slerp",
    beams: int = 32,
) -> list[tuple[float, str]]:
    """The place t in [0, 1] and the text of each of ``steps`` points, both ends included.

    No text comes twice where there are enough. A place is that where a text was met first, or near which it was sought,
    to three decimals, and may be that of its neighbour too.

    Args:
        space: What encodes and decodes.
        ends: The two codes, each ``(latent,)``; their greedy texts are the ends.
        distances: Between any two of so many texts, ``(texts, texts)``.
        costs: Of a walk to go by each of the texts, in squares of a distance, ``(texts,)``; infinite forbids it.
        steps: Points, both ends included.
        apart: The farthest that neighbours may be before texts between them are sought.
        kind: As of ``vaeseq.walks.walk``.
        beams: Texts that are kept at each place.

    Raises:
        InputError: There are fewer than two steps, or no arc joins the ends.
    """
    if steps < 2:
        raise InputError(f"steps must be at least 2 (both ends), got {steps!r}")
    t, codes = placed(space, ends, PLACES, kind)
    first, last = space.decode(codes[[0, -1]])
    if first == last or steps == 2:
        return [(place, first if place < 1 else last) for place in places(steps).tolist()]
    knots: list[str] = []
    met: dict[str, Met] = {first: Met(0.0, 0.0), last: Met(1.0, 0.0)}
    for left in reversed(range(ROUNDS + 1)):
        _meet(met, t, space.likely(codes, beams), costs)
        texts, table = _in_order(met, first, last, distances)
        chosen = chain(table, np.array([met[text].cost for text in texts]), steps)
        before, knots = knots, [texts[i] for i in chosen]
        strides = np.array([table[a, b] for a, b in pairwise(chosen)])
        if not left or knots == before or strides.max() <= apart:
            break
        # A walk by a text is no shorter than the way to it and on: what is farther off than this walk is long makes
        # none shorter.
        met = {text: met[text] for i, text in enumerate(texts) if table[0, i] + table[i, -1] <= strides.sum()}
        widest = np.argsort(-strides, kind="stable")[:WIDEST]
        gaps = torch.from_numpy(np.sort(widest[strides[widest] > apart]))
        own = torch.tensor([met[text].t for text in knots])
        codes, t = _between(_codes(space, knots, ends), gaps), _between(own.unsqueeze(1), gaps).squeeze(1)
    return [(round(met[text].t, 3), text) for text in knots]


def _meet(
    met: dict[str, Met], t: Tensor, found: Sequence[Sequence[str]], costs: Callable[[Sequence[str]], np.ndarray]
) -> None:
    """Texts that were not met before, with the first of their places."""
    new: dict[str, float] = {}
    for place, texts in zip(t.tolist(), found, strict=True):
        for text in texts:
            if text and text not in met:
                new.setdefault(text, place)
    for (text, place), cost in zip(new.items(), costs(list(new)).tolist(), strict=True):
        if math.isfinite(cost):
            met[text] = Met(place, cost)


def _in_order(
    met: Mapping[str, Met], first: str, last: str, distances: Callable[[Sequence[str]], np.ndarray]
) -> tuple[list[str], np.ndarray]:
    """All texts by their places, at one place those first that are more like the first text, and their distances."""
    texts = [first, *(text for text in met if text not in (first, last)), last]
    table = distances(texts).astype(float)
    inner = sorted(range(1, len(texts) - 1), key=lambda i: (met[texts[i]].t, table[0, i] - table[i, -1]))
    order = [0, *inner, len(texts) - 1]
    return [texts[i] for i in order], table[np.ix_(order, order)]


def _codes(space: ManySpace, knots: Sequence[str], ends: tuple[Tensor, Tensor]) -> Tensor:
    """The code of each text, of the first and the last those given, ``(texts, latent)``."""
    inner = [text for text in knots if text not in (knots[0], knots[-1])]
    known = dict(zip(inner, space.encode(inner).mean, strict=True)) | {knots[0]: ends[0], knots[-1]: ends[1]}
    return torch.stack([known[text] for text in knots])


def _between(knots: Tensor, gaps: Tensor) -> Tensor:
    """``BETWEEN`` rows between each of those in ``gaps`` and the next, ``(gaps * BETWEEN, width)``."""
    share = places(BETWEEN + 2)[1:-1].view(-1, 1)
    return torch.lerp(knots[gaps].unsqueeze(1), knots[gaps + 1].unsqueeze(1), share).flatten(0, 1)


def chain(distances: np.ndarray, costs: np.ndarray, count: int) -> list[int]:
    """Of things in order ``count``, the first and the last among them, of the least ``sum distance ** 2 + cost``.

    None comes twice; where there are fewer, all of them do, as evenly as can be.

    Args:
        distances: Between any two, ``(things, things)``.
        costs: Of each, ``(things,)``.
        count: 2 or more, as there are things.
    """
    if count > len(costs):
        return np.linspace(0, len(costs) - 1, count).round().astype(int).tolist()
    steps = distances**2.0 + costs
    steps[np.tril_indices(len(steps))] = np.inf
    total, before = np.where(np.arange(len(steps)) == 0, 0.0, np.inf), []
    for _ in range(count - 1):
        ways = total[:, None] + steps
        before.append(ways.argmin(axis=0))
        total = ways.min(axis=0)
    chosen = [len(steps) - 1]
    for back in reversed(before):
        chosen.append(int(back[chosen[-1]]))
    return chosen[::-1]
