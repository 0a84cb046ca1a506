import ctypes
import platform
import subprocess
import sys

import pytest
import torch

from vaeseq.device import autocast, device_of, keep_freed_memory
from vaeseq.errors import InputError
from vaeseq.imputation import codeless


def test_a_device_that_torch_does_not_know_is_an_input_error() -> None:
    assert device_of("cpu").type == "cpu"
    with pytest.raises(InputError, match="'gpu'"):
        device_of("gpu")
    with pytest.raises(InputError, match="must be a 'cpu' or 'cuda', got 'mps'"):
        device_of("mps")


def test_a_model_without_codes_is_where_its_language_model_is(build_vae) -> None:
    assert codeless(build_vae(language=True).language.to("meta")).prior().mean.device.type == "meta"


def test_bfloat16_is_refused_where_no_lstm_runs_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities = {"architecture": "x86_64", "avx512_bw": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with pytest.raises(InputError, match="'auto' or 'float32' on a processor without AVX-512, got 'bfloat16'"):
        autocast(torch.device("cpu"), "bfloat16")
    with autocast(torch.device("cpu"), "auto"):
        assert not torch.is_autocast_enabled("cpu")
    for more in ({"avx512_bw": True}, {"architecture": "aarch64"}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda more=more: capabilities | more)
        with autocast(torch.device("cpu"), "bfloat16"):
            assert torch.is_autocast_enabled("cpu")


def test_a_gpu_that_emulates_bfloat16_is_spared_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    with autocast(torch.device("cuda"), "auto"):
        assert not torch.is_autocast_enabled("cuda")


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
