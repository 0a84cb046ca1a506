"""A search in rounds: texts are proposed, an oracle is asked for them, and what it says is known to the next round.

Each round is a function of the calls of the rounds before and of nothing else, so a search that is killed and started
again with the calls it paid for goes on as if nothing had happened.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from vaeseq.asking import Oracle, answered
from vaeseq.errors import InputError


@dataclass(frozen=True)
class SearchConfig:
    """How many oracle calls, and how they are spent.

    Attributes:
        budget: Distinct texts that the oracle is asked for in all.
        initial: Of these, texts decoded from draws of the prior before a model is fitted.
        batch: Texts of one round after that.
        candidates: Codes decoded to choose a round from; as many as the round has where that is more.
    """

    budget: int = 200
    initial: int = 50
    batch: int = 10
    candidates: int = 128

    def __post_init__(self) -> None:
        for name in ("budget", "initial", "batch", "candidates"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")

    def rounds(self) -> Iterator[tuple[int, int]]:
        """First call of each round, and the first of the next."""
        first = min(self.initial, self.budget)
        yield 0, first
        for start in range(first, self.budget, self.batch):
            yield start, min(start + self.batch, self.budget)


class Call(NamedTuple):
    """One text that the oracle was asked for.

    Attributes:
        text: The text.
        value: Higher is better; nan where the oracle has none, or several.
        seconds: Since the search began, pauses left out.
        parts: The values of several objectives.
    """

    text: str
    value: float
    seconds: float
    parts: tuple[float, ...] = ()


class Source(Protocol):
    """Texts that depend on no value: where a search starts, and what it falls back on."""

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The next ``count`` that were not asked for; fewer where there are no more."""

    def new(self, count: int, known: set[str]) -> list[str]:
        """The next ``count`` that are not known; fewer where there are no more."""


Propose = Callable[[Sequence[Call], int], list[str]]  # from the calls of all rounds before, texts of the next


def searched(
    propose: Propose, oracle: Oracle, config: SearchConfig, *, calls: Sequence[Call] = ()
) -> Iterator[list[Call]]:
    """Ask the oracle for new texts, round by round, and yield calls once they are answered.

    Those of a round come together, or in pieces where the oracle fails on them together (``vaeseq.asking``).

    A text is asked for once: what is proposed again costs nothing and counts nothing. The search ends early when fewer
    texts are proposed than a round has.

    Args:
        propose: Gives the texts of a round.
        oracle: One value per text, higher is better, nan for a text that has none; or of several objectives as many.
        config: The budget.
        calls: What an earlier search with the same arguments has paid for; none of it is asked for again.

    Raises:
        InputError: The oracle does not give one number per text, nor as many numbers for each.
    """
    paid = list(calls)
    began = time.monotonic() - (paid[-1].seconds if paid else 0.0)
    for start, end in config.rounds():
        if len(paid) >= end:
            continue
        with _one_thread():
            proposed = propose(paid[:start], end - start)
        known = {call.text for call in paid}
        texts = [text for text in dict.fromkeys(proposed) if text not in known][: end - len(paid)]
        for piece, values in answered(oracle, texts):
            seconds = time.monotonic() - began
            paid += [_call(text, value, seconds) for text, value in zip(piece, values, strict=True)]
            yield paid[-len(piece) :]
        if len(paid) < end:
            return


def _call(text: str, value: np.ndarray, seconds: float) -> Call:
    return Call(text, math.nan, seconds, tuple(value.tolist())) if value.ndim else Call(text, float(value), seconds)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small batches and matrices lose more to threads than they gain, most of all on cores with other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
