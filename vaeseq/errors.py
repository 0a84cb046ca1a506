"""The two errors that are about data rather than about code."""


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
