"""An objective of your own: any program that reads a SMILES a line and prints a number a line."""

import math
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from vaeseq.asking import Unanswered
from vaeseq.errors import InputError

# Batches in a row that a program fails on, without an answer between them, before it counts as broken; and such of one
# molecule, as it may fail on several dull ones.
PATIENCE, PATIENCE_ALONE = 3, 20
# Told the process group of a program, it ends that when its standard input does: however who asks has ended.
_WATCHER = ["/bin/sh", "-c", 'read -r group && { read -r _; kill -s KILL -- "-$group"; }']


class CommandOracle:
    """Values from a program, which is started once for each batch, without a shell.

    Its output has to hold as many lines as there are molecules, each a number; an empty line, ``nan`` or anything else
    is no value. A batch that the program fails on, because it ends with an error, hangs or prints another number of
    lines, is ``Unanswered`` and to be asked for in pieces (``vaeseq.asking``); a molecule that it fails on by itself
    has no value.

    Attributes:
        failures: Molecules without a value so far, and why the last one has none.
    """

    def __init__(self, command: str, *, seconds: float = 600.0) -> None:
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
        self._seconds, self._why = seconds, ""
        self._failed, self._in_row = set[str](), 0  # the molecules of the batch that failed last, and how many did
        self._told: dict[str, float] = {}  # of the last batch: where another objective fails on it, it comes again
        self.failures: tuple[int, str] = (0, "")

    def __call__(self, smiles: Sequence[str]) -> np.ndarray:
        """One value a molecule, nan where there is none.

        Raises:
            Unanswered: The program fails on several molecules together.
            InputError: It cannot be started, or failed on three batches in a row and on each molecule of the first two;
                where a batch is one molecule, on twenty.
        """
        if self._told.keys() >= set(smiles):
            return np.array([self._told[text] for text in smiles], dtype=np.float64)
        values = self._values(smiles)
        self._told = dict(zip(smiles, values, strict=True))
        return np.array(values)

    def _values(self, smiles: Sequence[str]) -> list[float]:
        self._why = "it printed something that is no number"
        values = self._asked(smiles)
        if values is None:
            self._count(smiles)
            if len(smiles) > 1:
                raise Unanswered(self._why)
            values = [math.nan]
        else:
            self._in_row = 0
        if lacking := sum(map(math.isnan, values)):
            self.failures = self.failures[0] + lacking, self._why
            print(f"objective: {lacking} of {len(values)} molecules have no value: {self._why}", file=sys.stderr)
        return values

    def _count(self, smiles: Sequence[str]) -> None:
        """Count a failure, if it is not that of a part of what failed before."""
        if not self._failed.issuperset(smiles):
            self._failed, self._in_row = set(smiles), self._in_row + 1
        if self._in_row >= (PATIENCE if len(smiles) > 1 else PATIENCE_ALONE):
            raise InputError(
                f"command {shlex.join(self._argv)!r} must print a number a line, it failed on {self._in_row} batches "
                f"in a row: {self._why}"
            )

    def _asked(self, smiles: Sequence[str]) -> list[float] | None:
        """None where the program gave no line for each molecule."""
        lines, seconds = "".join(f"{text}\n" for text in smiles), self._seconds * len(smiles)
        try:
            done = _ran(self._argv, lines, seconds)
        except subprocess.TimeoutExpired:
            return self._none(f"it took more than {seconds:g} s")
        except UnicodeDecodeError:
            return self._none("it printed what is no UTF-8")
        except OSError as error:
            raise InputError(
                f"command must be a program that can be started, got {self._argv[0]!r}: {error}"
            ) from error
        found = done.stdout.splitlines()
        if done.returncode:
            return self._none(f"it ended with {done.returncode}: {done.stderr.strip()[-200:] or 'no message'}")
        if len(found) != len(smiles):
            return self._none(f"it printed {len(found)} lines for {len(smiles)} molecules")
        return [_number(line) for line in found]

    def _none(self, why: str) -> None:
        self._why = why


def _number(line: str) -> float:
    try:
        value = float(line)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _ran(argv: Sequence[str], lines: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run``, but whatever the program has started ends with it, and it with this process."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        subprocess.Popen(_WATCHER, stdin=subprocess.PIPE, text=True, start_new_session=True) as watcher,
        subprocess.Popen(argv, text=True, start_new_session=True, **pipes) as program,
    ):
        watcher.stdin.write(f"{program.pid}\n")
        watcher.stdin.flush()
        try:
            out, err = program.communicate(lines, seconds)
        finally:  # itself, where it took too long or this process is interrupted, and what outlives it
            watcher.kill()
            with suppress(ProcessLookupError, PermissionError):  # there is nothing; it is ending
                os.killpg(program.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(argv, program.returncode, out, err)
