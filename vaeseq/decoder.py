"""From z, or from nothing, to p(x | z)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaeseq.config import DecoderConfig
from vaeseq.crossentropy import linear_cross_entropy
from vaeseq.dropout import LockedDropout, WeightDropLSTM
from vaeseq.likelihood import SequenceLikelihood
from vaeseq.tokenizer import BOS, MASK, PAD

State = tuple[Tensor, Tensor]  # of an LSTM


class Gates(NamedTuple):
    """Weights of an LSTM, by gate (input, forget, cell, output).

    Attributes:
        inputs: Of a symbol's embedding and the code ``(4, hidden, embedding + latent)``.
        recurrent: ``(4, hidden, hidden)``.
        bias: ``(4, hidden)``.
    """

    inputs: Tensor
    recurrent: Tensor
    bias: Tensor


class Weights(NamedTuple):
    """Of a decoder's LSTMs, which do not see each other, and of its output.

    Attributes:
        gates: Of each LSTM; the codes of one may have no dimension.
        head: From the states of all and the code to what is looked for ``(embedding, hidden + latent)``.
        head_bias: ``(embedding,)``.
        symbol_bias: Of each symbol's logit, minus infinity where it is impossible ``(vocabulary,)``.
    """

    gates: tuple[Gates, ...]
    head: Tensor
    head_bias: Tensor
    symbol_bias: Tensor


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

    def given(self, symbols: Tensor) -> Tensor:
        """The part of ``expected`` that no code moves, of that shape, or 0: for many codes it is found once."""
        return self.bias.new_zeros(len(symbols), 1, 1)

    def logits(self, symbols: Tensor, z: Tensor, state: State, given: Tensor | None = None) -> tuple[Tensor, State]:
        """Logits ``(batch, length, vocabulary)`` of what follows each of ``symbols``, and the state after the last."""
        expected, state = self.expected(symbols, z, state, given)
        return functional.linear(expected, self.embedding.weight, self.symbol_bias).float(), state

    def losses(self, symbols: Tensor, targets: Tensor, z: Tensor, state: State, given: Tensor | None = None) -> Tensor:
        """``-log p`` of the target that follows each of ``symbols``, nats, ``(batch, length)``."""
        expected, _ = self.expected(symbols, z, state, given)
        flat = expected.flatten(0, 1)
        return linear_cross_entropy(flat, self.embedding.weight, self.symbol_bias, targets.flatten()).view_as(targets)

    @property
    def symbol_bias(self) -> Tensor:
        """Of the logits, ``(vocabulary,)``."""
        return self.bias + self.impossible

    def weights(self) -> Weights:
        """What single steps are made of, see ``vaeseq.decoding``."""
        lstm, hidden = self.lstm, self.lstm.hidden_size
        inputs, recurrent = lstm.weight_ih_l0.view(4, hidden, -1), lstm.weight_hh_l0.view(4, hidden, hidden)
        bias = (lstm.bias_ih_l0 + lstm.bias_hh_l0).view(4, hidden)
        return Weights((Gates(inputs, recurrent, bias),), self.head.weight, self.head.bias, self.symbol_bias)

    def expected(self, symbols: Tensor, z: Tensor, state: State, given: Tensor | None = None) -> tuple[Tensor, State]:
        """What is looked for among the embeddings after each symbol, ``(batch, length, embedding)``.

        With ``given``, what the method of that name says of these symbols, the state after them is the decoder's own
        alone: there is no going on from it.
        """
        everywhere = z.unsqueeze(1).expand(-1, symbols.shape[1], -1)
        states, state = self.lstm(torch.cat([self.input_dropout(self.embedding(symbols)), everywhere], dim=2), state)
        return self.head(torch.cat([self.dropout(states), everywhere.to(states.dtype)], dim=2)), state


class CorrectingDecoder(LSTMDecoder):
    """A decoder that corrects a language model: after each symbol it looks for the sum of what either would.

    The language model learns p(x) by itself and is not moved by the corrections, so the decoder's units are for what
    the code says, and where the code says nothing there is a whole language model still (LOG.md). States hold those
    of the decoder, then those of the language model.

    References:
        Stahlberg, Cross and Stoyanov (2018), Simple Fusion: Return of the Language Model (of a fixed model, by its
        probabilities), https://arxiv.org/abs/1809.00125
    """

    def __init__(self, config: DecoderConfig, embedding: nn.Embedding, latent: int, language: LSTMDecoder) -> None:
        super().__init__(config, embedding, latent)
        self._language = (language,)  # within a tuple it is no part of this module: it is a part of the model

    @property
    def language(self) -> LSTMDecoder:
        """What is corrected."""
        return self._language[0]

    def first_state(self, z: Tensor) -> State:
        """As ``LSTMDecoder.first_state``, of the units of both."""
        own, given = super().first_state(z), self.language.first_state(z[:, :0])
        return torch.cat([own[0], given[0]], dim=2), torch.cat([own[1], given[1]], dim=2)

    @torch.no_grad()
    def given(self, symbols: Tensor) -> Tensor:
        """As ``LSTMDecoder.given``: what the language model looks for."""
        nothing = self.bias.new_empty(len(symbols), 0)
        return self.language.expected(symbols, nothing, self.language.first_state(nothing))[0]

    def expected(self, symbols: Tensor, z: Tensor, state: State, given: Tensor | None = None) -> tuple[Tensor, State]:
        """As ``LSTMDecoder.expected``."""
        sizes = [self.lstm.hidden_size, self.language.lstm.hidden_size]
        (own_hidden, given_hidden), (own_cell, given_cell) = (part.split(sizes, dim=2) for part in state)
        own, own_state = super().expected(symbols, z, (own_hidden.contiguous(), own_cell.contiguous()))
        if given is not None:
            return own + given, own_state
        with torch.no_grad():
            begun = given_hidden.contiguous(), given_cell.contiguous()
            given, given_state = self.language.expected(symbols, z[:, :0], begun)
        hidden, cell = (torch.cat(parts, dim=2) for parts in zip(own_state, given_state, strict=True))
        return own + given, (hidden, cell)

    @property
    def symbol_bias(self) -> Tensor:
        """Of the logits, ``(vocabulary,)``."""
        return super().symbol_bias + self.language.bias.detach()

    def weights(self) -> Weights:
        """As ``LSTMDecoder.weights``, of both."""
        own, given = super().weights(), self.language.weights()
        by_state, by_code = own.head.tensor_split([self.lstm.hidden_size], dim=1)
        head = torch.cat([by_state, given.head, by_code], dim=1)
        return Weights(own.gates + given.gates, head, own.head_bias + given.head_bias, self.symbol_bias)


class LanguageModel(nn.Module):
    """p(x) of texts by themselves: a decoder that is given a code of no dimensions."""

    def __init__(self, decoder: LSTMDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, count: int) -> SequenceLikelihood:
        """p(x), for ``count`` texts."""
        return SequenceLikelihood(self.decoder, torch.empty(count, 0, device=self.decoder.bias.device))
