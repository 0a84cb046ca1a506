"""What the command lines share: lines in, tables out, exit codes. Imports nothing that takes time to load."""

import csv
import io
import itertools
import json
import math
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from vaeseq.errors import InputError

CHUNK = 256  # lines that are in memory at a time
LONGEST_LINE = 1_000_000  # bytes; no text of either domain comes near
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = dict[str, object]
Render = Callable[[Iterable[list[Row]], Sequence[str]], Iterator[str]]


class Line(NamedTuple):
    """One line that was given, or why it could not be read."""

    text: str
    error: str = ""


def given(arguments: Sequence[str], what: str) -> Iterator[Line]:
    """The arguments, or without any, or for ``-``, the lines of standard input, which are read as they are needed.

    Raises:
        InputError: There is nothing.
    """
    return _some(_lines(sys.stdin.buffer) if list(arguments) in ([], ["-"]) else map(Line, arguments), what)


def given_file(name: str, what: str) -> Iterator[Line]:
    """The lines of a file, or for ``-`` of standard input.

    Raises:
        InputError: There is nothing.
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


def chunks(lines: Iterable[Line], size: int = CHUNK) -> Iterator[list[Line]]:
    """Lists of at most ``size`` lines."""
    iterator = iter(lines)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def emit(
    rows: Iterable[list[Row]], columns: Sequence[str], arguments: Namespace, formats: Mapping[str, Render] | None = None
) -> int:
    """Write rows as they come to ``arguments.output`` or standard output, and give the exit code.

    Args:
        rows: Lists of rows; a row whose ``error`` is not empty counts as failed.
        columns: Of the table, in order.
        arguments: With ``output`` and ``format``, see ``add_output``.
        formats: Further formats beside ``csv`` and ``json``.

    Raises:
        InputError: The output cannot be written.
    """
    known = {"csv": as_csv, "json": as_json, **(formats or {})}
    suffix = Path(arguments.output or "").suffix.removeprefix(".")
    render = known[arguments.format or (suffix if suffix in known else "csv")]
    counts = {"rows": 0, "failed": 0}
    rows = iter(rows)
    first = next(rows, [])  # before anything is written: what is wrong with all of the input shows here
    with _sink(arguments.output) as stream:
        for piece in render(_counted(itertools.chain([first], rows), counts), columns):
            stream.write(piece)
            stream.flush()
    if counts["failed"]:
        print(f"error: {counts['failed']} of {counts['rows']} rows failed: see their error column", file=sys.stderr)
    return 1 if counts["failed"] else 0


def _counted(rows: Iterable[list[Row]], counts: dict[str, int]) -> Iterator[list[Row]]:
    for chunk in rows:
        counts["rows"] += len(chunk)
        counts["failed"] += sum(bool(row.get("error")) for row in chunk)
        yield chunk


@contextmanager
def _sink(output: str | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears only once it is whole."""
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", errors="replace", newline="") as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def as_csv(rows: Iterable[list[Row]], columns: Sequence[str]) -> Iterator[str]:
    """CSV that a spreadsheet may open: a text that it would take for a formula starts with an apostrophe.

    No SMILES starts like a formula, so molecules are written as they are. Numbers have the nine digits that give a
    32-bit float back; nan is blank.
    """
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    for chunk in itertools.chain([[]], rows):
        table.writerows([_cell(row.get(column, "")) for column in columns] for row in chunk)
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def _cell(value: object) -> str:
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else shown(value)


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


Verb = Callable[[Namespace], int]
AddOptions = Callable[[ArgumentParser], None]


def parser_of(
    program: str,
    description: str,
    verbs: Mapping[Verb, AddOptions],
    *,
    model: Path,
    formats: Mapping[Verb, Sequence[str]],
) -> ArgumentParser:
    """A parser with one command for each function: its name without ``_``, its docstring, and the options of them all.

    Args:
        program: Name of the command line.
        description: What it is for.
        verbs: The functions, and what adds the options of their own.
        model: Default of ``--model``.
        formats: Output formats beside csv and json, by function.
    """
    parser = ArgumentParser(program, description=description)
    commands = parser.add_subparsers(required=True, metavar="command")
    for verb, add_options in verbs.items():
        command = commands.add_parser(verb.__name__[1:], help=verb.__doc__, description=verb.__doc__)
        command.set_defaults(command=verb)
        add_options(command)
        command.add_argument("--model", type=Path, default=model, help="default: %(default)s")
        add_output(command, formats.get(verb, ()))
    return parser


def add_output(parser: ArgumentParser, formats: Sequence[str] = ()) -> None:
    """The options ``--output`` and ``--format``."""
    parser.add_argument("--output", metavar="FILE", help="write here instead of to standard output")
    parser.add_argument(
        "--format",
        choices=("csv", "json", *formats),
        help="default: by the suffix of FILE, else csv; in csv a text that starts like a formula (= + - @) gets a ' "
        "before it, json holds every text as it is",
    )


def add_count(parser: ArgumentParser) -> None:
    """The options of drawing from the prior."""
    parser.add_argument("--count", type=whole(1), default=10, help="default: %(default)s")
    add_drawing(parser, temperature=1.0)


def add_codes(parser: ArgumentParser) -> None:
    """A table of codes, and the options of decoding it."""
    parser.add_argument("codes", nargs="?", default="-", metavar="FILE", help="a table as `encode` writes it, or -")
    add_drawing(parser, temperature=0.0)


def add_drawing(parser: ArgumentParser, *, temperature: float) -> None:
    """The options ``--temperature`` and ``--seed``."""
    parser.add_argument(
        "--temperature",
        type=not_negative,
        default=temperature,
        help="0 takes the likeliest symbols; default: %(default)s",
    )
    add_seed(parser)


def add_seed(parser: ArgumentParser) -> None:
    """The option ``--seed``."""
    parser.add_argument("--seed", type=whole(0), default=0, help="default: %(default)s")


def add_path(parser: ArgumentParser) -> None:
    """The options ``--steps`` and ``--kind``."""
    parser.add_argument("--steps", type=whole(2), default=9, help="points, both ends included; default: %(default)s")
    parser.add_argument(
        "--kind", choices=("slerp", "lerp"), default="slerp", help="an arc (default), or a straight line"
    )


def add_search(parser: ArgumentParser) -> None:
    """The options of a search."""
    parser.add_argument("--budget", type=whole(1), default=200, help="oracle calls in all; default: %(default)s")
    parser.add_argument("--initial", type=whole(1), default=50, help="draws of the prior first; default: %(default)s")
    parser.add_argument("--batch", type=whole(1), default=10, help="calls a round after that; default: %(default)s")
    parser.add_argument("--method", choices=("bayesian", "random_prior"), default="bayesian")
    parser.add_argument(
        "--calls", type=Path, metavar="FILE", help="keep every call in this csv; a run that was stopped goes on from it"
    )
    add_seed(parser)


def whole(least: int) -> Callable[[str], int]:
    """An argument that is a whole number, at least ``least`` and below 2^40."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value < 2**40:
            raise ArgumentTypeError(f"must be a whole number from {least} to 2^40, got {text!r}")
        return value

    return number


def not_negative(text: str) -> float:
    """An argument that is a number, 0 or above."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ArgumentTypeError(f"must be a number of 0 or above, got {text!r}")
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
        return 1
    except KeyboardInterrupt:
        return 130
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
