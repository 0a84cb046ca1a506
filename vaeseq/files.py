"""Files that are there whole or not at all, whenever a process or a machine stops."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write; it takes the place of ``path`` when the block ends, its bytes safe on disk.

    Where the block raises, or the disk is full, ``path`` stays as it was and nothing is left beside it.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        _to_disk(partial)
        partial.replace(path)
        _to_disk(path.parent)  # the name too
    finally:
        partial.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
