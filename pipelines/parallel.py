"""One function over many rows in processes that can be killed: a row that hangs or crashes costs that row alone."""

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from vaeseq.errors import Rejected

Item = TypeVar("Item")
Result = TypeVar("Result")
_LOST = (TimeoutError, ProcessExpired, BrokenProcessPool, CancelledError)


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    preload: Sequence[str] = (),
    chunk: int = 256,
    chunk_seconds: float = 120.0,
    row_seconds: float = 20.0,
) -> Iterator[tuple[Item, Result | Rejected]]:
    """Each item with what ``function`` makes of it, in order, whatever the number of workers.

    ``function`` must be picklable and raise ``Rejected`` for an item it cannot use. A chunk that takes too long or
    kills its worker is done again item by item: the guilty one becomes ``Rejected("timeout")`` or
    ``Rejected("crashed")``. Few chunks are in memory at any time.

    Args:
        function: What to do.
        items: Read as they are needed.
        workers: Processes; None takes one for each core.
        preload: Modules that workers need, imported once for all of them.
        chunk: Items sent to a worker at once.
        chunk_seconds: Time for a chunk.
        row_seconds: Time for an item when a chunk has failed.
    """
    workers = workers or cores()
    context = _context(preload)
    waiting: deque[tuple[tuple[Item, ...], ProcessFuture]] = deque()
    pool = ProcessPool(max_workers=workers, context=context)
    source = iter(items)
    try:
        while True:
            while len(waiting) < 2 * workers and (batch := tuple(itertools.islice(source, chunk))):
                if not pool.active:
                    _end(pool)
                    pool = ProcessPool(max_workers=workers, context=context)
                waiting.append((batch, pool.schedule(_each, (function, batch), timeout=chunk_seconds)))
            if not waiting:
                return
            batch, future = waiting.popleft()
            try:
                results = future.result()
            except _LOST:
                results = _one_by_one(function, batch, context, row_seconds)
            yield from zip(batch, results, strict=True)
    finally:
        _end(pool)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _context(preload: Sequence[str]) -> BaseContext:
    # A plain fork would copy the threads' locks of torch and tokenizers in whatever state they are.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    return context


def _each(function: Callable[[Item], Result], batch: Sequence[Item]) -> list[Result | Rejected]:
    return [_one(function, item) for item in batch]


def _one(function: Callable[[Item], Result], item: Item) -> Result | Rejected:
    try:
        return function(item)
    except Rejected as rejected:
        return rejected
    except (MemoryError, RuntimeError):  # what a library throws from inside on a row nobody thought of
        return Rejected("crashed")


def _one_by_one(
    function: Callable[[Item], Result], batch: Sequence[Item], context: BaseContext, seconds: float
) -> list[Result | Rejected]:
    results = []
    pool = ProcessPool(max_workers=1, context=context)
    for item in batch:
        try:
            results.append(pool.schedule(_one, (function, item), timeout=seconds).result())
        except _LOST as error:
            results.append(Rejected("timeout" if isinstance(error, TimeoutError) else "crashed"))
            # A worker that died may have left the pool unable to go on.
            _end(pool)
            pool = ProcessPool(max_workers=1, context=context)
    _end(pool)
    return results


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()
