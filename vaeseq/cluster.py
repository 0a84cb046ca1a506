"""The workers of a Dask cluster, which may come, go and die while they are used.

References:
    Rocklin (2015), Dask: parallel computation with blocked algorithms and task scheduling,
    https://doi.org/10.25080/Majora-7b98e3ed-013
"""

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, TypeVar

from vaeseq.errors import InputError, Rejected
from vaeseq.parallel import Lost, each

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")

_CONNECT, _FIRST_WORKER = 10, 60  # seconds to wait
# What a row holds depends on their releases.
_DECIDING = ("latentpath", "rdkit", "selfies", "tokenizers")


class Cluster:
    """Chunks on their way to the workers; see ``vaeseq.parallel.Workers``.

    Dask gives a chunk whose worker died to another, and gives it up when it has cost several workers.
    """

    chunk = 1_024  # what a chunk costs on its way, some milliseconds, is then little

    def __init__(self, function: Callable[[Item], Result], address: str, seconds: float) -> None:
        self._function, self._address, self._seconds = function, address, seconds
        self._client = _client(address)

    @property
    def room(self) -> int:
        """Two chunks for each thread of the workers that are there now."""
        return 2 * max(1, sum(self._client.nthreads().values()))

    def submit(self, chunk: Sequence[Item]) -> "Future":
        """Have a chunk done by whichever worker is free."""
        self._check()
        # Packed, so that Dask does not look into every row for results of other tasks.
        return self._client.submit(_packed, _releases(), pickle.dumps((self._function, chunk)), pure=False)

    def results(self, handle: "Future") -> list[Result | Rejected]:
        """What was made of a chunk.

        Raises:
            Lost: It cost several workers their life, or none has done it in time.
            InputError: The scheduler is gone, or workers cannot do what is done here.
        """
        from distributed import CancelledError, KilledWorker

        try:
            return pickle.loads(handle.result(timeout=self._seconds))
        except KilledWorker as error:
            raise Lost("crashed") from error
        except TimeoutError as error:
            self._restart_worker_of(handle)
            raise Lost("timeout") from error
        except CancelledError as error:
            self._check()
            raise Lost("crashed") from error
        except RuntimeError as error:  # Dask's own; one from a row is a rejection
            raise InputError(f"the Dask scheduler {self._address!r} must have latentpath installed") from error

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        self._client.close()

    def _check(self) -> None:
        if self._client.status != "running":
            raise InputError(f"the Dask scheduler {self._address!r} must stay until the end, and is gone: start again")

    def _restart_worker_of(self, handle: "Future") -> None:
        """A thread cannot be interrupted, so its whole process has to go; without a nanny it stays lost."""
        busy = [worker for worker, tasks in self._client.processing().items() if handle.key in tasks]
        handle.cancel()
        nannies = {worker for worker, its in self._client.scheduler_info(-1)["workers"].items() if its["nanny"]}
        if found := [worker for worker in busy if worker in nannies]:
            self._client.restart_workers(found, raise_for_error=False)


def _client(address: str) -> "Client":
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("LATENTPATH_DASK needs the extra of that name: pip install 'latentpath[dask]'") from error
    try:
        client = Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"LATENTPATH_DASK must be the address of a Dask scheduler, got {address!r}") from error
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER)
    except TimeoutError as error:
        client.close()
        raise InputError(
            f"the Dask scheduler {address!r} must have workers, and none came within {_FIRST_WORKER} seconds"
        ) from error
    return client


@functools.cache
def _releases() -> Mapping[str, str | None]:
    return {name: _release(name) for name in _DECIDING}


def _release(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _packed(releases: Mapping[str, str | None], packed: bytes) -> bytes:
    """A chunk on a worker."""
    if releases != _releases():
        raise InputError(f"Dask workers must have the releases {releases}, one has {_releases()}")
    try:
        function, chunk = pickle.loads(packed)
    except (ImportError, AttributeError) as error:
        raise InputError(f"Dask workers must have latentpath as it is here, one has not: {error}") from error
    return pickle.dumps(each(function, chunk))
