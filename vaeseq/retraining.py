"""A search whose model learns, as it goes, from the best of what was found.

References:
    Tripp, Daxberger and Hernández-Lobato (2020), Sample-efficient optimization in the latent space of deep generative
    models via weighted retraining, https://arxiv.org/abs/2006.09191
"""

import copy
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from vaeseq.corpus import SPLITS, Corpus
from vaeseq.diagnostics import summarise
from vaeseq.fronts import weighed
from vaeseq.objectives import ObjectiveConfig
from vaeseq.rounds import Call, Propose
from vaeseq.seeds import mixed_seed
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

EVERY = 100  # calls between two times that the model learns
SHARP = 1e-3  # of the weights by rank: smaller gives more to the best
ROWS, HELD_OUT = 2_048, 64  # texts drawn with these weights to learn from, and to be looked at
STEPS, BATCH, RATE = 64, 64, 5e-4  # of an optimiser, rows of each, and its learning rate


class Retrained:
    """Proposes what another search does in the space of a model that has learnt from the calls so far.

    Args:
        space: Of the model before.
        texts: What the model reads of each call's text; '' where it cannot read it.
        search: Makes the other search of a space.
        seed: Of all that is random.
    """

    def __init__(
        self,
        space: LatentSpace,
        texts: Callable[[Sequence[str]], list[str]],
        search: Callable[[LatentSpace], Propose],
        seed: int,
    ) -> None:
        self._texts, self._search, self._seed = texts, search, seed
        self._space, self._learnt, self._propose = space, 0, search(space)

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The texts of one round."""
        # One time after the other, so that a resumed search has the very same model.
        while (end := self._learnt + EVERY) <= len(calls):
            # Of several objectives the weights are of so many calls too, not of the round that asks.
            known = weighed(calls[:end], self._seed) if calls[0].parts else calls[:end]
            valued = [call for call in known if math.isfinite(call.value)]
            read = self._texts([call.text for call in valued])
            if pairs := [(text, call.value) for text, call in zip(read, valued, strict=True) if text]:
                texts, values = zip(*pairs, strict=True)
                seed = mixed_seed(self._seed, end)
                self._space = retrained(self._space, texts, by_rank(np.array(values)), seed=seed)
                self._propose = self._search(self._space)
            self._learnt = end
        return self._propose(calls, count)


def by_rank(values: np.ndarray) -> np.ndarray:
    """Weights ``1 / (k n + rank)`` that sum to one, of n values, the highest of rank 1.

    Tripp et al. (equation 6) count from 0, which leaves little to any but the best of a hundred calls.
    """
    ranks = np.empty(len(values))
    ranks[np.argsort(-values, kind="stable")] = np.arange(len(values))
    weights = 1 / (SHARP * len(values) + ranks + 1)
    return weights / weights.sum()


def retrained(space: LatentSpace, texts: Sequence[str], weights: np.ndarray, *, seed: int) -> LatentSpace:
    """The space of a model that has learnt on from texts drawn with these weights, at the rate that it has for them."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(texts), size=ROWS + HELD_OUT, p=weights)
    rows = space.tokenizer.encode_batch([texts[i] for i in drawn])
    split = np.repeat(np.array([SPLITS.index("train"), SPLITS.index("valid")], np.uint8), [ROWS, HELD_OUT])
    offsets = np.array([0, *itertools.accumulate(map(len, rows))])
    corpus = Corpus(np.concatenate(rows).astype(np.uint16), offsets, split)
    whole = copy.deepcopy(space.vae)
    learner = whole.as_trained()  # the same modules; a prior that was fitted afterwards stays as it is
    rate = summarise(learner, corpus, corpus.rows("valid"), seed=0).kl
    train = TrainConfig(STEPS, BATCH, RATE, evaluate_every=STEPS, evaluate_rows=HELD_OUT)
    aim = ObjectiveConfig() if learner.discrete else ObjectiveConfig(rate=max(rate, 1e-3))
    with torch.random.fork_rng([space.device] if space.device.type == "cuda" else []):
        for _ in fit(TrainState(learner, train, aim, seed=seed % 2**31), corpus, record_every=STEPS):
            pass
    return space.of(whole)
