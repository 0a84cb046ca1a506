import ctypes
import platform
import subprocess
import sys

import pytest

from vaeseq.device import device_of, keep_freed_memory
from vaeseq.errors import InputError


def test_a_device_that_torch_does_not_know_is_an_input_error() -> None:
    assert device_of("cpu").type == "cpu"
    with pytest.raises(InputError, match="'gpu'"):
        device_of("gpu")


_COUNT = """
import resource, torch
from vaeseq.device import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10_000_000)  # 40 MB, above the 32 MB from which glibc gives blocks back
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(sum(faults() for _ in range(20)))
keep_freed_memory()
print(sum(faults() for _ in range(20)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_a_large_block_stays_with_the_process_once_it_was_freed() -> None:
    run = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True, check=True)
    given_back, kept = map(int, run.stdout.split())
    assert kept < given_back / 2


@pytest.mark.parametrize("error", [AttributeError, TypeError, OSError])
def test_another_c_library_is_left_alone(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: object) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    keep_freed_memory()
