"""The command lines as programs of their own, each with the model of its package, and what became of a program."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vaeseq.shipped import NAME

COLUMN = {"molecules": "smiles", "sentences": "text"}
_NAMES = {"molecules": "vaemol", "sentences": "vaetext"}


class Ended(NamedTuple):
    """How a program ended: ``fault`` is ``crashes`` or ``hangs``, '' where it did what it should or told an error."""

    fault: str
    out: bytes


def ended(command: Sequence[str], place: Path, *, given: bytes = b"", seconds: float) -> Ended:
    """Run a program of ours in a folder, with so many bytes on its standard input, for so long at most."""
    pipe, environment = subprocess.PIPE, os.environ | {"PYTHONPATH": os.getcwd()}
    streams = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
    with subprocess.Popen(command, cwd=place, env=environment, start_new_session=True, **streams) as process:
        try:
            out, told = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            print(f"{' '.join(command)} hangs in {place}", file=sys.stderr)
            return Ended("hangs", b"")
        finally:
            if process.poll() is None:  # its workers too
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode in (0, 1) and b"Traceback" not in told:
        return Ended("", out)
    print(f"{' '.join(command)} crashes in {place}:\n{told.decode(errors='replace')[-4000:]}", file=sys.stderr)
    return Ended("crashes", out)


def command(domain: str, verb: str) -> list[str]:
    """``vaemol`` or ``vaetext`` with a command that reads lines from standard input and writes JSON."""
    start = f"import sys, pipelines.cli; sys.exit(pipelines.cli.{_NAMES[domain]}())"
    model = [] if verb == "score" else ["--model", NAME]
    return [sys.executable, "-c", start, verb, *model, "--format", "json"]
