"""The store that MLflow writes to: where it is, whether it can be used, whose turn it is, and how long it may take."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipelines.resume import held

# MLflow's own 120 s and 7 attempts would hold a stage for many minutes.
SETTINGS = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


def address(root: Path) -> str:
    """What ``MLFLOW_TRACKING_URI`` names, else ``mlflow.db`` in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / 'mlflow.db'}"


def _file(address: str) -> Path | None:
    """Of a store that is one."""
    start = "sqlite:///"
    return Path(address.removeprefix(start).partition("?")[0]).resolve() if address.startswith(start) else None


@contextmanager
def lock(address: str, root: Path, patience: float) -> Iterator[None]:
    """Hold the store: of a file for whoever writes there, of a server for the processes of this repository.

    Raises:
        TimeoutError: Another process has held it for ``patience`` seconds, as one that was stopped does.
    """
    file = _file(address)
    path = file.with_name(f"{file.name}.lock") if file else root / "work" / "mlflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as taken:
        until = time.monotonic() + patience
        while not held(taken):
            if time.monotonic() > until:
                raise TimeoutError(f"{str(path)!r} is held by another process, for {patience:.0f} s by now")
            time.sleep(0.1)
        yield


class Hurried:
    """All that a client has, until its time is up: answers that each come within theirs may add up to hours."""

    def __init__(self, client: object, seconds: float) -> None:
        self._client, self._seconds, self._until = client, seconds, time.monotonic() + seconds

    def __getattr__(self, name: str) -> object:
        if time.monotonic() > self._until:
            raise TimeoutError(f"not all was answered within {self._seconds:.0f} s")
        return getattr(self._client, name)


def check_writable(address: str) -> None:
    """Fail at once where MLflow would try for a minute and a half.

    Raises:
        sqlite3.Error: The file is no database, or cannot be written.
        OSError: Its folder cannot be made.
    """
    if path := _file(address):
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as store:
            store.execute("BEGIN IMMEDIATE")


def complaint(address: str, error: BaseException) -> str:
    """What is wrong with a store and what to do, without passwords.

    The system's own words are taken where they are behind the error; MLflow wraps them several times.
    """
    deepest = error
    while deepest.__context__ is not None:
        deepest = deepest.__context__
    known = deepest if isinstance(deepest, OSError | ImportError | sqlite3.Error) else error
    words = " ".join(str(known).split())
    said = (
        f"MLflow at {address} must be there and writable, got {type(known).__name__}: {words:.200}; "
        "`python -m pipelines.sync` sends what is missing once it is"
    )
    return re.sub(r"//[^/@\s]*@", "//", said)
