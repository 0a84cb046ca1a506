"""Signals, and processes that end with the one above."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipelines.signals import WITH_PARENT

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


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
