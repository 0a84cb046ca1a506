"""What the command lines share: lines in, tables out, exit codes. Imports nothing that takes time to load."""

import io
import itertools
import json
import math
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO, TypeVar

from vaeseq.delimited import LONGEST_LINE
from vaeseq.errors import InputError, shortage
from vaeseq.files import csv_line, replacing

CHUNK = 256  # lines that are in memory at a time
# What is no lines, by what stands at its beginning, and what to do about it.
_OTHERS = {
    rb"\A\x1f\x8b": "a gzip file: unpack it first (gunzip)",
    rb"\APAR1": "a Parquet file: write it as csv first",
    rb"\APK\x03\x04": "a spreadsheet or zip file: save it as csv, or unpack it, first",
    rb"(?m)^(?:[ \d]+V[23]000|M  END)\s*$": "an SD file: write its molecules as SMILES first (obabel FILE -O mine.smi)",
}

Item = TypeVar("Item")
Row = dict[str, object]
Render = Callable[[Iterable[list[Row]], Sequence[str]], Iterator[str]]


class Line(NamedTuple):
    """One line that was given, or why it could not be read."""

    text: str
    error: str = ""
    others: tuple[tuple[str, str], ...] = ()  # names and cells of what else stood there

    @property
    def word(self) -> str:
        """What stands before the first space, as a SMILES before its name; '' of a line that could not be read."""
        return "" if self.error else (self.text.split() or [""])[0]


Reading = tuple[Line, list[str] | InputError]  # a line with the texts that a model reads there, or why it cannot


def given(arguments: Sequence[str], what: str) -> Iterator[Line]:
    """The arguments, or without any, or for ``-``, the lines of standard input, which are read as they are needed.

    Raises:
        InputError: There is nothing, or standard input is packed, a Parquet or an SD file.
    """
    if list(arguments) in ([], ["-"]):
        return _some(_lines(sys.stdin.buffer) if sys.stdin else iter(()), what)  # it may be closed
    # Path.is_file raises for a text that is too long for a name.
    if len(arguments) == 1 and Path(arguments[0]).suffix and os.path.isfile(arguments[0]):
        raise InputError(
            f"{what} must be arguments or lines, got the name of a file: `< {arguments[0]}` gives its lines"
        )
    return map(Line, arguments)


def given_file(name: str, what: str) -> Iterator[Line]:
    """The lines of a file, or for ``-`` of standard input.

    Raises:
        InputError: There is nothing, or it is packed, a Parquet or an SD file.
    """
    return given([], what) if name == "-" else _some(_file_lines(Path(name)), what)


def _some(lines: Iterator[Line], what: str) -> Iterator[Line]:
    first = next(lines, None)
    if first is None:
        raise InputError(f"{what} must be given, as arguments or one per line on standard input; got nothing")
    return itertools.chain([first], lines)


def _file_lines(path: Path) -> Iterator[Line]:
    with path.open("rb") as stream:
        yield from _lines(stream)


def _lines(stream: BinaryIO) -> Iterator[Line]:
    # Of a pipe what is there, for whoever writes it may wait for an answer to the first line.
    begins = stream.peek() if isinstance(stream, io.BufferedReader) else b""
    for pattern, what in _OTHERS.items():
        if re.search(pattern, begins):
            name = str(getattr(stream, "name", "input"))
            raise InputError(f"{name!r} must be lines of text or a csv table, got {what}")
    # One byte above the limit, so that a longer line is seen to be longer.
    while raw := stream.readline(LONGEST_LINE + 1):
        long = len(raw) > LONGEST_LINE
        while long and raw and not raw.endswith(b"\n"):
            raw = stream.readline(LONGEST_LINE)
        yield Line("", f"line must have at most {LONGEST_LINE:,} bytes") if long else _decoded(raw)


def _decoded(raw: bytes) -> Line:
    raw = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    try:
        return Line(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Line(raw.decode("utf-8", errors="replace"), f"line must be UTF-8 text, byte {error.start} is not")


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Lists of at most ``size`` lines or rows."""
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def beside(line: Line, rows: list[Row]) -> list[Row]:
    """The rows of a line with its ``others``, as ``emit`` carries them."""
    return [row | {"others": line.others} for row in rows]


def emit(
    rows: Iterable[list[Row]],
    columns: Sequence[str],
    arguments: Namespace,
    formats: Mapping[str, Render] | None = None,
    *,
    live: bool = False,
    carried: bool = False,
) -> int:
    """Write rows as they come to ``arguments.output`` or standard output, and give the exit code.

    Args:
        rows: Lists of rows; a row whose ``error`` is not empty counts as failed.
        columns: Of the table, in order.
        arguments: With ``output`` and ``format``, see ``vaeseq.options.add_output``.
        formats: Further formats beside ``csv`` and ``json``.
        live: Rows are paid for: a file keeps those that came when the rest does not.
        carried: A row's ``others``, as of ``Line``, stand behind the first column, where the first rows have them; one
            of the name of a column as ``<name>_given``.

    Raises:
        InputError: The output cannot be written.
    """
    known = {"csv": as_csv, "json": as_json, **(formats or {})}
    suffix = Path(arguments.output or "").suffix.removeprefix(".")
    if not arguments.format and suffix not in {*known, "", "txt"}:
        raise InputError(f"output must end in one of {', '.join(known)}, or have a --format, got {arguments.output!r}")
    if arguments.output:
        _check_output(Path(arguments.output).resolve())
    render = known[arguments.format or (suffix if suffix in known else "csv")]
    counts = {"rows": 0, "failed": 0}
    rows = iter(rows)
    first = next(rows, [])  # before anything is written: what is wrong with all of the input shows here
    rows = itertools.chain([first], rows)
    if carried:
        rows = _spread(rows, columns)
        others = dict.fromkeys(_told(name, columns) for row in first for name, _ in row.get("others", ()))
        columns = [columns[0], *others, *columns[1:]]
    with _sink(arguments.output, live) as stream:
        for piece in render(_counted(rows, counts), columns):
            stream.write(piece)
            stream.flush()
    if counts["failed"]:
        print(f"error: {counts['failed']} of {counts['rows']} rows failed: see their error column", file=sys.stderr)
    return 1 if counts["failed"] else 0


def _check_output(path: Path) -> None:
    """Before anything is read, computed or paid for."""
    if not path.parent.is_dir():
        raise InputError(f"output must be in a folder that is there, got {str(path)!r}")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"output must be a file that can be written, got {str(path)!r}")


def _spread(rows: Iterable[list[Row]], columns: Sequence[str]) -> Iterator[list[Row]]:
    for chunk in rows:
        yield [{_told(name, columns): cell for name, cell in row.pop("others", ())} | row for row in chunk]


def _told(name: str, columns: Sequence[str]) -> str:
    return f"{name}_given" if name in columns else name


def _counted(rows: Iterable[list[Row]], counts: dict[str, int]) -> Iterator[list[Row]]:
    for chunk in rows:
        counts["rows"] += len(chunk)
        counts["failed"] += sum(bool(row.get("error")) for row in chunk)
        yield chunk


@contextmanager
def _sink(output: str | None, live: bool) -> Iterator[TextIO]:
    """Standard output, or a file that appears only once it is whole; unless it is live, a pipe or a device."""
    if output is None:
        yield sys.stdout
        return
    path = Path(output).resolve()
    special = live or (path.exists() and not path.is_file())
    with (
        nullcontext(path) if special else replacing(path) as place,
        place.open("w", encoding="utf-8", errors="replace", newline="") as stream,
    ):
        yield stream


def as_csv(rows: Iterable[list[Row]], columns: Sequence[str]) -> Iterator[str]:
    """CSV that a spreadsheet may open, see ``vaeseq.files.csv_line``.

    No SMILES starts like a formula, so molecules are written as they are. Numbers have the nine digits that give a
    32-bit float back; nan is blank.
    """
    yield csv_line(columns)
    for chunk in rows:
        yield "".join(csv_line([shown(row.get(column, "")) for column in columns]) for row in chunk)


def shown(value: object) -> str:
    """A value as text: 0 and 1 for truth, nothing for nan."""
    match value:
        case None:
            return ""
        case bool():
            return str(int(value))
        case float():
            return "" if math.isnan(value) else f"{value:.9g}"
    return str(value)


def as_json(rows: Iterable[list[Row]], columns: Sequence[str]) -> Iterator[str]:
    """One JSON array, one object a line; nan is null."""
    before = "[\n"
    for row in itertools.chain.from_iterable(rows):
        kept = {column: _plain(row.get(column, "")) for column in columns}
        yield before + json.dumps(kept, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before.startswith("[") else "\n]\n"


def _plain(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value


def run(parser: ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Parse the arguments, call what ``command`` names, and give the exit code: 0 done, 1 bad input, 2 wrong usage."""
    parsed = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        return parsed.command(parsed)
    except BrokenPipeError:
        # Whoever read the output has what it wants; nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    except (MemoryError, RuntimeError) as error:
        if shortage(error) != "memory":
            raise
        print(f"error: memory must hold what is asked for, ask for less: {str(error)[:200]}", file=sys.stderr)
    return 1
