"""How much memory processes hold at most, and what a contender takes in time and memory."""

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import psutil

from benchmarks import rounds

_EVERY = 0.2  # seconds between two looks


class Footprint(NamedTuple):
    """``peak_rss_gb`` is the sum over the processes in 10^9 bytes; what they share counts once for each."""

    value: float
    seconds: float
    peak_rss_gb: float


def of(contender: rounds.Contender, count: int) -> Footprint:
    """The median of some rounds of a contender in a fresh process, after one to warm up."""
    with watched() as seen:
        found = rounds.measured({"one": contender}, count)["one"]
    return Footprint(found[0].value, statistics.median(each.seconds for each in found), max(seen) / 1e9)


@contextmanager
def watched() -> Iterator[list[int]]:
    """Give a list that fills with the resident bytes of all processes below this one."""
    seen, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(_EVERY):
            seen.append(sum(map(_resident, psutil.Process().children(recursive=True))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return process.memory_info().rss
    return 0
