"""Dropout that leaves a recurrent network its memory: one mask for all symbols of a row, or one for all steps.

Nothing is lost where nothing is learnt: neither in evaluation nor where no gradient is asked for, as of a language
model that is corrected.

References:
    Gal and Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent Neural Networks,
    https://arxiv.org/abs/1512.05287
    Merity, Keskar and Socher (2018), Regularizing and Optimizing LSTM Language Models, sections 2 and 4.1 to 4.3,
    https://arxiv.org/abs/1708.02182
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaeseq.recurrent import LSTM, States


class LockedDropout(nn.Module):
    """Drops the same units at every symbol of a row (variational dropout)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, states: Tensor) -> Tensor:
        """States ``(batch, length, width)``, of which in training a share is 0 and the rest larger for it."""
        if not _loses(self):
            return states
        kept = torch.empty_like(states[:, :1]).bernoulli_(1 - self.share)
        return states * kept.div_(1 - self.share)


class WeightDropLSTM(LSTM):
    """One layer; in training a pass loses a share of its recurrent weights, the same at every step (weight drop)."""

    def __init__(self, inputs: int, hidden: int, share: float) -> None:
        super().__init__(inputs, hidden, batch_first=True)
        self.share = share

    def pass_over(self, inputs: Tensor, state: States | None) -> tuple[Tensor, States]:
        """As that of any ``LSTM``; what is lost needs a state to begin with."""
        if state is None or not _loses(self):
            return super().pass_over(inputs, state)
        recurrent = functional.dropout(self.weight_hh_l0, self.share)
        weights = [self.weight_ih_l0, recurrent, self.bias_ih_l0, self.bias_hh_l0]
        # inputs, state, weights, with biases, layers, dropout between them, training, in both directions, batch first
        states, hidden, cell = torch.lstm(inputs, state, weights, True, 1, 0.0, True, False, True)
        return states, (hidden, cell)


def _loses(module: LockedDropout | WeightDropLSTM) -> bool:
    return module.training and module.share > 0 and torch.is_grad_enabled()
