"""Files that are there whole or not at all, whenever a process or a machine stops; their keys; tables of any text."""

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# What formulas begin with, or what a spreadsheet skips before that; the last four are the first four in full width.
_SIGNS = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")


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
        with suppress(OSError):  # some network file systems have none of it
            _to_disk(path.parent)  # the name too
    finally:
        partial.unlink(missing_ok=True)


def key_of(settings: str, *files: Path) -> str:
    """Sixteen hexadecimal digits that stand for these settings and the contents of these files."""
    key = hashlib.sha256(settings.encode())
    for file in files:
        with file.open("rb") as stream:
            key.update(hashlib.file_digest(stream, "sha256").digest())
    return key.hexdigest()[:16]


def write_whole(path: Path, text: str) -> None:
    """A text file, there whole or not at all: what is there counts as done."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def csv_line(cells: Sequence[object]) -> str:
    """A row of a CSV table, whose lines end in newlines; any line end inside a cell stands in quotes.

    A text that a spreadsheet would take for a formula is marked by an apostrophe, which ``unmarked`` takes away.
    """
    line = io.StringIO(newline="")
    # Before Python 3.13 it quotes only the line ends that its own, \r\n, has.
    csv.writer(line).writerow(map(marked, cells))
    return line.getvalue().removesuffix("\r\n") + "\n"


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a CSV table; the fullest row names the columns, and what another lacks is blank. Nothing of no rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        if rows:
            columns = list(max(rows, key=len))
            file.writelines(map(csv_line, [columns, *([row.get(name, "") for name in columns] for row in rows)]))


def marked(cell: object) -> object:
    """A cell, after an apostrophe where it would be a formula; one more where it looks marked, so that none is lost."""
    return f"'{cell}" if isinstance(cell, str) and _formula(cell.lstrip("'")) else cell


def unmarked(cell: str) -> str:
    """The cell that ``marked`` was given."""
    return cell[1:] if cell.startswith("'") and _formula(cell.lstrip("'")) else cell


def _formula(text: str) -> bool:
    if not text.startswith(_SIGNS):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False  # a number is none


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
