"""The sequence VAE: modules that return distributions.

``p(x, z) = p(x | z) p(z)`` with ``q(z | x)``: ``encoder(tokens)`` is the posterior, ``decoder(z)`` the likelihood,
``prior()`` the prior. Everything else (bounds, samples, paths, search) is a function of these three, and of a fourth
where there is one: ``language(count)``, a language model ``p(x)`` of texts without a code, which paths ask whether
something is a text at all.

References:
    Kingma and Welling (2014), Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114
    Bowman et al. (2015), Generating Sentences from a Continuous Space, https://arxiv.org/abs/1511.06349
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional

from vaeseq.crossentropy import linear_cross_entropy
from vaeseq.errors import InputError
from vaeseq.likelihood import SequenceLikelihood
from vaeseq.tokenizer import BOS, MASK, PAD, RESERVED

State = tuple[Tensor, Tensor]  # of an LSTM
WIDEST = 8_192  # units of a layer; a config that asks for more is broken, and would take all memory
LARGEST_VOCABULARY = 65_536  # ids are kept in 16 bits


def _check_sizes(config: object, *names: str) -> None:
    for name in names:
        size, most = getattr(config, name), LARGEST_VOCABULARY if name == "vocabulary" else WIDEST
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= most:
            raise InputError(f"{name} must be a whole number from 1 to {most:,}, got {size!r}")


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder; ``hidden`` units in each direction."""

    kind: Literal["bilstm"] = "bilstm"
    hidden: int = 256

    def __post_init__(self) -> None:
        _check_sizes(self, "hidden")


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder; ``dropout`` acts on what its LSTM puts out."""

    kind: Literal["lstm"] = "lstm"
    hidden: int = 512
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_sizes(self, "hidden")
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), got {self.dropout!r}")


@dataclass(frozen=True)
class PriorConfig:
    """Which prior."""

    kind: Literal["standard_normal"] = "standard_normal"


@dataclass(frozen=True)
class VAEConfig:
    """All that determines the modules and their sizes; ``language`` is None where there is no language model."""

    vocabulary: int
    latent: int
    embedding: int = 64
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    language: DecoderConfig | None = None

    def __post_init__(self) -> None:
        _check_sizes(self, "vocabulary", "latent", "embedding")
        if self.vocabulary < len(RESERVED):
            raise InputError(f"vocabulary must hold the {len(RESERVED)} reserved symbols, got {self.vocabulary!r}")


class BiLSTMEncoder(nn.Module):
    """A Gaussian posterior with diagonal covariance from the states of a bidirectional LSTM.

    The head sees each direction's last state and the largest value of each unit over the row: what a single word says
    then reaches the code in one step, and training needs a fraction of the time (LOG.md). Each direction is an LSTM of
    its own, the backward one reads the row reversed within its length: padding enters no state, and no lengths leave
    the device.

    References:
        Conneau et al. (2017), section 3.2.2 (BiLSTM with max pooling), https://arxiv.org/abs/1705.02364
    """

    def __init__(self, config: EncoderConfig, embedding: nn.Embedding, latent: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.forwards = nn.LSTM(embedding.embedding_dim, config.hidden, batch_first=True)
        self.backwards = nn.LSTM(embedding.embedding_dim, config.hidden, batch_first=True)
        self.head = nn.Linear(4 * config.hidden, 2 * latent)

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        """q(z | x).

        Args:
            tokens: Ids ``(batch, length)``.
            observed: Where False, the encoder sees ``<mask>`` instead of the symbol; None means all are given.

        Returns:
            Gaussian with batch shape ``(batch,)`` and event shape ``(latent,)``.
        """
        if observed is not None:
            tokens = torch.where(observed | (tokens == PAD), tokens, MASK)
        lengths = (tokens != PAD).sum(dim=1, keepdim=True)
        place = torch.arange(tokens.shape[1], device=tokens.device)
        mirrored = torch.where(place < lengths, lengths - 1 - place, place)
        summary = torch.cat(
            [
                *_last_and_largest(self.forwards, self.embedding(tokens), lengths),
                *_last_and_largest(self.backwards, self.embedding(tokens.gather(1, mirrored)), lengths),
            ],
            dim=1,
        )
        mean, raw = self.head(summary).float().chunk(2, dim=1)
        # softplus(0.54) = 1: training starts at the prior's scale; the floor keeps log densities finite.
        return Independent(Normal(mean, functional.softplus(raw + 0.54) + 1e-4, validate_args=False), 1)


def _last_and_largest(lstm: nn.LSTM, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The state at the end of each row, and each unit's largest value in the row, both ``(batch, hidden)``."""
    states, _ = lstm(inputs)
    padding = torch.arange(inputs.shape[1], device=inputs.device) >= lengths
    last = states.gather(1, (lengths - 1).unsqueeze(2).expand(-1, -1, states.shape[2])).squeeze(1)
    return last, states.masked_fill(padding.unsqueeze(2), -torch.inf).amax(dim=1)


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
        self.lstm = nn.LSTM(width + latent, config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden + latent, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        impossible = torch.zeros(vocabulary)
        impossible[[PAD, BOS, MASK]] = -torch.inf
        self.register_buffer("impossible", impossible, persistent=False)

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
        states, state = self.lstm(torch.cat([self.embedding(symbols), everywhere], dim=2), state)
        return self.head(torch.cat([self.dropout(states), everywhere.to(states.dtype)], dim=2)), state


class LanguageModel(nn.Module):
    """p(x) of texts by themselves: a decoder that is given the same code, one number, for every text."""

    def __init__(self, decoder: LSTMDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, count: int) -> SequenceLikelihood:
        """p(x), for ``count`` texts."""
        return SequenceLikelihood(self.decoder, torch.ones(count, 1, device=next(self.parameters()).device))


class StandardNormalPrior(nn.Module):
    """N(0, I) over codes."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent), persistent=False)

    def forward(self) -> Independent:
        """p(z) with event shape ``(latent,)``."""
        return Independent(Normal(self.mean, torch.ones_like(self.mean)), 1)


class SequenceVAE(nn.Module):
    """``p(x, z) = p(x | z) p(z)``, with ``q(z | x)``, and perhaps ``p(x)`` by itself."""

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, language: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior, self.language = encoder, decoder, prior, language

    @classmethod
    def build(cls, config: VAEConfig) -> "SequenceVAE":
        """The one place where sizes become modules."""
        embedding = nn.Embedding(config.vocabulary, config.embedding, padding_idx=PAD)
        nn.init.normal_(embedding.weight, std=0.3)  # learns faster than at .1 and at 1 (LOG.md)
        match config.encoder.kind:
            case "bilstm":
                encoder = BiLSTMEncoder(config.encoder, embedding, config.latent)
            case other:
                raise InputError(f"encoder kind must be 'bilstm', got {other!r}")
        decoder = _decoder(config.decoder, embedding, config.latent)
        match config.prior.kind:
            case "standard_normal":
                prior = StandardNormalPrior(config.latent)
            case other:
                raise InputError(f"prior kind must be 'standard_normal', got {other!r}")
        language = LanguageModel(_decoder(config.language, embedding, 1)) if config.language else None
        return cls(encoder, decoder, prior, language)


def _decoder(config: DecoderConfig, embedding: nn.Embedding, latent: int) -> LSTMDecoder:
    match config.kind:
        case "lstm":
            return LSTMDecoder(config, embedding, latent)
        case other:
            raise InputError(f"decoder kind must be 'lstm', got {other!r}")
