"""The verbs that both command lines have, as functions from a space and lines to rows; texts may be anything.

Each yields lists of rows. A line that cannot be used gives a row with an ``error``, and the others go on.
"""

import csv
import itertools
import math
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vaeseq.console import CHUNK, Line, Reading, Row, chunks
from vaeseq.errors import InputError
from vaeseq.files import key_of, unmarked

if TYPE_CHECKING:
    from vaeseq.rounds import Call
    from vaeseq.space import LatentSpace


PATIENCE = 20  # chunks of draws
LARGEST = 3.4e38  # what 32 bits hold
_CHUNKS = 2  # tells their seeds from others made of the same numbers


class DomainSpace(Protocol):
    """What the verbs need: ``vaemol.space.MoleculeSpace`` or ``vaetext.space.SentenceSpace``."""

    space: "LatentSpace"

    def readings(self, lines: Iterable[Line]) -> Iterator[Reading]:
        """Each line with the one text that the model reads there, or why it cannot, in order."""

    def decode(self, z: object, *, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0) -> list[str]:
        """The entry of each code; empty where there is none."""

    def sample(self, count: int, *, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0) -> list[str]:
        """Entries decoded from draws of the prior."""


def chunk_seed(seed: int, chunk: int) -> int:
    """Another seed for each chunk of a long output; the first is ``seed`` itself."""
    from vaeseq.seeds import mixed_seed

    # Not mixed with the number alone: that is the seed of what ``LatentSpace.sample`` decodes by.
    return mixed_seed(seed, chunk, _CHUNKS) if chunk else seed


def code_columns(latent: int) -> list[str]:
    """Names of the columns of a code."""
    return [f"z_{i}" for i in range(1, latent + 1)]


def sampled(
    space: DomainSpace,
    count: int,
    column: str,
    *,
    temperature: float,
    top_p: float,
    seed: int,
    admits: Callable[[list[str]], Sequence[bool]] | None = None,
) -> Iterator[list[Row]]:
    """``count`` draws; the first ``CHUNK`` are those of ``space.sample`` with the same seed.

    Where ``admits`` says which of so many texts are wanted, draws go on until there are ``count`` such.

    Raises:
        InputError: Of ``PATIENCE`` chunks in a row none is wanted.
    """
    left, barren = count, 0
    for chunk in itertools.count():
        size = CHUNK if admits else min(CHUNK, left)
        texts = space.sample(size, temperature=temperature, top_p=top_p, seed=chunk_seed(seed, chunk))
        wanted = [text for text, held in zip(texts, admits(texts), strict=True) if held] if admits else texts
        yield [{column: text} for text in wanted[:left]]
        left, barren = left - len(wanted), 0 if wanted else barren + 1
        if left <= 0:
            return
        if barren == PATIENCE:
            raise InputError(f"draws must hold what is required, and of {PATIENCE * CHUNK:,} in a row none does")


def encoded(space: DomainSpace, lines: Iterable[Line], column: str) -> Iterator[list[Row]]:
    """The posterior mean of each line."""
    names = code_columns(space.space.latent)
    for rows, texts in read(space, lines, column):
        codes = iter(space.space.encode(texts).mean.tolist())
        yield [row if row["error"] else row | dict(zip(names, next(codes), strict=True)) for row in rows]


def predicted(space: DomainSpace, lines: Iterable[Line], column: str) -> Iterator[list[Row]]:
    """What the model predicts of each line, see ``predicted_columns``; on standard error, how much of it is guessed."""
    names, guesses, count = predicted_columns(space), 0, 0
    for rows, texts in read(space, lines, column):
        told = space.space.predict(texts)
        values = iter(zip(told.mean.tolist(), told.deviation.tolist(), told.inside.tolist(), strict=True))
        yield [row if row["error"] else row | _told(names, *next(values)) for row in rows]
        guesses, count = guesses + int((~told.inside).sum()), count + len(texts)
    if guesses:
        print(
            f"{guesses} of {count} are unlike all that the model was taught: what it says there is a guess",
            file=sys.stderr,
        )


def predicted_columns(space: DomainSpace) -> list[str]:
    """Each property, how far the truth may be (one standard deviation), and whether the model knows texts like it.

    Raises:
        InputError: The model predicts nothing.
    """
    return [name for each in space.space.properties for name in (each, f"{each}_deviation")] + ["inside"]


def _told(names: Sequence[str], mean: Sequence[float], deviation: Sequence[float], inside: bool) -> Row:
    numbers = itertools.chain.from_iterable(zip(mean, deviation, strict=True))
    return dict(zip(names, [*numbers, inside], strict=True))


def reconstructed(
    space: DomainSpace, lines: Iterable[Line], column: str, compare: Callable[[str, str], Row]
) -> Iterator[list[Row]]:
    """What one greedy pass from the posterior mean gives back, and how it compares with what was read of the line."""
    for rows, texts in read(space, lines, column):
        answers = zip(texts, _texts(space, space.space.encode(texts).mean.tolist()), strict=True)
        yield [row if row["error"] else row | _compared(*next(answers), compare) for row in rows]


def _compared(text: str, answer: str, compare: Callable[[str, str], Row]) -> Row:
    return {"reconstruction": answer} | compare(text, answer)


def read(space: DomainSpace, lines: Iterable[Line], column: str) -> Iterator[tuple[list[Row], list[str]]]:
    """Chunk by chunk a row for each line, and what the model reads of the rows without an error."""
    for chunk in chunks(space.readings(lines)):
        errors = [str(found) if isinstance(found, InputError) else "" for _, found in chunk]
        rows = [
            {column: line.text, "others": line.others, "error": error}
            for (line, _), error in zip(chunk, errors, strict=True)
        ]
        yield rows, [text for _, found in chunk if not isinstance(found, InputError) for text in found]


def decoded(
    space: DomainSpace, lines: Iterator[Line], column: str, *, temperature: float, top_p: float, seed: int
) -> Iterator[list[Row]]:
    """The text of each code in a table as ``encode`` writes it, with its other columns, or of bare numbers and commas.

    Raises:
        InputError: The first line is neither.
    """
    first = next(lines)
    places = _places(first, space.space.latent)
    bare = places is None
    names = [] if bare else _cells(first)
    if bare:
        places, lines = list(range(space.space.latent)), itertools.chain([first], lines)
    for number, chunk in enumerate(chunks(lines)):
        codes = [_code(line, places, bare=bare) for line in chunk]
        good = [code for code in codes if isinstance(code, list)]
        texts = iter(_texts(space, good, temperature=temperature, top_p=top_p, seed=chunk_seed(seed, number)))
        rows = (("", code) if isinstance(code, str) else (next(texts), "") for code in codes)
        yield [
            {column: text, "error": error, "others": _beside(line, names)}
            for (text, error), line in zip(rows, chunk, strict=True)
        ]


def _beside(line: Line, names: Sequence[str]) -> list[tuple[str, str]]:
    """The cells that belong to no code."""
    pairs = zip(names, _cells(line), strict=False)
    return [(name, unmarked(cell)) for name, cell in pairs if name not in ("", "error") and not name.startswith("z_")]


def _texts(
    space: DomainSpace, codes: list[list[float]], *, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0
) -> list[str]:
    if not codes:
        return []
    import torch

    return space.decode(torch.tensor(codes), temperature=temperature, top_p=top_p, seed=seed)


def _places(header: Line, latent: int) -> list[int] | None:
    """Where each number of a code stands in a line; None if the first line is no header but a code."""
    cells = _cells(header)
    wanted = code_columns(latent)
    numbers = [cell for cell in cells if cell.startswith("z_")]
    if numbers == wanted:
        return [cells.index(name) for name in wanted]
    if not numbers and isinstance(_code(header, list(range(latent)), bare=True), list):
        return None
    raise InputError(
        f"codes must be a csv table with the columns z_1 to z_{latent}, as `encode` writes it, or {latent} numbers "
        f"a line between commas; got {header.error or header.text[:80]!r}"
    )


def _code(line: Line, places: Sequence[int], *, bare: bool) -> list[float] | str:
    """The code in a line, which holds nothing else if it is bare, or what is wrong with it."""
    cells = _cells(line)
    try:
        code = [float(cells[place]) for place in places]
    except (ValueError, IndexError):
        code = []
    if not code or not all(abs(number) <= LARGEST for number in code) or (bare and len(cells) > len(code)):
        return line.error or f"code must be {len(places)} finite numbers, got {line.text[:80]!r}"
    return code


def _cells(line: Line) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.text]), [])]
    except csv.Error:
        return []


def searched(
    start: Callable[..., Iterator[list["Call"]]],
    arguments: Namespace,
    column: str,
    *,
    called: str,
    parts: Sequence[str],
    model: Path,
    weights: Sequence[float] = (),
    lead: str = "",
    required: bool = False,
    settings: Sequence[object] = (),
) -> Iterator[list[Row]]:
    """The calls of a search, round by round, those that an earlier run left in ``arguments.calls`` first.

    Args:
        start: Starts the search with `calls` made so far.
        arguments: With ``calls``, ``method``, ``seed``, ``initial``, ``batch`` and ``budget``.
        column: Where the text goes.
        called: Name of the objective in the file of calls, where a key of all that decides them follows it.
        parts: Names of the objectives, each a column, where a call has several values.
        model: Its folder.
        weights: Of the objectives, where their sum is sought.
        lead: What is asked for first, whatever is required.
        required: Whether anything is.
        settings: What else decides the calls.

    Raises:
        InputError: Nothing was asked for, or nothing but the lead though there was budget left; or nothing has a value.
    """
    from vaeseq.calls import Run, best_so_far, resumed
    from vaeseq.checkpoint import files_of
    from vaeseq.fronts import summed

    if arguments.calls:
        key = key_of(repr((arguments.initial, arguments.batch, *settings)), *files_of(model))
        run = Run(f"{called} #{key}", arguments.method, arguments.seed)
        start = partial(resumed, arguments.calls, run, start, alone=True)
    made: list[Call] = []
    for answered in start():
        batch = summed(answered[: arguments.budget - len(made)], weights)  # an earlier run may have made more
        first, made = len(made), made + batch
        bests = best_so_far(made)[first:]
        yield [
            {"call": number, column: call.text, "value": call.value, "best_so_far": best, "seconds": call.seconds}
            | dict(zip(parts, call.parts, strict=True))
            for number, (call, best) in enumerate(zip(batch, bests, strict=True), start=first + 1)
        ]
        best = "" if math.isnan(bests[-1]) else f", best {bests[-1]:.4g}"
        print(f"{len(made)} of {arguments.budget} calls{best}", file=sys.stderr)
    if not made:
        raise InputError(f"nothing that the space gives holds what is required, so there are no {column} to ask for")
    if not any(math.isfinite(value) for call in made for value in call.parts or (call.value,)):
        raise InputError(f"objective must have a value for some of the {len(made)} {column} asked for, it has none")
    if len(made) < arguments.budget:
        why = f"there are no more new {column} to ask for{' that hold what is required' if required else ''}"
        if [call.text for call in made] == [lead]:
            raise InputError(f"{why}, nothing but the lead was")
        print(f"{why}: {len(made)} calls made", file=sys.stderr)


def check_fill(arguments: Namespace) -> None:
    """Points that are to be put in must be more than those that are there.

    Raises:
        InputError: They are not.
    """
    if 0 < arguments.fill <= arguments.steps:
        raise InputError(f"fill must be above steps, {arguments.steps}, or 0 for none, got {arguments.fill}")
