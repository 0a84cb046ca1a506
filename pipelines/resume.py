"""Where unfinished work is kept: outside the stages' outputs, under a key of all that determines the result."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vaeseq.errors import InputError
from vaeseq.files import key_of

WORK = "LATENTPATH_WORK"  # environment variable that moves the work folder
PATIENCE = 10.0  # seconds: a process whose parent was killed ends after the step that it is at


def work_folder(label: str, settings: str, *files: Path) -> Path:
    """The folder for these settings and the contents of these files; another key never finds another run's state."""
    return Path(os.environ.get(WORK, "work"), f"{label}-{key_of(settings, *files)}")


def place_of(domain: str, root: Path = Path(".")) -> Path:
    """What who trains holds while it writes a domain's outputs, whatever its key is and wherever ``WORK`` lies."""
    return root / "work" / f"output-{domain}"


def code_of(*names: str) -> list[Path]:
    """What a result was made by: the modules of a package, or one module, ``pipelines.train``."""
    places = [Path(__file__).parents[1].joinpath(*name.split(".")) for name in names]
    return [path for place in places for path in sorted(place.glob("*.py")) or [place.with_suffix(".py")]]


@contextmanager
def locked(folder: Path, *, patience: float | None = None) -> Iterator[Path]:
    """Make the folder and hold it until the block ends.

    Args:
        folder: To hold.
        patience: Seconds to wait for who holds it; None is ``PATIENCE``.

    Raises:
        InputError: Another process holds it, and goes on holding it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        until = time.monotonic() + (PATIENCE if patience is None else patience)
        while not held(file):
            if time.monotonic() > until:
                raise InputError(f"another process works in {str(folder)!r}; wait for it, or stop it")
            time.sleep(0.1)
        yield folder


def held(file: IO[str]) -> bool:
    """Hold a file until it is closed, unless another process does; whether it is held now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
