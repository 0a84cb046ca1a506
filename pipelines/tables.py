"""Small tables and figures read from files that may not be there."""

import csv
import itertools
from pathlib import Path

from pipelines import outputs
from pipelines.glossary import number
from vaeseq.errors import InputError
from vaeseq.files import unmarked

Row = dict[str, str]

LONGEST = 300  # characters of one text that are shown


def table(path: Path) -> list[Row]:
    """The rows of a CSV file; none where there is no file, and a blank where a row is cut short.

    Raises:
        InputError: It is none that a stage writes.
    """
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            names, *rows = [[unmarked(cell) for cell in line] for line in csv.reader(file) if line] or [[]]
    except csv.Error as error:
        raise InputError(f"{path} must be CSV, got {error}; run the stage that writes it again") from error
    return [dict(itertools.zip_longest(names, row[: len(names)], fillvalue="")) for row in rows]


def figures(path: Path) -> dict[str, object]:
    """What a JSON file holds; nothing where there is no file."""
    return outputs.read_json(path) if path.is_file() else {}


def short(text: str) -> str:
    """A text of any length, cut to what can be shown."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def value(row: Row, name: str) -> float | None:
    """A number in a table, None where there is none."""
    try:
        found = float(row.get(name) or "nan")
    except ValueError:
        return None
    return None if found != found else found


def shown(row: Row, name: str) -> str:
    """A number in a table as it is printed, empty where there is none."""
    found = value(row, name)
    return "" if found is None else number(found)
