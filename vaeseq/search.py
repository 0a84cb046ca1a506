"""Searching a latent space for texts that an oracle likes, in few calls.

The one module of this package that needs botorch and gpytorch; they are imported when a model of the oracle is fitted.

Each round proposes texts from the calls of the rounds before and nothing else, so a search that is killed and started
again with the calls it paid for goes on as if nothing had happened.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeseq.errors import InputError
from vaeseq.walks import TextSpace

if TYPE_CHECKING:
    from botorch.models import SingleTaskGP

Oracle = Callable[[Sequence[str]], np.ndarray]
Method = Literal["bayesian", "random_prior"]

_CHUNK = 64  # prior draws decoded at a time
_PATIENCE = 20  # chunks in a row without anything new before a space counts as exhausted


@dataclass(frozen=True)
class SearchConfig:
    """How many oracle calls, and how they are spent.

    Attributes:
        budget: Distinct texts that the oracle is asked for in all.
        initial: Of these, texts decoded from draws of the prior before a model is fitted.
        batch: Texts of one round after that.
        candidates: Codes decoded to choose a round from.
    """

    budget: int = 200
    initial: int = 50
    batch: int = 10
    candidates: int = 256

    def __post_init__(self) -> None:
        for name in ("budget", "initial", "batch", "candidates"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if self.candidates < self.batch:
            raise InputError(f"candidates must be at least a batch of {self.batch}, got {self.candidates!r}")

    def rounds(self) -> Iterator[tuple[int, int]]:
        """First and last-but-one call of each round."""
        first = min(self.initial, self.budget)
        yield 0, first
        for start in range(first, self.budget, self.batch):
            yield start, min(start + self.batch, self.budget)


class Call(NamedTuple):
    """One text that the oracle was asked for.

    Attributes:
        text: The text.
        value: Higher is better; nan where the oracle has none.
        seconds: Since the search began, pauses left out.
    """

    text: str
    value: float
    seconds: float


def search(
    space: TextSpace,
    oracle: Oracle,
    config: SearchConfig,
    *,
    method: Method = "bayesian",
    seed: int = 0,
    calls: Sequence[Call] = (),
) -> Iterator[list[Call]]:
    """Ask the oracle for new texts, round by round, and yield each round's calls once they are answered.

    Both methods start with the same texts, decoded greedily from draws of the prior; ``random_prior`` goes on like that.
    A text is asked for once: what decodes to a known one costs nothing and counts nothing. The search ends early when
    the space has no more new texts to give.

    Args:
        space: ``decode`` gives '' for what is no candidate; ``encode`` reads all other texts it gives.
        oracle: One value per text, higher is better, nan for a text that has none.
        config: The budget.
        method: How texts are chosen.
        seed: Two searches with the same seed and space ask for the same texts.
        calls: What an earlier search with the same arguments has paid for; none of it is asked for again.

    Raises:
        InputError: The oracle does not give one number per text.
    """
    paid, prior, codes = list(calls), _PriorTexts(space, seed), []
    began = time.monotonic() - (paid[-1].seconds if paid else 0.0)
    for start, end in config.rounds():
        if len(paid) < end:
            proposed = prior.new(end - start, {call.text for call in paid[:start]})
            if method == "bayesian" and start:
                proposed = _proposed(space, torch.cat(codes), paid[:start], end - start, prior, config, seed)
            known = {call.text for call in paid}
            texts = [text for text in proposed if text not in known][: end - len(paid)]
            values = _asked(oracle, texts)
            seconds = time.monotonic() - began
            answered = [Call(text, value, seconds) for text, value in zip(texts, values, strict=True)]
            if answered:
                paid += answered
                yield answered
            if len(paid) < end:
                return
        # Round by round, so that a resumed search sees the very same numbers.
        codes.append(space.encode([call.text for call in paid[start:end]]).mean)


def _asked(oracle: Oracle, texts: list[str]) -> list[float]:
    if not texts:
        return []
    values = np.asarray(oracle(texts), dtype=np.float64)
    if values.shape != (len(texts),):
        raise InputError(f"oracle must give one number per text, got shape {values.shape} for {len(texts)} texts")
    return values.tolist()


class _PriorTexts:
    """The distinct texts of an endless row of draws from the prior, decoded as far as needed."""

    def __init__(self, space: TextSpace, seed: int) -> None:
        self._space, self._seed = space, seed
        self._texts: dict[str, None] = {}
        self._chunk = self._barren = 0

    def new(self, count: int, known: set[str]) -> list[str]:
        """The first ``count`` that are not known; fewer when nothing new comes any more."""
        while self._barren < _PATIENCE and len(self._texts.keys() - known) < count:
            z = self._space.prior_sample(_CHUNK, seed=_mixed(self._seed, self._chunk))
            before = len(self._texts)
            self._texts.update(dict.fromkeys(text for text in self._space.decode(z) if text))
            self._chunk += 1
            self._barren = 0 if len(self._texts) > before else self._barren + 1
        return [text for text in self._texts if text not in known][:count]


def _mixed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
