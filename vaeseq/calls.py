"""Oracle calls on disk: a CSV file that only grows, from which a killed search goes on.

A call is in the file, and on the disk, before the search goes on. A last line that a kill cut off anywhere is dropped.
The values of several objectives stand in one cell with spaces between them.
"""

import csv
import fcntl
import io
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np

from vaeseq.asking import Oracle
from vaeseq.errors import InputError
from vaeseq.files import marked, replacing, unmarked
from vaeseq.rounds import Call

COLUMNS = ("objective", "method", "seed", "call", "text", "value", "seconds")
ANSWERS = ("program", "text", "value")

Start = Callable[..., Iterator[list[Call]]]  # takes `calls`


class Run(NamedTuple):
    """Which search a call belongs to; one file may hold several."""

    objective: str
    method: str
    seed: int


def resumed(path: Path, run: Run, start: Start, *, alone: bool = False) -> Iterator[list[Call]]:
    """Yield the calls that the file holds of a run, and then, round by round, those that are still to be made.

    Args:
        path: The file; it is made when it is not there.
        run: Names the calls.
        start: Starts the search with `calls` made so far, as ``functools.partial(search, space, oracle, config)``.
        alone: No other run is meant to be in the file: where there are others alone, it is said on standard error.

    Raises:
        InputError: The file is not one of these, is broken before its end, or another search writes there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file of its own is locked: that of the calls is another one once it has been mended.
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another search keeps its calls in {str(path)!r}; wait for it, or name another") from None
        runs = recover(path)
        calls = runs.get(run, [])
        if calls:
            yield calls
        elif runs and alone:
            count = sum(map(len, runs.values()))
            print(f"{path} holds {count} calls of other settings or models; this search begins anew", file=sys.stderr)
        done = len(calls)
        for batch in start(calls=calls):
            _append(path, run, done, batch)
            done += len(batch)
            yield batch


class Answers:
    """What programs said of texts, beside a file of calls, whatever became of the call: none is asked for that again.

    An answer is in the file, and on the disk, before it is given. The file is read when the first texts are asked for,
    and how many answers it then holds is said on standard error. Texts without a value are asked for again.
    """

    def __init__(self, calls: Path) -> None:
        """Name the file of calls."""
        self._path = calls.with_name(f"{calls.name}.answers.csv")

    def of(self, program: str, oracle: Oracle) -> Oracle:
        """The same oracle of one value, asked for what the program of this name has not said yet."""
        return partial(self._asked, program, oracle)

    @cached_property
    def _known(self) -> dict[tuple[str, str], float]:
        known = {}
        for number, row in _records(self._path, ANSWERS):
            try:
                program, text, value = map(unmarked, row)
                known[program, text] = float(value)
            except ValueError as error:
                raise InputError(
                    f"answers {str(self._path)!r}, record {number}, is broken: {error}; name another file of calls"
                ) from error
        if known:
            print(f"{self._path} holds {len(known)} answers of programs; none is asked for again", file=sys.stderr)
        return known

    def _asked(self, program: str, oracle: Oracle, texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if (program, text) not in self._known]
        told = dict(zip(new, oracle(new), strict=True)) if new else {}
        having = {(program, text): float(value) for text, value in told.items() if math.isfinite(value)}
        if having:
            _write(self._path, [(*map(marked, its), repr(value)) for its, value in having.items()])
            self._known.update(having)
        return np.array([self._known.get((program, text), math.nan) for text in texts], dtype=np.float64)


def recover(path: Path) -> dict[Run, list[Call]]:
    """The calls of each run in a file; what a kill left of a last line is taken off the file.

    Raises:
        InputError: As ``resumed``.
    """
    runs: dict[Run, list[Call]] = {}
    for number, row in _records(path, COLUMNS):
        run, call, place = _read(path, number, row)
        calls = runs.setdefault(run, [])
        calls.append(call)
        if place != len(calls):
            raise InputError(f"calls {str(path)!r}, record {number}: call must be {len(calls)}, got {place}")
    return runs


def _records(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Place and cells of each record of a file; after the last, what a kill left of a line is taken off the file."""
    whole = path.read_bytes() if path.exists() else b""
    try:
        rows = _complete_rows(whole, len(columns)) or [list(columns)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"calls {str(path)!r} cannot be read: {error}; name another file") from error
    kept = _as_csv(rows)
    # All that can be lost is what follows the last whole record; without one, only a part of the header is ours.
    if tuple(rows[0]) != columns or (len(rows) == 1 and not (kept.startswith(whole) or whole.startswith(kept))):
        raise InputError(f"calls {str(path)!r} must start with the columns {', '.join(columns)}; name another file")
    yield from enumerate(rows[1:], start=2)
    if kept != whole:
        _replace(path, kept)


def _complete_rows(whole: bytes, width: int) -> list[list[str]]:
    # Whatever follows the last line end was cut off; an open quote swallows the columns after it.
    text = whole[: whole.rfind(b"\n") + 1].decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    return rows if not rows or len(rows[-1]) == width else rows[:-1]


def _read(path: Path, number: int, row: list[str]) -> tuple[Run, Call, int]:
    try:
        objective, method, seed, place, text, value, seconds = row
        text = unmarked(text)
        parts = tuple(map(float, value.split(" ")))
        call = Call(text, parts[0], float(seconds)) if len(parts) == 1 else Call(text, math.nan, float(seconds), parts)
        return Run(objective, method, int(seed)), call, int(place)
    except ValueError as error:
        raise InputError(f"calls {str(path)!r}, record {number}, is broken: {error}; name another file") from error


def _append(path: Path, run: Run, done: int, calls: Sequence[Call]) -> None:
    rows = [
        (*run, done + i, marked(call.text), " ".join(map(repr, call.parts or (call.value,))), f"{call.seconds:.3f}")
        for i, call in enumerate(calls, start=1)
    ]
    _write(path, rows)


def _write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Append rows to a file that ends with a line; they are on the disk when this returns."""
    with path.open("ab") as file:
        file.write(_as_csv(rows))
        file.flush()
        os.fsync(file.fileno())


def _as_csv(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO(newline="")
    # All quoted: a text may hold any line end.
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8")


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(content)


def best_so_far(calls: Sequence[Call]) -> list[float]:
    """The highest value up to each call; nan as long as none has one."""
    best, highest = [], math.nan
    for call in calls:
        if math.isfinite(call.value) and not call.value <= highest:
            highest = call.value
        best.append(highest)
    return best


def best_calls(calls: Sequence[Call], count: int) -> list[Call]:
    """The ``count`` calls of the highest values, the best first; calls without a value are none of them."""
    return sorted((call for call in calls if math.isfinite(call.value)), key=lambda call: -call.value)[:count]


def auc_top(calls: Sequence[Call], top: int, budget: int, *, every: int = 100) -> float:
    """Area under the mean of the ``top`` best values against calls, over the budget: how good, and how soon.

    As PMO has it: the mean is taken every so many calls and at the end, straight lines join them from 0 at no call,
    and a search that ended early keeps its last mean for the rest of the budget. A call without a value counts as 0.

    Args:
        calls: In order; those beyond the budget do not count.
        top: How many values the mean is of; of fewer where there are fewer.
        budget: Calls that the area is over.
        every: Calls between two means.

    References:
        Gao et al. (2022), PMO, https://arxiv.org/abs/2206.12411; ``top_auc`` of
        https://github.com/wenhao-gao/mol_opt/blob/main/main/optimizer.py
    """
    values = [call.value if math.isfinite(call.value) else 0.0 for call in calls[:budget]]
    places = [*range(every, len(values), every), len(values)] if values else []
    area, before, mean = 0.0, 0, 0.0
    for place in places:
        last, mean = mean, fmean(sorted(values[:place], reverse=True)[:top])
        area += (place - before) * (last + mean) / 2
        before = place
    return (area + (budget - before) * mean) / budget
