"""Signals, and processes that end with the one above."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipelines.signals import WITH_PARENT
from pipelines.team import PROCESSES

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def test_two_signals_at_once_end_the_process() -> None:
    script = """
import os, signal, time
from pipelines.signals import asked_to_stop
both = {signal.SIGINT, signal.SIGTERM}
with asked_to_stop():
    signal.pthread_sigmask(signal.SIG_BLOCK, both)
    for each in both:
        os.kill(os.getpid(), each)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
    time.sleep(60)
"""
    done = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, check=False)
    assert -done.returncode in (signal.SIGINT, signal.SIGTERM)
    assert b"Traceback" not in done.stderr


def test_a_stage_whose_parent_ended_before_it_began_ends_too() -> None:
    stage = """
import os, sys, time
while os.getppid() == int(sys.argv[1]):
    time.sleep(0.01)
print("began", flush=True)
import pipelines.stage
print("outlived it")
"""
    above = f"""
import os, subprocess, sys
me = str(os.getpid())
subprocess.Popen([sys.executable, "-c", sys.argv[1], me], env=os.environ | {{{WITH_PARENT!r}: me}})
"""
    command = [sys.executable, "-c", above, stage]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)  # until both have closed the pipe
    assert done.stdout == b"began\n"


def test_worker_processes_of_a_stage_have_the_stage_as_their_parent() -> None:
    script = """
import os, subprocess, sys
import pipelines.stage
print("stage", flush=True)
if sys.argv[1:]:
    sys.exit(subprocess.call([sys.executable, "-c", sys.argv[1]]))
"""
    command, parent = [sys.executable, "-c", script, script], {WITH_PARENT: str(os.getpid())}
    done = subprocess.run(command, env=ENVIRONMENT | parent, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"stage\nstage\n")


# Before it has loaded anything; spread over processes where that is asked for.
HELD = """
import pipelines.stage, os, pathlib, time
if "RANK" not in os.environ:
    from pipelines.team import spread
    spread()
pathlib.Path("began" + os.environ.get("RANK", "0")).touch()
time.sleep(60)
"""


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("shell", ["bash", None])
def test_a_stage_ends_with_the_dvc_that_started_it(shell: str | None, count: int, tmp_path: Path) -> None:
    """A shell that gives its place to what it runs, and /bin/sh, which DVC takes where none is named."""
    if shell and not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/__init__.py").write_text(f"__path__.append({str(ROOT / 'pipelines')!r})\n")
    (tmp_path / "pipelines/held.py").write_text(HELD)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (tmp_path / "dvc.yaml").write_text(f"stages: {{held: {{cmd: {sys.executable} -m pipelines.held}}}}\n")
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "SHELL"}
    environment |= {"SHELL": shutil.which(shell)} if shell else {}
    environment |= {PROCESSES: str(count)}
    command = [sys.executable, "-m", "dvc", "repro", "--quiet"]
    above = psutil.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    _until(lambda: len(list(tmp_path.glob("began*"))) == count, 120)
    below = above.children(recursive=True)
    above.kill()
    above.wait()
    _until(lambda: not any(map(_lives, below)), 20)


def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert done()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # whoever has taken it over may not ask for it at once
    except psutil.NoSuchProcess:
        return False
