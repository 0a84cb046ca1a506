"""What every stage script does around its ``main``."""

import os
import sys
from collections.abc import Callable

# Before mlflow or dvc is imported anywhere: nothing is reported to anybody.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

from pipelines.signals import end_with_parent
from vaeseq.errors import InputError, shortage

DVC = "DVC_STAGE"  # environment variable that DVC sets for what it runs
DOMAINS = ("molecules", "sentences")
LACKING = {
    "memory": "memory must hold what this stage does; free some, or ask for less in params.yaml",
    "disk": "the disk must have room for what this stage writes; free some, and the same command goes on",
}


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the domain on the command line, if it takes one.

    An ``InputError``, and a machine without memory or a disk without room, become one line.
    """
    if DVC in os.environ:
        end_with_parent()
    arguments = sys.argv[1:]
    wanted = main.__code__.co_argcount
    if len(arguments) != wanted or not set(arguments) <= set(DOMAINS):
        raise SystemExit(f"usage: python -m {main.__globals__['__spec__'].name}{' {molecules|sentences}' * wanted}")
    try:
        main(*arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:  # every library has a type of its own for it; what is none is raised again
        if (lacking := shortage(error)) is None:
            raise
        print(f"error: {LACKING[lacking]} ({str(error).partition(chr(10))[0] or 'MemoryError'})", file=sys.stderr)
        raise SystemExit(1) from None
