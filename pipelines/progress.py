"""Progress on standard error: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS = 5.0


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many more of ``total`` are done, as often as one likes."""
    if not sys.stderr.isatty():
        yield _sparing(_SECONDS, lambda done: print(f"{label}: {done:,} of {total:,}", file=sys.stderr, flush=True))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield _sparing(0.1, lambda done: bar.update(task, completed=done))
        bar.update(task, completed=total)


def _sparing(seconds: float, show: Callable[[int], None]) -> Callable[[int], None]:
    done, last = 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        if (now := time.monotonic()) - last >= seconds:
            last = now
            show(done)

    return advance
