"""Parents and children: which of the molecules that were asked for go on, and into what.

References:
    Jensen (2019), https://doi.org/10.1039/C8SC05372C
    Tripp, Daxberger and Hernández-Lobato (2020), Sample-efficient optimization in the latent space of deep generative
    models via weighted retraining, eq. 6 (weights by rank), https://arxiv.org/abs/2006.09191
"""

import math
from collections.abc import Sequence

import numpy as np

from vaemol.constraints import Constraint, kept
from vaemol.genetics import crossed, mutated
from vaemol.molecule import shared
from vaeseq.rounds import Call, Source
from vaeseq.seeds import mixed_seed

SHARP = 0.01  # of the weights: a share of the parents that have most of the children
TRIES, PAIRS = 10, 2_500  # rounds of pairs for children that are new, and pairs in all: small rounds have more of them
MUTATED = 0.5  # share of the crossed that are changed too; all others are
LARGEST = 70  # heavy atoms


class Genetic:
    """Proposes children of the best molecules so far.

    Args:
        source: Texts of the first round, and where few children are new.
        seed: Of all that is random.
        admits: What children must hold.
    """

    def __init__(self, source: Source, seed: int, admits: Constraint | None = None) -> None:
        self._source, self._seed, self._admits = source, seed, admits

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The texts of one round."""
        rng = np.random.default_rng(mixed_seed(self._seed, len(calls)))
        found = children_of(calls, count, rng, self._admits)
        return found + self._source.new(count - len(found), {call.text for call in calls}.union(found))


def parents_of(calls: Sequence[Call], count: int, rng: np.random.Generator) -> list[str]:
    """Texts of calls, drawn with weights ``1 / (share n + rank)`` by value, the best first; none without any value."""
    ranked = sorted((call for call in calls if math.isfinite(call.value)), key=lambda call: -call.value)
    weights = 1 / (SHARP * len(ranked) + np.arange(len(ranked)) + 1)
    places = rng.choice(len(ranked), size=count, p=weights / weights.sum()) if ranked else []
    return [ranked[i].text for i in places]


def children_of(
    calls: Sequence[Call], count: int, rng: np.random.Generator, admits: Constraint | None = None
) -> list[str]:
    """Molecules that were not asked for and are admitted: two crossed, or one changed; fewer where few are new."""
    known, found = {call.text for call in calls}, dict[str, None]()
    for _ in range(max(TRIES, math.ceil(PAIRS / max(1, count)))):
        if len(found) >= count or len(pairs := parents_of(calls, 2 * count, rng)) < 2:
            break
        born = [_child(one, other, rng) for one, other in zip(pairs[::2], pairs[1::2], strict=True)]
        found |= dict.fromkeys(kept([child for child in born if child and child not in known], admits))
    return list(found)[:count]


def _child(one: str, other: str, rng: np.random.Generator) -> str | None:
    child = crossed(one, other, rng) if rng.random() < MUTATED else one
    if child and (child == one or rng.random() < MUTATED):
        child = mutated(child, rng)
    return child if child and shared(child).GetNumHeavyAtoms() <= LARGEST else None
