"""The LSTM of all models is that of torch, and on a GPU in float32."""

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
