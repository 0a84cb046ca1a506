"""One function over many rows in processes that can be killed: a row that hangs or crashes costs that row alone.

The processes are this machine's cores, or the workers of the Dask cluster whose scheduler's address stands in
``LATENTPATH_DASK``; what comes out is the same.
"""

import itertools
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING, Any, TypeVar

from vaeseq.errors import Rejected

if TYPE_CHECKING:
    from vaeseq.cluster import Cluster

Item = TypeVar("Item")
Result = TypeVar("Result")
_CLUSTER = "LATENTPATH_DASK"
_LARGE = 4_000_000  # bytes of a chunk as it is sent: a usual row is a hundred, but any may be a million


class Lost(Exception):
    """The process at work on a chunk died or had to be killed; ``reason`` is ``timeout`` or ``crashed``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    preload: Sequence[str] = (),
    chunk: int | None = None,
    in_turn: bool = False,
    seconds: float = 60.0,
) -> Iterator[tuple[Item, Result | Rejected]]:
    """Each item with what ``function`` makes of it, in order, whatever the number of workers.

    ``function`` must be picklable and raise ``Rejected`` for an item it cannot use. A chunk that takes too long or
    kills its worker is done again item by item: the guilty one becomes ``Rejected("timeout")`` or
    ``Rejected("crashed")``. At most two chunks for each worker are in memory, each of a few megabytes.

    Args:
        function: What to do.
        items: Read as they are needed.
        workers: Processes of this machine; None takes one for each core. A cluster has its own.
        preload: Modules that workers need, imported once for all of them.
        chunk: Items sent to a worker at once, fewer where they are long; None takes 256, on a cluster 512.
        in_turn: An item is read only when the result before it has been used, as whoever sends them may wait for that;
            by one process, whatever ``workers`` and ``chunk`` say.
        seconds: Time for a chunk, and for an item by itself.

    Raises:
        InputError: ``LATENTPATH_DASK`` names no cluster that can be used, or its scheduler is lost.
        RuntimeError: No process can start, as where the calling program has no ``if __name__ == "__main__":``.
    """
    workers, chunk = (1, 1) if in_turn else (workers, chunk)
    context = _context(preload)
    waiting: deque[tuple[tuple[Item, ...], Any]] = deque()
    source, count, ahead = iter(items), workers or cores(), iter(())
    if not os.environ.get(_CLUSTER):
        ahead, count = _no_more_than_chunks(_chunks(source, chunk or _Pool.chunk), count)
    with closing(_workers(function, context, count, seconds)) as running:
        batches = itertools.chain(ahead, _chunks(source, chunk or running.chunk))
        while True:
            room = min(1, running.room) if in_turn else running.room
            while len(waiting) < room and (batch := next(batches, None)):
                waiting.append((batch, running.submit(batch)))
            if not waiting:
                return
            batch, handle = waiting.popleft()
            try:
                results = running.results(handle)
            except Lost:
                _must_start(context, seconds)
                results = _one_by_one(function, batch, context, seconds)
            yield from zip(batch, results, strict=True)


def _chunks(items: Iterator[Item], count: int) -> Iterator[tuple[Item, ...]]:
    """So many items at once, or fewer where they are long; all that are taken are in a chunk when it is given out."""
    chunk, size = [], 0
    for item in items:
        chunk.append(item)
        size += len(pickle.dumps(item))
        if len(chunk) == count or size >= _LARGE:
            yield tuple(chunk)
            chunk, size = [], 0
    if chunk:
        yield tuple(chunk)


def _no_more_than_chunks(chunks: Iterator[tuple[Item, ...]], count: int) -> tuple[Iterator[tuple[Item, ...]], int]:
    """The first chunks and how many processes suit them: one stopped while it still starts prints a traceback."""
    ahead = list(itertools.islice(chunks, count))
    return iter(ahead), max(1, len(ahead))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(function: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result | Rejected]:
    """What a worker does with a chunk."""
    return [_one(function, item) for item in chunk]


def _in_time(function: Callable[[Item], Result], chunk: Sequence[Item], seconds: float) -> list[Result | Rejected]:
    """``each``, in a process that ends by itself where whoever is to end it in time is no more."""
    signal.setitimer(signal.ITIMER_REAL, 2 * seconds)
    try:
        return each(function, chunk)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _one(function: Callable[[Item], Result], item: Item) -> Result | Rejected:
    try:
        return function(item)
    except Rejected as rejected:
        return rejected
    except (MemoryError, RuntimeError, OverflowError):  # what a library throws from inside on a row nobody thought of
        return Rejected("crashed")


def _workers(function: Callable[[Item], Result], context: BaseContext, count: int, seconds: float) -> "_Pool | Cluster":
    if address := os.environ.get(_CLUSTER):
        from vaeseq.cluster import Cluster

        return Cluster(function, address, seconds)
    return _Pool(function, context, count, seconds)


def _context(preload: Sequence[str]) -> BaseContext:
    # A plain fork would copy the threads' locks of torch and tokenizers in whatever state they are.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    return context


class _Pool:
    """Processes of this machine."""

    chunk = 256

    def __init__(self, function: Callable[[Item], Result], context: BaseContext, workers: int, seconds: float) -> None:
        self._function, self._context, self._count, self._seconds = function, context, workers, seconds
        self.room = 2 * workers
        self._start()

    def _start(self) -> None:
        from pebble import ProcessPool

        self._pool = ProcessPool(max_workers=self._count, context=self._context)

    def submit(self, chunk: Sequence[Item]) -> Future:
        if not self._pool.active:
            self.close()
            self._start()
        return self._pool.schedule(_in_time, (self._function, chunk, self._seconds), timeout=self._seconds)

    def results(self, handle: Future) -> list[Result | Rejected]:
        from pebble import ProcessExpired

        while not wait([handle], timeout=1.0).done:
            if not self._pool.active:  # it gave up where a process could not start, and leaves all as it was
                raise Lost("crashed")
        try:
            return handle.result()
        except TimeoutError as error:
            raise Lost("timeout") from error
        except (ProcessExpired, BrokenProcessPool, CancelledError) as error:
            raise Lost("crashed") from error

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()


def _must_start(context: BaseContext, seconds: float) -> None:
    """No row is to blame where no process starts at all."""
    with closing(_Pool(str, context, 1, seconds)) as alone:
        try:
            alone.results(alone.submit(()))
        except Lost as lost:
            raise RuntimeError(
                "no worker process can start: each imports the main program, which must be a file or a module, and "
                'do its work below if __name__ == "__main__":'
            ) from lost


def _one_by_one(
    function: Callable[[Item], Result], batch: Sequence[Item], context: BaseContext, seconds: float
) -> list[Result | Rejected]:
    results: list[Result | Rejected] = []
    left = deque(batch)
    while left:
        # A worker that died may have left the pool unable to go on.
        with closing(_Pool(function, context, 1, seconds)) as alone:
            try:
                while left:
                    results += alone.results(alone.submit((left.popleft(),)))
            except Lost as lost:
                results.append(Rejected(lost.reason))
    return results
