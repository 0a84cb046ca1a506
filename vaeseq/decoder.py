"""From z, or from nothing, to p(x | z)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaeseq.config import DecoderConfig
from vaeseq.crossentropy import linear_cross_entropy
from vaeseq.dropout import LockedDropout, WeightDropLSTM
from vaeseq.likelihood import SequenceLikelihood
from vaeseq.tokenizer import BOS, MASK, PAD

State = tuple[Tensor, Tensor]  # of an LSTM


class LSTMDecoder(nn.Module):
    """An autoregressive LSTM that is given z as its first state and, at every step, beside its input and its output.

    Symbols are read and written through one embedding (Press and Wolf 2017), which the encoder reads through too: a
    rare word is learnt from all sides, and far sooner (LOG.md). The reserved symbols that no text holds (``<pad>``,
    ``<bos>``, ``<mask>``) have probability zero.

    References:
        Press and Wolf (2017), Using the Output Embedding to Improve Language Models, https://arxiv.org/abs/1608.05859
    """

    def __init__(self, config: DecoderConfig, embedding: nn.Embedding, latent: int) -> None:
        super().__init__()
        vocabulary, width = embedding.weight.shape
        self.embedding = embedding
        self.start = nn.Linear(latent, 2 * config.hidden)
        self.lstm = WeightDropLSTM(width + latent, config.hidden, config.weight_drop)
        self.input_dropout, self.dropout = LockedDropout(config.input_dropout), LockedDropout(config.dropout)
        self.head = nn.Linear(config.hidden + latent, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        impossible = torch.zeros(vocabulary)
        impossible[[PAD, BOS, MASK]] = -torch.inf
        self.register_buffer("impossible", impossible, persistent=False)

    def reset_parameters(self) -> None:
        """Make all weights new but those of the embedding, which is not the decoder's alone."""
        for layer in (self.start, self.lstm, self.head):
            layer.reset_parameters()
        nn.init.zeros_(self.bias)

    def forward(self, z: Tensor) -> SequenceLikelihood:
        """p(x | z) for codes ``(batch, latent)``."""
        return SequenceLikelihood(self, z)

    def first_state(self, z: Tensor) -> State:
        """The state before the first symbol: two tensors ``(1, batch, hidden)``."""
        hidden, cell = self.start(z).chunk(2, dim=1)
        return torch.tanh(hidden).unsqueeze(0).contiguous(), cell.unsqueeze(0).contiguous()

    def logits(self, symbols: Tensor, z: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``(batch, length, vocabulary)`` of what follows each of ``symbols``, and the state after the last."""
        expected, state = self._expected(symbols, z, state)
        return functional.linear(expected, self.embedding.weight, self.bias + self.impossible).float(), state

    def losses(self, symbols: Tensor, targets: Tensor, z: Tensor, state: State) -> Tensor:
        """``-log p`` of the target that follows each of ``symbols``, nats, ``(batch, length)``."""
        expected, _ = self._expected(symbols, z, state)
        bias = self.bias + self.impossible
        losses = linear_cross_entropy(expected.flatten(0, 1), self.embedding.weight, bias, targets.flatten())
        return losses.view_as(targets)

    def _expected(self, symbols: Tensor, z: Tensor, state: State) -> tuple[Tensor, State]:
        """What is looked for among the embeddings after each symbol, ``(batch, length, embedding)``."""
        everywhere = z.unsqueeze(1).expand(-1, symbols.shape[1], -1)
        states, state = self.lstm(torch.cat([self.input_dropout(self.embedding(symbols)), everywhere], dim=2), state)
        return self.head(torch.cat([self.dropout(states), everywhere.to(states.dtype)], dim=2)), state


class LanguageModel(nn.Module):
    """p(x) of texts by themselves: a decoder that is given a code of no dimensions."""

    def __init__(self, decoder: LSTMDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, count: int) -> SequenceLikelihood:
        """p(x), for ``count`` texts."""
        return SequenceLikelihood(self.decoder, torch.empty(count, 0, device=self.decoder.bias.device))
