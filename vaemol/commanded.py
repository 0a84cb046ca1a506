"""An objective of your own: any program that reads a SMILES a line and prints a number a line."""

import math
import shlex
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from vaeseq.errors import InputError

PATIENCE = 3  # batches in a row without any number before the program counts as broken


class CommandOracle:
    """Values from a program, which is started once for each batch, without a shell.

    Its output has to hold as many lines as there are molecules, each a number; an empty line, ``nan`` or anything else
    is no value. A batch of which the program makes nothing, because it fails, hangs or prints too little, is given to
    it again one molecule at a time: then only the molecule that it fails on has no value.

    Attributes:
        failures: Molecules without a value so far, and why the last one has none.
    """

    def __init__(self, command: str, *, seconds: float = 600.0) -> None:
        """Name a program.

        Args:
            command: The program and its arguments, as in a shell but for variables, pipes and wildcards.
            seconds: That it may take for a batch, and for a molecule alone.

        Raises:
            InputError: There is no program in it.
        """
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise InputError(f"command must be readable, got {command!r}: {error}") from error
        if not self._argv:
            raise InputError("command must name a program, got nothing")
        self._seconds, self._barren, self._why = seconds, 0, ""
        self.failures: tuple[int, str] = (0, "")

    def __call__(self, smiles: Sequence[str]) -> np.ndarray:
        """One value a molecule, nan where there is none.

        Raises:
            InputError: The program cannot be started, or gave no number for several batches in a row.
        """
        self._why = "it printed something that is no number"
        values = self._asked(smiles)
        if values is None:
            values = [(self._asked([text]) or [math.nan])[0] for text in smiles] if len(smiles) > 1 else [math.nan]
        lacking = sum(map(math.isnan, values))
        if lacking:
            self.failures = self.failures[0] + lacking, self._why
            print(f"objective: {lacking} of {len(values)} molecules have no value: {self._why}", file=sys.stderr)
        self._barren = self._barren + 1 if lacking == len(values) > 0 else 0
        if self._barren == PATIENCE:
            raise InputError(
                f"command {shlex.join(self._argv)!r} must print a number a line, got none for {PATIENCE} batches in a "
                f"row: {self._why}; all calls made so far are kept"
            )
        return np.array(values, dtype=np.float64)

    def _asked(self, smiles: Sequence[str]) -> list[float] | None:
        """None where the program gave no line for each molecule."""
        lines = "".join(f"{text}\n" for text in smiles)
        try:
            done = subprocess.run(
                self._argv, input=lines, capture_output=True, text=True, timeout=self._seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return self._failed(f"it took more than {self._seconds:g} s")
        except UnicodeDecodeError:
            return self._failed("it printed what is no UTF-8")
        except OSError as error:
            raise InputError(
                f"command must be a program that can be started, got {self._argv[0]!r}: {error}"
            ) from error
        found = done.stdout.splitlines()
        if done.returncode:
            return self._failed(f"it ended with {done.returncode}: {done.stderr.strip()[-200:] or 'no message'}")
        if len(found) != len(smiles):
            return self._failed(f"it printed {len(found)} lines for {len(smiles)} molecules")
        return [_number(line) for line in found]

    def _failed(self, why: str) -> None:
        self._why = why


def _number(line: str) -> float:
    try:
        value = float(line)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
