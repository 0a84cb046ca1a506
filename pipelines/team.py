"""One stage run by several processes, on one machine or several.

``LATENTPATH_PROCESSES=4 dvc repro`` trains with four processes on this machine, one for each GPU where there are GPUs.
For several machines run the stage under ``torchrun`` on each of them, with the same files, see docs/scale.md.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed

from pipelines.signals import WITH_PARENT
from vaeseq.errors import InputError

PROCESSES = "LATENTPATH_PROCESSES"  # environment variable: how many; it changes no result beyond rounding and dropout


def spread() -> None:
    """Become the parent of as many processes of this program as are asked for, if it is not one of them.

    Raises:
        InputError: The number is none, or there are GPUs but fewer.
    """
    count = os.environ.get(PROCESSES, "1")
    if not count.isascii() or not count.isdigit() or count == "0":
        raise InputError(f"{PROCESSES} must be a whole number above 0, got {count!r}")
    if count == "1" or "WORLD_SIZE" in os.environ:
        return
    if torch.cuda.is_available() and int(count) > torch.cuda.device_count():
        raise InputError(f"{PROCESSES} must be at most {torch.cuda.device_count()}, one for each GPU, got {count}")
    module = sys.modules["__main__"].__spec__.name
    os.environ[WITH_PARENT] = str(os.getpid())  # the launcher has the same, and is the parent of all of them
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", count]
    os.execv(sys.executable, [*launcher, "-m", module, *sys.argv[1:]])


@contextmanager
def joined() -> Iterator[bool]:
    """In the group of processes that ``torchrun`` started, if it did; gives whether this one leads, and so writes."""
    if "WORLD_SIZE" not in os.environ:
        yield True
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield distributed.get_rank() == 0
    finally:
        distributed.destroy_process_group()
