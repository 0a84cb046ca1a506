"""The two errors that are about data rather than about code, and those that are about the machine."""

import reprlib
from typing import Literal

# CUDA, cuBLAS and cuDNN, torch on the CPU, and safetensors: the words are all that they have in common.
_WORDS = {
    "memory": ("out of memory", "ALLOC_FAILED", "annot allocate memory", "an't allocate memory"),
    "disk": ("No space left on device", "Disk quota exceeded"),
}


class InputError(ValueError):
    """What a user gave is wrong; the message says what must hold, what came and what to do.

    Command lines and stages print it as one line and exit with 1. It is never raised for a fault of our own.
    """


class Rejected(ValueError):
    """One row of a data set cannot be used.

    Rejections are counted by ``reason`` and kept in a file; they never end a run.

    Attributes:
        reason: A short slug such as ``unparsable``, the same for every row with the same fault.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def shortage(error: BaseException) -> Literal["memory", "disk"] | None:
    """What of the machine did not suffice, if that is what an error says."""
    if isinstance(error, MemoryError):
        return "memory"
    return next((what for what, words in _WORDS.items() if any(each in str(error) for each in words)), None)


def shown(value: object) -> str:
    """A wrong value as an error tells it, of any size: a few lines of YAML can write one that fills the memory."""
    short = reprlib.Repr()
    short.maxlevel, short.maxlist, short.maxstring = 2, 20, 200
    try:
        return short.repr(value)
    except ValueError:  # a whole number of thousands of digits
        return type(value).__name__
