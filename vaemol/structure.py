"""Search in the space of structures: a Gaussian process over graphs chooses among what the latent space proposes.

The process sees molecules, not codes, so it does not matter how the latent space is bent; the latent space gives what
is worth looking at: neighbours of good molecules, what lies between two of them, and draws of the prior.

References:
    Moss, Ober and Diethe (2025), Return of the latent space COWBOYS, https://arxiv.org/abs/2507.03910
    Gao et al. (2022), PMO, https://arxiv.org/abs/2206.12411
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vaemol.breeding import children_of, parents_of
from vaemol.constraints import Constraint
from vaemol.rereadable import Rereadable
from vaemol.surrogate import TanimotoProcess
from vaeseq.paths import mixed
from vaeseq.rounds import Call, Source
from vaeseq.seeds import mixed_seed

BEST, OTHERS = 600, 400  # calls that the process is fitted to: of the highest values, and of all others at random
FINAL = 400  # candidates that the functions are drawn at: those of the highest optimistic value
STEPS = 0.05, 1.0  # noise around a code, in standard deviations of N(0, I)
CROSSED = 0.5  # share of the codes that are between two parents
DRAWN = 0.1  # share of the codes that are drawn from the prior
ENCODED = 100  # molecules that are encoded together


class Structural:
    """Proposes the molecules that promise the most by a Gaussian process over structures.

    Args:
        space: Gives candidates: decoded from codes around and between those of good molecules, and from the prior.
        source: Texts of the first round, and where few candidates are new.
        seed: Of all that is random.
        candidates: Of each round from the space, and as many from a genetic algorithm.
        share: Of the texts of a round, those that are decoded from codes; 0 is the search without the space.
        admits: What candidates must hold; the space decodes only such.
    """

    def __init__(
        self,
        space: Rereadable,
        source: Source,
        *,
        seed: int,
        candidates: int = 500,
        share: float = 0.5,
        admits: Constraint | None = None,
    ) -> None:
        self._space, self._source, self._seed = space, source, seed
        self._candidates, self._share, self._admits = candidates, share, admits
        self._codes = functools.cache(lambda texts: space.encode(texts).mean)

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The texts of one round."""
        finite = [call for call in calls if math.isfinite(call.value)]
        seed = mixed_seed(self._seed, len(calls))
        rng = np.random.default_rng(seed)
        if len({call.value for call in finite}) < 2:  # a single lead says nothing of what is better
            found = dict.fromkeys(self._source(calls, count))
            if len(found) < count:
                found |= dict.fromkeys(self._decoded(calls, rng))
            if len(found) < count:
                found |= dict.fromkeys(children_of(calls, count, rng, self._admits))
            return list(found)[:count]
        model = self._model(finite, rng)
        decoded = self._decoded(calls, rng)
        known = {call.text for call in calls}.union(decoded)
        bred = [text for text in children_of(calls, self._candidates, rng, self._admits) if text not in known]
        # The share of all calls, so that rounds of one have it too.
        share = math.floor(self._share * (len(calls) + count)) - math.floor(self._share * len(calls))
        chosen = _promising(model, decoded, share, mixed_seed(seed, 1))
        chosen += _promising(model, bred, count - len(chosen), mixed_seed(seed, 2))
        left = [text for text in decoded if text not in chosen]
        chosen += _promising(model, left, count - len(chosen), mixed_seed(seed, 3))
        return chosen + self._source.new(count - len(chosen), known.union(chosen))

    def _model(self, calls: Sequence[Call], rng: np.random.Generator) -> TanimotoProcess:
        ranked = sorted(calls, key=lambda call: -call.value)
        others = rng.permutation(len(ranked[BEST:]))[:OTHERS]
        chosen = ranked[:BEST] + [ranked[BEST + i] for i in others]
        order = rng.permutation(len(chosen))  # the settings are fitted to the first of them
        return TanimotoProcess([chosen[i].text for i in order], [chosen[i].value for i in order])

    def _decoded(self, calls: Sequence[Call], rng: np.random.Generator) -> list[str]:
        """Molecules of codes around and between those of good ones, and from the prior; none that was asked for."""
        if not self._share:
            return []
        drawn = math.ceil(DRAWN * self._candidates)
        codes = self._space.prior_sample(drawn, seed=mixed_seed(self._seed, len(calls), 4))
        codes = torch.cat([codes, self._near(calls, self._candidates - drawn, rng)])
        known = {"", *(call.text for call in calls)}
        return [text for text in dict.fromkeys(self._space.molecules(codes)) if text not in known]

    def _near(self, calls: Sequence[Call], count: int, rng: np.random.Generator) -> Tensor:
        """Codes around and between those of good molecules, ``(count, latent)``; none where none is read."""
        read = [call for call in calls if self._space.reads(call.text)]
        if not (parents := parents_of(read, 2 * count, rng)):
            return torch.empty(0, self._space.latent)
        place = {call.text: i for i, call in enumerate(read)}
        # In blocks, for the calls only grow: those of whole blocks are encoded once, and a resumed search sees the very
        # same numbers.
        texts = tuple(place)
        blocks = [texts[start : start + ENCODED] for start in range(0, len(texts), ENCODED)]
        codes = torch.cat([self._codes(block) for block in blocks])
        return around(torch.stack([codes[[place[text] for text in parents[i::2]]] for i in (0, 1)], dim=1), rng)


def around(pairs: Tensor, rng: np.random.Generator) -> Tensor:
    """Codes near or between two codes each, ``(count, 2, latent)`` to ``(count, latent)``."""
    count, _, latent = pairs.shape
    share = rng.uniform(size=count) * (rng.uniform(size=count) < CROSSED)
    weights = torch.tensor(np.stack([1 - share, share], axis=1), dtype=pairs.dtype)
    between = torch.cat([mixed(pair, weight.unsqueeze(0)) for pair, weight in zip(pairs, weights, strict=True)])
    low, high = np.log(STEPS)
    step = torch.tensor(np.exp(rng.uniform(low, high, size=(count, 1))), dtype=pairs.dtype)
    return between + step * torch.tensor(rng.standard_normal((count, latent)), dtype=pairs.dtype)


def _promising(model: TanimotoProcess, smiles: Sequence[str], count: int, seed: int) -> list[str]:
    """Of each of ``count`` functions that the process may be, the molecule where it is the highest, none twice."""
    if not smiles or count < 1:
        return []
    mean, covariance = model.posterior(smiles)
    hopes = mean + 2 * covariance.diagonal().clamp(min=0).sqrt()
    kept = [smiles[i] for i in hopes.argsort(descending=True, stable=True)[:FINAL].tolist()]
    chosen: dict[str, None] = {}
    for function in model.drawn(kept, count, seed=seed):
        best = function.argsort(descending=True, stable=True).tolist()
        chosen[next(kept[i] for i in best if kept[i] not in chosen or len(chosen) == len(kept))] = None
    return list(chosen)
