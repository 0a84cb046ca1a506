"""Lines of a table as texts of one of its columns. Imports nothing that takes time to load."""

import itertools
from collections.abc import Callable, Iterator, Sequence

from vaeseq.console import Line
from vaeseq.delimited import (
    ALONE,
    cells_of,
    check_columns,
    delimiter_of,
    distinct,
    place_named,
    place_of,
    records,
)
from vaeseq.errors import InputError, shown
from vaeseq.files import unmarked


def in_table(
    lines: Iterator[Line],
    usual: Sequence[str],
    column: str | None = None,
    is_data: Callable[[Sequence[str]], bool] | None = None,
    ahead: int = 1,
) -> Iterator[Line]:
    """The cells of a column, with the others of the row beside, where the first line is a header that names it.

    Else the lines as they are. Blank rows are lines too; a row that cannot be cut has an error.

    Args:
        lines: At least one.
        usual: Names of the column, see ``vaeseq.delimited.place_of``.
        column: Its name, where it is known.
        is_data: Whether any of some texts is what the column holds; None where that may be any text.
        ahead: So many lines, if they are no data, may be read before the first is given, to tell a table of other
            columns.

    Raises:
        InputError: The header names too many columns, or not the one that must be there, or the lines are a table that
            has none of the usual names.
    """
    first = next(lines)
    delimiter = delimiter_of(first.text)
    header = [] if first.error else distinct(cells_of(first.text, delimiter) or [])
    place = place_of(header, usual, is_data) if column is None else place_named(column, header, "the table")
    if place is None:
        begun = [first, *(itertools.islice(lines, ahead - 1) if len(header) > 1 else [])]
        if is_data and len(begun) > 1 and delimiter in begun[1].text and not is_data([line.word for line in begun]):
            raise InputError(
                f"table must have a column called {usual[0]} in its first line, or --column must name another, "
                f"got the columns {shown(header)}"
            )
        return itertools.chain(begun, lines)
    check_columns(len(header))
    if len(header) == 1:
        delimiter = ALONE
    cut = records(lines, delimiter, len(header), whole=lambda line: not line.error)
    return (_of_row(line, cells, header, place) for line, cells in cut)


def _of_row(line: Line, cells: list[str] | None, header: Sequence[str], place: int) -> Line:
    broken = cells is None or any(cells[len(header) :])
    flat = [] if broken else [" ".join(unmarked(cell).splitlines()) for cell in cells]
    flat += [""] * (len(header) - len(flat))
    # An error is of the command that wrote the table.
    others = tuple(its for i, its in enumerate(zip(header, flat, strict=False)) if i != place and its[0] != "error")
    if broken:
        why = f"row must have {len(header)} cells, as the header has, and close its quotes"
        return Line(line.text, line.error or why, others)
    return Line(flat[place], others=others)
