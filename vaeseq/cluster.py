"""The workers of a Dask cluster, which may come, go and die while they are used.

References:
    Rocklin (2015), Dask: parallel computation with blocked algorithms and task scheduling,
    https://doi.org/10.25080/Majora-7b98e3ed-013
"""

import faulthandler
import functools
import hashlib
import pickle
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaeseq.errors import InputError
from vaeseq.parallel import Lost, each

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT, _FIRST_WORKER, _PATIENCE = 10, 60, 60  # seconds
_PACKAGES = ("pipelines", "vaemol", "vaeseq", "vaetext")
_LIBRARIES = ("rdkit", "selfies")  # another release may write another row


class Cluster:
    """Chunks on their way to the workers, as ``vaeseq.parallel.ordered_map`` needs them.

    Dask gives a chunk whose worker died to another, and gives it up when it has cost several workers.
    """

    chunk = 512  # the milliseconds that a chunk costs on its way are then little

    def __init__(self, function: Callable[[Any], object], address: str, seconds: float) -> None:
        self._function, self._address, self._seconds = function, address, seconds
        self._client = _client(address)

    @property
    def room(self) -> int:
        """Two chunks for each of the workers that are there now.

        Raises:
            InputError: One of them has several threads.
        """
        threads = self._ask(self._client.nthreads)
        if any(count > 1 for count in threads.values()):  # a hanging library is stopped with its process
            raise InputError(f"workers of {self._address!r} must have one thread each: dask worker --nthreads 1")
        return 2 * max(1, len(threads))

    def submit(self, chunk: Sequence[object]) -> "Future":
        """Have a chunk done by whichever worker is free."""
        if self._client.status != "running":
            raise self._gone()
        # Packed, so that Dask does not look into every row for results of other tasks.
        packed = pickle.dumps((self._function, chunk))
        return self._client.submit(_chunk_done, _mark(), packed, self._seconds, pure=False)

    def results(self, handle: "Future") -> list[Any]:
        """What was made of a chunk, waited for as long as it takes; where there are no workers, they may come.

        Raises:
            Lost: It cost several workers their lives.
            InputError: The scheduler is gone, or a worker differs from this process.
        """
        from distributed import CancelledError, KilledWorker

        while True:
            try:
                return pickle.loads(handle.result(timeout=_PATIENCE))
            except TimeoutError:
                if not self._ask(self._client.nthreads):
                    print(f"waiting for workers of the Dask scheduler {self._address!r}", file=sys.stderr)
            except KilledWorker as error:
                raise Lost("crashed") from error
            except CancelledError as error:
                raise self._gone() from error
            except RuntimeError as error:  # Dask's own; one from a row is a rejection
                if "deserialization" not in str(error):
                    raise
                raise InputError(f"the Dask scheduler {self._address!r} must have latentpath installed") from error

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self._client.close()

    def _ask(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the scheduler answers
        try:
            return call()
        except (OSError, RuntimeError, AttributeError) as error:  # by how far Dask has taken notice
            raise self._gone() from error

    def _gone(self) -> InputError:
        return InputError(f"the Dask scheduler {self._address!r} must stay until the end, and is gone: start again")


def _client(address: str) -> "Client":
    """Connected to a scheduler with workers that have what is here."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("LATENTPATH_DASK needs the extra 'dask', see docs/scale.md") from error
    try:
        client = Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"LATENTPATH_DASK must be the address of a Dask scheduler, got {address!r}") from error
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER)
        for mark in client.run(_mark, on_error="return").values():
            _check(mark, _mark())
    except OSError as error:
        client.close()
        raise InputError(f"the Dask scheduler {address!r} must have workers; none came in {_FIRST_WORKER} s") from error
    except InputError:
        client.close()
        raise
    return client


@functools.cache
def _mark() -> dict[str, str]:
    """What decides on a row: a hash of our own sources, and releases."""
    home, code = Path(__file__).parents[1], hashlib.blake2b(digest_size=8)
    for path in sorted(path for package in _PACKAGES for path in (home / package).rglob("*.py")):
        code.update(path.read_bytes())
    return {"latentpath": code.hexdigest(), **{name: metadata.version(name) for name in _LIBRARIES}}


def _check(mark: dict[str, str] | Exception, wanted: dict[str, str]) -> None:
    if mark != wanted:
        raise InputError(f"Dask workers must have latentpath as it is here, {wanted}, and its libraries; got {mark}")


def _chunk_done(wanted: dict[str, str], packed: bytes, seconds: float) -> bytes:
    """A chunk on a worker, which ends itself after so many seconds: only that stops a library that hangs."""
    _check(_mark(), wanted)
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        return pickle.dumps(each(*pickle.loads(packed)))
    finally:
        faulthandler.cancel_dump_traceback_later()
