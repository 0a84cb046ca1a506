"""Stopping on request, when what is under way has ended, unless it comes twice; and with the process above."""

import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

ASKING = signal.SIGINT, signal.SIGTERM
# That its parent has ended: told once for each of that one's threads, so more of them are no second signal.
ORPHANED = signal.SIGUSR1
# Environment variable of a stage that is to end with the process that runs it: the id of that one.
WITH_PARENT = "LATENTPATH_WITH_PARENT"
_SET_PDEATHSIG = 1  # of prctl(2)


class Asked:
    """Whether to stop.

    Attributes:
        by: The signal that asked for it, if any.
    """

    by: int | None = None

    def __call__(self) -> bool:
        """Whether one did."""
        return self.by is not None


@contextmanager
def asked_to_stop() -> Iterator[Asked]:
    """Notices the first SIGINT or SIGTERM of the block, or that the parent ended; a second ends the process at once.

    Signals belong to the main thread: in another the block notices none.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def first(number: int, _: FrameType | None) -> None:
        asked.by = number
        with suppress(OSError):  # the same key may have stopped whoever read it
            os.write(sys.stderr.fileno(), b"stopping after this step; the same signal again ends at once\n")
        # Functions, for what has arrived at the same time: Python passes over a signal that is without one by then.
        for each in ASKING:
            signal.signal(each, second)
        signal.signal(ORPHANED, lambda *_: None)

    def second(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    before = {each: signal.signal(each, first) for each in (*ASKING, ORPHANED)}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def end_with_parent() -> None:
    """Have this process told when the one that started it ends, however that is: no stage outlives its DVC.

    It then ends, or within ``asked_to_stop`` is asked to. So it does where ``WITH_PARENT`` names one that has ended
    already.

    Between a stage and DVC is the user's shell. bash, zsh and fish give their place to a lone command; dash stays, and
    so do those who spread a stage over several processes: DVC is then watched too.
    """
    told = os.environ.get(WITH_PARENT)
    parent = told or str(os.getppid())  # of DVC nothing better is known
    os.environ[WITH_PARENT] = ""  # the worker processes of this one have another
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, ORPHANED)
    if str(os.getppid()) != parent:  # it has ended meanwhile
        os.kill(os.getpid(), ORPHANED)
    dvc = _dvc()
    if told != "" and dvc != os.getppid():  # worker processes end with their stage
        threading.Thread(target=_watch, args=(dvc,), daemon=True).start()


def _dvc() -> int:
    """The nearest process above that DVC has not told which stage it is part of."""
    process = os.getppid()
    with suppress(OSError):  # it has ended, or is another user's
        while any(entry.startswith(b"DVC_STAGE=") for entry in _of(process, "environ").split(b"\0")):
            process = int(_of(process, "stat").rpartition(b")")[2].split()[1])
    return process


def _of(process: int, what: str) -> bytes:
    return Path("/proc", str(process), what).read_bytes()


def _watch(process: int) -> None:
    """Have this process told when that one ends."""
    with suppress(OSError):  # of Linux before 5.3
        with suppress(ProcessLookupError):  # it has ended already
            select.select([os.pidfd_open(process)], [], [])
        os.kill(os.getpid(), ORPHANED)
