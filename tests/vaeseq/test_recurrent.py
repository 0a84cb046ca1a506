"""The LSTM of all models is that of torch, on a GPU in float32, and its memory does not grow with lengths."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from torch import nn

from vaeseq.dropout import WeightDropLSTM
from vaeseq.recurrent import LSTM


@pytest.mark.parametrize("made", [lambda: LSTM(3, 4, batch_first=True), lambda: WeightDropLSTM(3, 4, 0.5)])
def test_it_is_the_lstm_of_torch(made):
    torch.manual_seed(0)
    ours, theirs = made().eval(), nn.LSTM(3, 4, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    inputs, state = torch.randn(2, 5, 3), (torch.randn(1, 2, 4), torch.randn(1, 2, 4))
    for given in ((inputs,), (inputs, state)):
        for one, other in zip(ours(*given)[1], theirs(*given)[1], strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("loses", [True, False])
def test_on_a_gpu_it_runs_in_float32_within_autocast(loses, monkeypatch):
    lstm = WeightDropLSTM(3, 4, 0.5).train(loses)
    seen = []

    def of_cudnn(inputs, state, *_):
        seen.append((torch.is_autocast_enabled("cuda"), inputs.dtype, state[0].dtype))
        return inputs, *state

    class OnGPU(torch.Tensor):
        device = torch.device("cuda")

    monkeypatch.setattr(torch, "lstm", of_cudnn)
    monkeypatch.setattr(torch._VF, "lstm", of_cudnn)
    state = (torch.zeros(1, 2, 4, dtype=torch.bfloat16), torch.zeros(1, 2, 4))
    torch.set_autocast_enabled("cuda", True)
    try:
        lstm(torch.zeros(2, 5, 3, dtype=torch.bfloat16).as_subclass(OnGPU), state)
    finally:
        torch.set_autocast_enabled("cuda", False)
    assert seen == [(False, torch.float32, torch.float32)]


_GROWTH = """
import ctypes, torch
from vaeseq.recurrent import LSTM

class Told(ctypes.Structure):  # struct mallinfo2 of malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ord small maps mapped _ __ used free top".split()]

torch.set_num_threads(1)
used = ctypes.CDLL(None).mallinfo2
used.restype = Told
lstm = LSTM(64, 64, batch_first=True, bidirectional=True)

def read(lengths):
    for length in lengths:
        lstm(torch.randn(8, length, 64, requires_grad=True))[0].sum().backward()
    return used().used

print(-read(range(10, 20)) + read(range(20, 120)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it asks glibc how much is held")
def test_what_is_kept_for_texts_of_each_length_is_bounded(monkeypatch):
    def grown(**environment):
        run = subprocess.run(
            [sys.executable, "-c", _GROWTH], capture_output=True, text=True, check=True, env=os.environ | environment
        )
        return int(run.stdout)

    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)  # this process has set it
    bounded, asked_for = grown(), grown(ONEDNN_PRIMITIVE_CACHE_CAPACITY="1024")
    assert bounded < asked_for / 3
