"""Stopping on request: what is under way ends first, unless the request comes twice."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKING = signal.SIGINT, signal.SIGTERM


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
    """Notices the first SIGINT or SIGTERM of the block; a second ends the process at once, as it does by default."""
    asked = Asked()

    def first(number: int, _: FrameType | None) -> None:
        asked.by = number
        os.write(sys.stderr.fileno(), b"stopping after this step; the same signal again ends at once\n")
        for each in ASKING:
            signal.signal(each, signal.SIG_DFL)

    before = {each: signal.signal(each, first) for each in ASKING}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
