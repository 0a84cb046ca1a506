"""The options of the command lines. Imports nothing that takes time to load."""

import math
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path

Verb = Callable[[Namespace], int]
AddOptions = Callable[[ArgumentParser], None]


def parser_of(
    program: str,
    description: str,
    verbs: Mapping[Verb, AddOptions],
    *,
    with_model: Container[Verb],
    formats: Mapping[Verb, Sequence[str]],
) -> ArgumentParser:
    """A parser with one command for each function: its name without ``_`` before it, its docstring, and its options.

    Args:
        program: Name of the command line.
        description: What it is for.
        verbs: The functions, and what adds the options of their own.
        with_model: The functions that need a model, which ``--model`` names.
        formats: Output formats beside csv and json, by function.
    """
    parser = ArgumentParser(program, description=description)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="command")
    for verb, add_options in verbs.items():
        command = commands.add_parser(verb.__name__[1:].replace("_", "-"), help=verb.__doc__, description=verb.__doc__)
        command.set_defaults(command=verb)
        add_options(command)
        if verb in with_model:
            told = "a folder, or shipped (that of the package); default: models/ of this folder, else shipped"
            command.add_argument("--model", type=Path, help=told)
        add_output(command, formats.get(verb, ()))
    return parser


class _Version(Action):
    """Looks the version up when it is asked for, as that takes time."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"latentpath {version('latentpath')}\n")


def add_output(parser: ArgumentParser, formats: Sequence[str] = ()) -> None:
    """The options ``--output`` and ``--format``."""
    parser.add_argument("--output", metavar="FILE", help="write here instead of to standard output")
    parser.add_argument(
        "--format",
        choices=("csv", "json", *formats),
        help="default: by the suffix of FILE, else csv; in csv a text that starts like a formula (= + - @) gets a ' "
        "before it, json holds every text as it is",
    )


def add_column(parser: ArgumentParser, what: str) -> None:
    """The option ``--column`` of a command that may be given a table."""
    parser.add_argument(
        "--column", metavar="NAME", help=f"of a table: the column of the {what}; default: found by its usual names"
    )


def add_count(parser: ArgumentParser) -> None:
    """The options of drawing from the prior."""
    parser.add_argument("--count", type=whole(1), default=10, help="how many; default: %(default)s")
    add_drawing(parser, temperature=1.0)


def add_codes(parser: ArgumentParser) -> None:
    """A table of codes, and the options of decoding it."""
    parser.add_argument("codes", nargs="?", default="-", metavar="FILE", help="a table as `encode` writes it, or -")
    add_drawing(parser, temperature=0.0)


def add_drawing(parser: ArgumentParser, *, temperature: float) -> None:
    """The options ``--temperature``, ``--top-p`` and ``--seed``."""
    parser.add_argument(
        "--temperature",
        type=not_negative,
        default=temperature,
        help="0 takes the likeliest symbols; default: %(default)s",
    )
    parser.add_argument(
        "--top-p",
        type=share,
        default=1.0,
        metavar="SHARE",
        help="draw from the likeliest symbols that together have this probability; default: %(default)s",
    )
    add_seed(parser)


def add_seed(parser: ArgumentParser) -> None:
    """The option ``--seed``."""
    parser.add_argument("--seed", type=whole(0), default=0, help="default: %(default)s")


def add_path(parser: ArgumentParser, *, beams: int) -> None:
    """The options of a path."""
    parser.add_argument("--steps", type=whole(2), default=9, help="points, both ends included; default: %(default)s")
    parser.add_argument(
        "--fill",
        type=whole(0),
        default=0,
        metavar="MOST",
        help="put in points where neighbours differ much, up to so many in all, and leave out repeats",
    )
    add_kind(parser)
    add_beams(parser, beams)


def add_kind(parser: ArgumentParser) -> None:
    """The option ``--kind`` of a path."""
    parser.add_argument(
        "--kind",
        choices=("slerp", "lerp", "density"),
        default="slerp",
        help="an arc (default), a straight line, or an arc lifted to where the prior is dense",
    )


def add_beams(parser: ArgumentParser, beams: int) -> None:
    """The option ``--beams``."""
    parser.add_argument(
        "--beams",
        type=whole(1, 64),
        default=beams,
        help="width of the beam search (on a path, between its ends); 1 is greedy; default: %(default)s",
    )


def add_search(parser: ArgumentParser, methods: Sequence[str]) -> None:
    """The options of a search."""
    parser.add_argument("--budget", type=whole(1), default=200, help="oracle calls in all; default: %(default)s")
    parser.add_argument("--initial", type=whole(1), default=50, help="calls of the first round; default: %(default)s")
    parser.add_argument("--batch", type=whole(1), default=10, help="calls a round after that; default: %(default)s")
    parser.add_argument("--method", choices=methods, default=methods[0], help="default: %(default)s")
    parser.add_argument(
        "--calls", type=Path, metavar="FILE", help="keep every call in this csv; a run that was stopped goes on from it"
    )
    add_seed(parser)


def whole(least: int, most: int = 2**40) -> Callable[[str], int]:
    """An argument that is a whole number from ``least`` to ``most``."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}, got {text!r}")
        return value

    return number


def not_negative(text: str) -> float:
    """An argument that is a number, 0 or above."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise ArgumentTypeError(f"must be a number of 0 or above, got {text!r}")
    return value


def finite(text: str) -> float:
    """An argument that is a finite number."""
    value = _number(text)
    if not math.isfinite(value):
        raise ArgumentTypeError(f"must be a finite number, got {text!r}")
    return value


def share(text: str) -> float:
    """An argument that is a number above 0, and at most 1."""
    value = _number(text)
    if not 0 < value <= 1:
        raise ArgumentTypeError(f"must be a number above 0 and at most 1, got {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
