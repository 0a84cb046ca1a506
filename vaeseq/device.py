"""Where and in which precision to compute."""

import ctypes
from contextlib import AbstractContextManager
from typing import Literal

import torch

from vaeseq.errors import InputError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3), from malloc.h

Precision = Literal["auto", "float32", "bfloat16"]


def device_of(name: str | None = None) -> torch.device:
    """The device asked for, else CUDA where it is, else the CPU.

    Raises:
        InputError: It is neither.
    """
    try:
        found = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise InputError(f"device must be one that torch knows, such as 'cpu' or 'cuda', got {name!r}") from error
    if found.type not in ("cpu", "cuda"):  # nothing else has been tried
        raise InputError(f"device must be a 'cpu' or 'cuda', got {name!r}")
    return found


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def runs_bfloat16(device: torch.device) -> bool:
    """Whether an LSTM runs in bfloat16 there at all: on x86 oneDNN has one for AVX-512 alone."""
    capabilities = torch.cpu.get_capabilities()
    return device.type != "cpu" or capabilities.get("architecture") != "x86_64" or capabilities.get("avx512_bw", False)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Matrix products in bfloat16 where asked for, or with ``auto`` where the hardware has units for it.

    Weights stay in float32. On a CPU without such units bfloat16 is emulated and slower than float32.

    Raises:
        InputError: bfloat16 is asked for where there is no LSTM in it.
    """
    if precision == "bfloat16" and not runs_bfloat16(device):
        raise InputError("precision must be 'auto' or 'float32' on a processor without AVX-512, got 'bfloat16'")
    fast = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else _cpu_has_bfloat16()
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bfloat16" or (precision == "auto" and fast)
    )


def differentiable() -> AbstractContextManager[object]:
    """Where a model in evaluation mode is to have gradients: cuDNN has none of an LSTM outside of training."""
    return torch.backends.cudnn.flags(enabled=False)


def keep_freed_memory() -> None:
    """Have glibc keep up to a gigabyte of what is freed for what is asked for next.

    It gives blocks above 32 MB back to the system, which hands them out again page by page and zeroed: on a CPU a step
    of training then spends a fifth of its time there (LOG.md). Costs memory, up to a few times the largest block, and
    does nothing with another C library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, TypeError, OSError):
        return
    for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
        mallopt(option, 1 << 30)
