"""What every stage script does around its ``main``; imported first, for what else they import takes time to load."""

import os
import sys
from collections.abc import Callable

from pipelines.signals import WITH_PARENT, end_with_parent
from vaeseq.errors import InputError, shortage

for _name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):  # nothing is reported to anybody
    os.environ.setdefault(_name, "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")  # and nothing here is kept as a pickle
if {"DVC_STAGE", WITH_PARENT} & os.environ.keys():  # DVC sets the first for what it runs
    end_with_parent()

DOMAINS = ("molecules", "sentences")
LACKING = {
    "memory": "memory must hold what this stage does; free some, or ask for less in params.yaml",
    "disk": "the disk must have room for what this stage writes; free some, and the same command goes on",
}


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the domain on the command line, if it takes one.

    An ``InputError``, a loss that is not finite, a machine without memory or a disk without room, and Ctrl-C become one
    line.
    """
    arguments = sys.argv[1:]
    wanted = main.__code__.co_argcount
    if len(arguments) != wanted or not set(arguments) <= set(DOMAINS):
        raise SystemExit(f"usage: python -m {main.__globals__['__spec__'].name}{' {molecules|sentences}' * wanted}")
    try:
        main(*arguments)
    except (InputError, FloatingPointError) as error:  # the latter of a loss that is not finite
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("stopped: the same command goes on from what is finished", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:  # every library has a type of its own for it; what is none is raised again
        if (lacking := shortage(error)) is None:
            raise
        print(f"error: {LACKING[lacking]} ({str(error).partition(chr(10))[0] or 'MemoryError'})", file=sys.stderr)
        raise SystemExit(1) from None
