"""An objective of your own: a Python function, or any program that reads a SMILES a line and prints a number a line."""

import math
import os
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import numpy as np

from vaeseq.asking import Unanswered
from vaeseq.errors import InputError

SECONDS = 600.0  # that a program may take for each molecule
# Batches in a row that an objective fails on, without an answer between them, before it counts as broken; and such of
# one molecule, as it may fail on several dull ones.
PATIENCE, PATIENCE_ALONE = 3, 20
# Bytes that a program may print, for each molecule and beside; characters of its messages that are shown, their end.
PRINTED, PRINTED_BESIDE, SHOWN = 1_000, 64_000, 200
# Told the process group of a program, it ends that when its standard input does: however who asks has ended.
_WATCHER = ["/bin/sh", "-c", 'read -r group && { read -r _; kill -s KILL -- "-$group"; }']


class _Failed(Exception):
    """An objective has no answer for several molecules together, or for one; the message says why."""


class _Late(_Failed):
    """It took too long."""


class _Counted(ABC):
    """An objective that may fail: what it fails on is counted.

    Attributes:
        failures: Molecules without a value so far, and why the last one has none.
        late: Those of them that took too long by themselves.
    """

    def __init__(self, must: str) -> None:
        """Say what the objective is and must do, as the error does that tells of a broken one."""
        self._must = must
        self._failed, self._in_row = set[str](), 0  # the molecules of the batch that failed last, and how many did
        self._told: dict[str, float] = {}  # of the last batch: where another objective fails on it, it comes again
        self.failures: tuple[int, str] = (0, "")
        self.late = 0

    def __call__(self, smiles: Sequence[str]) -> np.ndarray:
        """One value a molecule, nan where there is none.

        Raises:
            Unanswered: It fails on several molecules together.
            InputError: It failed on three batches in a row and on each molecule of the first two; where a batch is one
                molecule, on twenty; or it is a program that cannot be started.
        """
        if self._told.keys() >= set(smiles):
            return np.array([self._told[text] for text in smiles], dtype=np.float64)
        values = self._values(smiles)
        self._told = dict(zip(smiles, values, strict=True))
        return np.array(values)

    @abstractmethod
    def _asked(self, smiles: Sequence[str]) -> Sequence[object]:
        """A number, or what is none, for each molecule; or ``_Failed`` is raised."""

    def _values(self, smiles: Sequence[str]) -> list[float]:
        why = "it gave what is no finite number"
        try:
            values = [_number(found) for found in self._asked(smiles)]
            self._in_row = 0
        except _Failed as failure:
            why = str(failure)
            self._count(smiles, failure)
            if len(smiles) > 1:
                raise Unanswered(why) from failure
            values = [math.nan]
            self.late += isinstance(failure, _Late)
        if lacking := sum(map(math.isnan, values)):
            self.failures = self.failures[0] + lacking, why
            so_far = f"{self.failures[0]} so far" + (f", {self.late} took too long" if self.late else "")
            print(f"objective: {lacking} of {len(values)} molecules have no value ({so_far}): {why}", file=sys.stderr)
        return values

    def _count(self, smiles: Sequence[str], failure: _Failed) -> None:
        """Count a failure, if it is not that of a part of what failed before."""
        if not self._failed.issuperset(smiles):
            self._failed, self._in_row = set(smiles), self._in_row + 1
        if self._in_row >= (PATIENCE if len(smiles) > 1 else PATIENCE_ALONE):
            raise InputError(f"{self._must}, it failed on {self._in_row} batches in a row: {failure}") from failure


class FunctionOracle(_Counted):
    """Values from a Python function, which may raise.

    What it gives has to be as many numbers as there are molecules; nan, None or anything else that is no finite number
    is no value. A batch that it raises on, or gives another number of values for, is ``Unanswered`` and to be asked for
    in pieces (``vaeseq.asking``); a molecule that it fails on by itself has no value.
    """

    def __init__(self, function: Callable[[Sequence[str]], Iterable[object]]) -> None:
        """Name a function: from canonical SMILES to one value each, higher is better."""
        told = getattr(function, "__name__", type(function).__name__)
        super().__init__(f"objective {told!r} must give a number for each molecule")
        self._function = function

    def _asked(self, smiles: Sequence[str]) -> list[object]:
        try:
            found = list(self._function(smiles))
        except Exception as error:  # whatever a stranger's function raises
            raise _Failed(f"it raised {type(error).__name__}: {error!s:.200}") from error
        if len(found) != len(smiles):
            raise _Failed(f"it gave {len(found)} values for {len(smiles)} molecules")
        return found


class CommandOracle(_Counted):
    """Values from a program, which is started once for each batch, without a shell.

    Its output has to hold as many lines as there are molecules, each a number; an empty line, ``nan`` or anything else
    is no value. A batch that the program fails on, because it ends with an error, hangs, prints too much or another
    number of lines, is ``Unanswered`` and to be asked for in pieces (``vaeseq.asking``); a molecule that it fails on by
    itself has no value.
    """

    def __init__(self, command: str, *, seconds: float = SECONDS) -> None:
        """Name a program.

        Args:
            command: The program and its arguments, as in a shell but for variables, pipes and wildcards.
            seconds: That it may take for each molecule; it is stopped where it takes more for all of a batch.

        Raises:
            InputError: There is no program in it.
        """
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise InputError(f"command must be readable, got {command!r}: {error}") from error
        if not self._argv:
            raise InputError("command must name a program, got nothing")
        super().__init__(f"command {shlex.join(self._argv)!r} must print a number a line")
        self._seconds = seconds

    def _asked(self, smiles: Sequence[str]) -> list[str]:
        lines, seconds = "".join(f"{text}\n" for text in smiles), self._seconds * len(smiles)
        try:
            done = _ran(self._argv, lines, seconds)
        except subprocess.TimeoutExpired as error:
            raise _Late(f"it took more than {seconds:g} s") from error
        except UnicodeDecodeError as error:
            raise _Failed("it printed what is no UTF-8") from error
        except OSError as error:
            raise InputError(
                f"command must be a program that can be started, got {self._argv[0]!r}: {error}"
            ) from error
        found = done.stdout.splitlines()
        if done.returncode:
            raise _Failed(f"it ended with {done.returncode}: {done.stderr.strip()[-SHOWN:] or 'no message'}")
        if len(found) != len(smiles):
            raise _Failed(f"it printed {len(found)} lines for {len(smiles)} molecules")
        return found


def _number(found: object) -> float:
    try:
        value = float(found)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return value if math.isfinite(value) else math.nan


def _ran(argv: Sequence[str], lines: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run``, but whatever the program has started ends with it, and it with this process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        tempfile.TemporaryFile() as given,
        subprocess.Popen(_WATCHER, stdin=subprocess.PIPE, text=True, start_new_session=True) as watcher,
    ):
        given.write(lines.encode())
        given.seek(0)
        with subprocess.Popen(argv, stdin=given, start_new_session=True, **pipes) as program:
            watcher.stdin.write(f"{program.pid}\n")
            watcher.stdin.flush()
            try:
                out, err = _printed(program, PRINTED_BESIDE + PRINTED * lines.count("\n"), seconds)
            finally:  # itself, where it took too long or this process is interrupted, and what outlives it
                watcher.kill()
                with suppress(ProcessLookupError, PermissionError):  # there is nothing; it is ending
                    os.killpg(program.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(argv, program.returncode, out.decode(), err.decode(errors="replace"))


def _printed(program: subprocess.Popen[bytes], most: int, seconds: float) -> tuple[bytearray, bytes]:
    """What a program prints until it ends, and the end of its messages; no more than that is ever held."""
    until, out, err = time.monotonic() + seconds, bytearray(), b""
    with selectors.DefaultSelector() as streams:
        streams.register(program.stdout, selectors.EVENT_READ)
        streams.register(program.stderr, selectors.EVENT_READ)
        while streams.get_map():
            left = until - time.monotonic()
            if left <= 0 or not (ready := streams.select(left)):
                raise subprocess.TimeoutExpired(program.args, seconds)
            for key, _ in ready:
                read = os.read(key.fd, most + 1)
                if not read:
                    streams.unregister(key.fileobj)
                elif key.fileobj is program.stdout:
                    out += read
                else:
                    err = (err + read)[-8 * SHOWN :]  # characters of up to four, and blanks after them
            if len(out) > most:
                raise _Failed(f"it printed too much: more than {most:,} bytes")
    program.wait(max(0.0, until - time.monotonic()))
    return out, err
