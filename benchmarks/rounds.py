"""Several programs measured side by side: each in a process of its own, one round of each after the other.

Machines drift; what is quoted are medians over the rounds, and the medians of the ratios within a round.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

Contender = Callable[[], Iterator[float]]  # each item is what one round has to show


class Round(NamedTuple):
    """One round of one contender."""

    value: float
    seconds: float

    @property
    def rate(self) -> float:
        """The value a second."""
        return self.value / self.seconds


def measured(contenders: Mapping[str, Contender], count: int, *, warmup: int = 1) -> dict[str, list[Round]]:
    """The rounds of each contender, after some to warm up.

    Contenders must be picklable; their preparations are not measured.
    """
    context = multiprocessing.get_context("spawn")
    running = {}
    for name, contender in contenders.items():
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(contender, there), daemon=True)
        process.start()
        there.close()
        running[name] = here, process
    kept: dict[str, list[Round]] = {name: [] for name in contenders}
    for i in range(warmup + count):
        for name, (pipe, _) in running.items():
            pipe.send(None)
            found = Round(*pipe.recv())
            if i >= warmup:
                kept[name].append(found)
    for _, process in running.values():
        process.kill()
        process.join()
    return kept


def rate(rounds: Sequence[Round]) -> float:
    """Median of what was done a second."""
    return statistics.median(each.rate for each in rounds)


def ratio(one: Sequence[Round], other: Sequence[Round]) -> float:
    """Median over the rounds of what one did for each that the other did in the same time."""
    return statistics.median(a.rate / b.rate for a, b in zip(one, other, strict=True))


def _serve(contender: Contender, pipe: Connection) -> None:
    rounds = contender()
    while True:
        pipe.recv()
        started = time.perf_counter()
        value = next(rounds)
        pipe.send((value, time.perf_counter() - started))
