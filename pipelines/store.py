"""The store that MLflow writes to: where it is, whether it can be used, and whose turn it is."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


def address(root: Path) -> str:
    """What ``MLFLOW_TRACKING_URI`` names, else ``mlflow.db`` in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / 'mlflow.db'}"


@contextmanager
def lock(root: Path) -> Iterator[None]:
    """Hold the store; other processes of this repository wait."""
    path = root / "work" / "mlflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_writable(address: str) -> None:
    """Fail at once where MLflow would try for a minute and a half.

    Raises:
        sqlite3.Error: The file is no database, or cannot be written.
        OSError: Its folder cannot be made.
    """
    if address.startswith("sqlite:///"):
        path = Path(address.removeprefix("sqlite:///").partition("?")[0])
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
