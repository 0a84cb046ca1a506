"""What a training is at, told as it goes: ``benchmarks.kills`` has the train stage of its clones call ``watch``.

A line of the file that ``FILE`` names is a second of the clock that only goes forward, and the phase that begins then:
``training``; within it ``evaluation`` (of held-out rows), ``saving`` (the state), ``history`` (its file) and
``logging`` (to MLflow); ``ending`` (the figures, and the model); ``ended``, when Python goes. ``TOGETHER`` is none: it
says that another process trains there at the same time.
"""

import atexit
import fcntl
import functools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines import tracking
from vaeseq import training
from vaeseq.state import TrainState

FILE = "LATENTPATH_PHASES"  # environment variable: where it is told
TOGETHER = "together"
_MOMENT = 0.5  # seconds
SENT_EVERY = 0.5  # seconds between two times that MLflow is told, so that kills fall there


def watch(train: ModuleType) -> None:
    """Have a train stage tell; called between its imports and its ``main``.

    MLflow is loaded before, so that what falls into logging falls into what is sent.
    """
    import mlflow  # noqa: F401 - of the clone alone, and the time that it takes is no logging

    told = _Told(Path(os.environ[FILE]))
    atexit.register(told.at, "ended")
    train.Live = functools.partial(train.Live, every=SENT_EVERY)
    for owner, name, phase in (
        (training, "summarise", "evaluation"),
        (TrainState, "save", "saving"),
        (train, "_write_history", "history"),
        (tracking, "mirror", "logging"),
    ):
        setattr(owner, name, told.within(phase, getattr(owner, name)))
    train.unbroken, train.locked = told.while_training(train.unbroken), told.alone(train.locked)


class _Told:
    """The phases of one process, each within the ones that it interrupts."""

    def __init__(self, path: Path) -> None:
        self._path, self._phases, self._inside = path, ["starting"], False
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def at(self, phase: str) -> None:
        """Begin the outermost one."""
        self._phases[0] = phase
        self._tell(self._phases[-1])

    def _tell(self, phase: str) -> None:
        os.write(self._file, f"{time.monotonic()} {phase}\n".encode())

    def within(self, phase: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which tells of itself."""

        @functools.wraps(real)
        def telling(*given: object, **named: object) -> object:
            self._phases.append(phase)
            self._tell(phase)
            try:
                return real(*given, **named)
            finally:
                self._phases.pop()
                self._tell(self._phases[-1])

        return telling

    def while_training(self, real: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The same generator, which tells of itself."""

        def telling(*given: object) -> Iterator[Any]:
            self.at("training")
            try:
                yield from real(*given)
            finally:
                self.at("ending")

        return telling

    def alone(self, real: Callable[..., AbstractContextManager[Path]]) -> Callable[..., AbstractContextManager[Path]]:
        """The same lock, which tells of another process that is behind it too; the first of this one is looked at."""

        @contextmanager
        def telling(folder: Path, **named: float) -> Iterator[Path]:
            with real(folder, **named) as held:
                if self._inside:
                    yield held
                    return
                # One of another kind, or it would tell what the stage's own tells; both go with the process.
                self._inside = True
                place = os.open(self._path.with_name("inside"), os.O_WRONLY | os.O_CREAT, 0o644)
                if not _free(place):
                    self._tell(TOGETHER)
                try:
                    yield held
                finally:
                    os.close(place)
                    self._inside = False

        return telling


def _free(place: int) -> bool:
    """Whether nobody holds a file, nor goes on to: a process that is killed gives up its locks one by one."""
    until = time.monotonic() + _MOMENT
    while time.monotonic() < until:
        with suppress(BlockingIOError):
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_MOMENT / 50)
    return False
