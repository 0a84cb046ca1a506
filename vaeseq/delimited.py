"""Lines cut into the cells of a table, whatever delimits and quotes them. Imports nothing that takes time to load."""

import contextlib
import csv
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from vaeseq.errors import InputError, shown

# Usual names of the column that is read, the likeliest first. PubChem's canonical SMILES have no stereo, its isomeric
# ones are of the same molecules.
TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "molecules": (
        *("smiles", "isomeric_smiles", "iso_smiles", "canonical_smiles", "can_smiles", "smiles_string"),
        *("ligand_smiles", "compound_smiles", "molecule_smiles", "smi", "structure", "molecule", "mol"),
    ),
    "sentences": ("text", "sentence", "sentences"),
}
_WEAK = frozenset({"structure", "molecule", "mol"})  # what a molecule may be called too
LONGEST_LINE = 1_000_000  # bytes; no text of either domain comes near
MOST_COLUMNS = 10_000  # every row carries them all
ALONE = "\x1f"  # delimits nothing that a text holds: of a column by itself, whose cells need not stand in quotes
_DELIMITERS = ",;\t|"
_OPEN_LINES = 64  # a quoted cell may run over so many lines; beyond, its quote is a slip of the pen


class Readable(Protocol):
    """A line of a file."""

    @property
    def text(self) -> str:
        """Without its end."""


AnyLine = TypeVar("AnyLine", bound=Readable)


def check_columns(count: int) -> None:
    """Of a table, or different tags of all records.

    Raises:
        InputError: They are too many.
    """
    if count > MOST_COLUMNS:
        raise InputError(f"table must have at most {MOST_COLUMNS:,} columns, got {count:,}; take some out")


def distinct(names: Iterable[str]) -> list[str]:
    """Names of columns without space around them, each another."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        name = name.strip() or f"column_{number}"
        while name in found:
            name = f"{name}_{number}"
        found[name] = None
    return list(found)


def place_of(
    names: Sequence[str], usual: Sequence[str], is_data: Callable[[Sequence[str]], bool] | None = None
) -> int | None:
    """Where the likeliest of the usual names of a column stands; None where none of them does.

    Case, spaces, ``_``, ``-`` and brackets count nothing.

    Args:
        names: Of all columns, or what stands where they should.
        usual: As in ``TEXT_NAMES``.
        is_data: Whether any of some cells belongs to a row, and so no other cell of its line is a weak name; None where
            there are names for sure.
    """
    plain = [_plain(name) for name in names]
    place = next((plain.index(name) for name in map(_plain, usual) if name in plain), None)
    if place is None or is_data is None or plain[place] not in _WEAK:
        return place
    return None if is_data([*names[:place], *names[place + 1 :]]) else place


def _plain(name: str) -> str:
    return re.sub(r"[\s_()\[\]{}<>-]", "", name).lower()


def place_named(name: str, names: Sequence[str], where: str) -> int:
    """Where a column stands.

    Raises:
        InputError: It is not there.
    """
    if name not in names:
        raise InputError(f"column {name!r} must be in {where}, which has the columns {shown(list(names))}")
    return names.index(name)


def delimiter_of(header: str) -> str:
    """What the header has most of, outside of quotes; a comma where it has none."""
    return max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)


def records(
    lines: Iterator[AnyLine], delimiter: str, width: int, *, whole: Callable[[AnyLine], bool], quoted: bool = True
) -> Iterator[tuple[AnyLine, list[str] | None]]:
    """Lines as cells, joined where a quoted cell runs on; None for a line that cannot be cut.

    Args:
        lines: After the header.
        delimiter: Between cells.
        width: Cells of a row that runs on.
        whole: Whether a line could be read.
        quoted: Cells may stand in quotes.
    """
    ahead: deque[AnyLine] = deque()
    while ahead or (ahead := deque(itertools.islice(lines, 1))):
        line = ahead.popleft()
        cells, taken = cells_of(line.text, delimiter, quoted=quoted) if whole(line) else None, 0
        if cells is None and whole(line):
            ahead.extend(itertools.islice(lines, _OPEN_LINES - len(ahead)))
            cells, taken = _run_on(line.text, itertools.takewhile(whole, ahead), delimiter, width)
            if delimiter == ALONE:
                cells = cells or [line.text]
        for _ in range(taken):
            ahead.popleft()
        yield line, cells


def cells_of(text: str, delimiter: str, *, quoted: bool = True) -> list[str] | None:
    """The cells of one line; None where its last quote is still open, or the library cannot cut it at all."""
    if not quoted or '"' not in text:
        return text.split(delimiter)
    for strict in (True, False):
        try:
            return next(csv.reader([text], delimiter=delimiter, strict=strict))
        except csv.Error as error:
            if "unexpected end" in str(error):
                return None
            if delimiter == ALONE:
                return [text]
    return None


def _run_on(text: str, ahead: Iterable[Readable], delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """The cells of a line with as many of the next as close its quote, and how many; (None, 0) if none do."""
    for taken, more in enumerate(ahead, 1):
        text = f"{text}\n{more.text}"
        if len(text) > LONGEST_LINE:
            break
        with contextlib.suppress(csv.Error):
            cells = next(csv.reader([text], delimiter=delimiter, strict=True))
            return (cells, taken) if len(cells) == width else (None, 0)
    return None, 0
