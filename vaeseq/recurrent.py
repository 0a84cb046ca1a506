"""LSTMs in the precision that training promises, and in the memory of a laptop.

On a CPU oneDNN keeps what it has made for each shape of work, some hundred kilobytes, and texts of another length are
another shape. Of the 1,024 that it keeps by default a fine-tuning at batches of 64 molecules grew to 4 GB; with 64 it
stays at 1.4, and is as fast (LOG.md). A number in the environment stands.
"""

import os

import torch
from torch import Tensor, nn

os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")  # it is read when the first of them is made

States = tuple[Tensor, Tensor]  # hidden and cell, each (layers, batch, hidden)


class LSTM(nn.LSTM):
    """``torch.nn.LSTM`` that on a GPU runs in float32 within ``torch.autocast`` too, cuDNN's products in TF32.

    Autocast has cuDNN run LSTMs in float16 there, whatever it is told (aten/src/ATen/cudnn/AutocastRNN.cpp): without
    scaling of the loss, small gradients would be lost.
    """

    def forward(self, inputs: Tensor, state: States | None = None) -> tuple[Tensor, States]:
        """As ``torch.nn.LSTM``."""
        if inputs.device.type != "cuda":
            return self.pass_over(inputs, state)
        with torch.autocast("cuda", enabled=False):
            return self.pass_over(inputs.float(), state and (state[0].float(), state[1].float()))

    def pass_over(self, inputs: Tensor, state: States | None) -> tuple[Tensor, States]:
        """``forward`` in the precision that is set."""
        return super().forward(inputs, state)
