"""Several objectives at once: which texts no other beats in all of them, and a search for such, or for a sum.

References:
    Knowles (2006), ParEGO (each round weighs the objectives by chance; equation 2), https://doi.org/10.1109/TEVC.2005.851274
"""

import math
from collections.abc import Sequence

import numpy as np

from vaeseq.rounds import Call, Propose
from vaeseq.seeds import mixed_seed

_WEIGHTS = 1  # which of the streams of a round the weights come from
_SUM = 0.05  # weight of the plain sum beside the largest lack: of two texts that share it, the better one


def on_front(values: np.ndarray) -> np.ndarray:
    """Whether no other row is at least as good in every objective and better in one, ``(texts,)``.

    Args:
        values: ``(texts, objectives)``, higher is better; a row with a nan is never on the front.
    """
    found = np.zeros(len(values), dtype=bool)
    front, size = np.empty_like(values), 0
    # What beats a row comes before it when the highest come first, and so does a row of the front that beats it too.
    for i in np.lexsort(-values.T[::-1]):
        if np.isfinite(values[i]).all() and not _beaten(values[i], front[:size]):
            found[i], front[size], size = True, values[i], size + 1
    return found


def beaten_share(values: np.ndarray, *, by: np.ndarray) -> float:
    """Share of the front of some rows that a row of others beats; nan without a front.

    Args:
        values: ``(texts, objectives)``, higher is better.
        by: The others.

    References:
        Zitzler and Thiele (1999), equation 1 (coverage; there a row as good counts as beating too),
        https://doi.org/10.1109/4235.797969
    """
    others = by[np.isfinite(by).all(axis=1)]
    front = values[on_front(values)]
    return float(np.mean([_beaten(row, others) for row in front])) if len(front) else math.nan


def _beaten(row: np.ndarray, others: np.ndarray) -> bool:
    return bool(((others >= row).all(axis=1) & (others > row).any(axis=1)).any())


class Weighed:
    """Proposes what another search does for a single value, which weighs the objectives anew by chance in each round.

    Args:
        propose: A search of one objective.
        seed: Of the weights.
        weights: Where there are any, the value is the sum by these instead.
    """

    def __init__(self, propose: Propose, seed: int, weights: Sequence[float] = ()) -> None:
        self._propose, self._seed, self._weights = propose, seed, weights

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The texts of one round."""
        if not calls:
            return self._propose(calls, count)
        return self._propose(summed(calls, self._weights) if self._weights else weighed(calls, self._seed), count)


def summed(calls: Sequence[Call], weights: Sequence[float]) -> list[Call]:
    """The calls with one value each, the sum of their parts by weights; without weights as they are."""
    if not weights:
        return list(calls)
    return [call._replace(value=float(np.dot(call.parts, weights))) for call in calls]


def weighed(calls: Sequence[Call], seed: int) -> list[Call]:
    """``as_one`` with weights by chance, the same for so many calls of a seed."""
    rng = np.random.default_rng(mixed_seed(seed, len(calls), _WEIGHTS))
    return as_one(calls, rng.dirichlet(np.ones(len(calls[0].parts))))


def as_one(calls: Sequence[Call], weights: np.ndarray) -> list[Call]:
    """The calls with one value each: ``-max_j w_j l_j - .05 sum_j w_j l_j`` of what each lacks to the best, 0 to 1."""
    values = np.array([call.parts for call in calls])
    whole = np.isfinite(values).all(axis=1)
    if not whole.any():
        return [call._replace(value=math.nan) for call in calls]
    low, high = values[whole].min(axis=0), values[whole].max(axis=0)
    lacks = weights * (high - values) / np.where(high > low, high - low, 1.0)
    found = np.where(whole, -lacks.max(axis=1) - _SUM * lacks.sum(axis=1), math.nan)
    return [call._replace(value=value) for call, value in zip(calls, found.tolist(), strict=True)]
