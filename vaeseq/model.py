"""The sequence VAE: modules that return distributions.

``p(x, z) = p(x | z) p(z)`` with ``q(z | x)``: ``encoder(tokens)`` is the posterior, ``decoder(z)`` the likelihood,
``prior()`` the prior. Everything else (bounds, samples, paths, search) is a function of these three, and of a fourth
where there is one: ``language(count)``, a language model ``p(x)`` of texts without a code, which paths ask whether
something is a text at all.

References:
    Kingma and Welling (2014), Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114
    Bowman et al. (2015), Generating Sentences from a Continuous Space, https://arxiv.org/abs/1511.06349
"""

import warnings
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaeseq import priors
from vaeseq.crossentropy import linear_cross_entropy
from vaeseq.dropout import LockedDropout, WeightDropLSTM
from vaeseq.encoder import BiLSTMEncoder, NoEncoder
from vaeseq.errors import InputError
from vaeseq.likelihood import SequenceLikelihood
from vaeseq.tokenizer import BOS, MASK, PAD, RESERVED

State = tuple[Tensor, Tensor]  # of an LSTM
WIDEST = 8_192  # units of a layer; a config that asks for more is broken, and would take all memory
LARGEST_VOCABULARY = 65_536  # ids are kept in 16 bits


def _check_sizes(config: object, *names: str) -> None:
    for name in names:
        size, most = getattr(config, name), LARGEST_VOCABULARY if name == "vocabulary" else WIDEST
        least = 0 if name == "latent" else 1
        if not isinstance(size, int) or isinstance(size, bool) or not least <= size <= most:
            raise InputError(f"{name} must be a whole number from {least} to {most:,}, got {size!r}")


def _check_shares(config: object, *names: str) -> None:
    for name in names:
        share = getattr(config, name)
        if not isinstance(share, int | float) or not 0 <= share < 1:
            raise InputError(f"{name} must be in [0, 1), got {share!r}")


@dataclass(frozen=True)
class EncoderConfig:
    """The encoder and its posterior.

    Attributes:
        kind: A bidirectional LSTM.
        hidden: Its units in each direction.
        posterior: See ``vaeseq.posteriors``.
        transforms: Steps of a posterior that is a flow.
        slots: Entries that a code is made of where it is discrete (``vaeseq.quantised``); they divide the latent.
        codebook: Entries to choose from in each slot: a code carries at most ``slots ln(codebook)`` nats.
        levels: Parts of those slots that are chosen one after the other, 2 as in VQ-VAE-2.
        dropout: Share of what it reads of each symbol, and of what it passes on, that is lost in training.
    """

    kind: Literal["bilstm"] = "bilstm"
    hidden: int = 256
    posterior: Literal["gaussian", "flow", "codes"] = "gaussian"
    transforms: int = 2
    slots: int = 8
    codebook: int = 256
    levels: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_sizes(self, "hidden", "transforms", "slots", "codebook", "levels")
        _check_shares(self, "dropout")


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder, and what it loses in training, see ``vaeseq.dropout``.

    Attributes:
        kind: An LSTM.
        hidden: Its units.
        dropout: Share of what it puts out.
        input_dropout: Share of what it reads of each symbol.
        weight_drop: Share of its recurrent weights.
    """

    kind: Literal["lstm"] = "lstm"
    hidden: int = 512
    dropout: float = 0.0
    input_dropout: float = 0.0
    weight_drop: float = 0.0

    def __post_init__(self) -> None:
        _check_sizes(self, "hidden")
        _check_shares(self, "dropout", "input_dropout", "weight_drop")


@dataclass(frozen=True)
class PriorConfig:
    """Which prior.

    Attributes:
        kind: See ``vaeseq.priors``; ``codes`` is that of discrete codes and theirs alone.
        components: Of a mixture; the pseudo-texts of ``vamp``; of each factor of ``autoregressive``.
        length: Symbols of a pseudo-text.
        transforms: Coupling steps of ``flow``.
        hidden: Units of a layer of the networks of ``flow``, ``autoregressive`` and ``codes``.
    """

    kind: Literal["standard_normal", "mixture", "vamp", "flow", "autoregressive", "codes"] = "standard_normal"
    components: int = 64
    length: int = 20
    transforms: int = 6
    hidden: int = 128

    def __post_init__(self) -> None:
        _check_sizes(self, "components", "length", "transforms", "hidden")


@dataclass(frozen=True)
class VAEConfig:
    """All that determines the modules and their sizes.

    A ``latent`` of 0 makes a language model of the same decoder; ``language`` is None where there is none beside.
    ``trained_prior`` is the one that encoder and decoder were trained with, where ``prior`` was fitted afterwards.
    ``content`` is how many dimensions of a code, the first ones, the rows of a group share (``vaeseq.groups``).
    """

    vocabulary: int
    latent: int
    embedding: int = 64
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    language: DecoderConfig | None = None
    trained_prior: PriorConfig | None = None
    content: int = 0

    def __post_init__(self) -> None:
        _check_sizes(self, "vocabulary", "latent", "embedding")
        if type(self.content) is not int or not 0 <= self.content < max(1, self.latent):
            raise InputError(f"content must be a whole number below latent, {self.latent}, got {self.content!r}")
        prior = self.trained_prior or self.prior
        if self.content and (self.encoder.posterior, prior.kind) != ("gaussian", "standard_normal"):
            raise InputError(
                "content must go with a gaussian posterior and a standard_normal prior, "
                f"got {self.encoder.posterior!r} and {prior.kind!r}"
            )
        if self.vocabulary < len(RESERVED):
            raise InputError(f"vocabulary must hold the {len(RESERVED)} reserved symbols, got {self.vocabulary!r}")


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


class SequenceVAE(nn.Module):
    """``p(x, z) = p(x | z) p(z)``, with ``q(z | x)``, and perhaps ``p(x)`` by itself."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        prior: nn.Module,
        language: nn.Module | None = None,
        trained_prior: nn.Module | None = None,
        content: int = 0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.language, self.trained_prior, self.content = language, trained_prior, content

    @property
    def latent(self) -> int:
        """Dimension of a code."""
        return self.prior.latent

    @property
    def discrete(self) -> bool:
        """Whether codes are entries of codebooks, see ``vaeseq.quantised``."""
        return hasattr(self.encoder.head, "codebooks")

    @classmethod
    def build(cls, config: VAEConfig) -> "SequenceVAE":
        """The one place where sizes become modules."""
        embedding = nn.Embedding(config.vocabulary, config.embedding, padding_idx=PAD)
        nn.init.normal_(embedding.weight, std=0.3)  # learns faster than at .1 and at 1 (LOG.md)
        encoder = _encoder(config, embedding)
        decoder = _decoder(config.decoder, embedding, config.latent)
        prior = prior_of(config, encoder, config.prior)
        language = LanguageModel(_decoder(config.language, embedding, latent=0)) if config.language else None
        trained = prior_of(config, encoder, config.trained_prior) if config.trained_prior else None
        return cls(encoder, decoder, prior, language, trained, config.content)

    def as_trained(self) -> "SequenceVAE":
        """The same modules with the prior that encoder and decoder were trained with."""
        prior = self.trained_prior or self.prior
        return SequenceVAE(self.encoder, self.decoder, prior, self.language, content=self.content)


def _encoder(config: VAEConfig, embedding: nn.Embedding) -> nn.Module:
    if config.latent == 0:
        return NoEncoder()
    match config.encoder.kind:
        case "bilstm":
            return BiLSTMEncoder(config.encoder, embedding, config.latent)
        case other:
            raise InputError(f"encoder kind must be 'bilstm', got {other!r}")


def _decoder(config: DecoderConfig, embedding: nn.Embedding, latent: int) -> LSTMDecoder:
    match config.kind:
        case "lstm":
            with warnings.catch_warnings():  # layers that read a code of no dimensions are meant
                warnings.filterwarnings("ignore", "Initializing zero-element tensors")
                return LSTMDecoder(config, embedding, latent)
        case other:
            raise InputError(f"decoder kind must be 'lstm', got {other!r}")


def prior_of(config: VAEConfig, encoder: nn.Module, prior: PriorConfig) -> nn.Module:
    """A new prior for the codes of an encoder."""
    latent = config.latent
    if latent == 0 and prior.kind != "standard_normal":
        raise InputError(f"prior of a code without dimensions must be 'standard_normal', got {prior.kind!r}")
    if latent > 0 and (config.encoder.posterior == "codes") != (prior.kind == "codes"):
        raise InputError(
            f"posterior and prior must both be 'codes' or neither, got {config.encoder.posterior!r} and {prior.kind!r}"
        )
    match prior.kind:
        case "standard_normal":
            return priors.StandardNormalPrior(latent)
        case "mixture":
            return priors.MixturePrior(latent, prior.components)
        case "vamp":
            if config.encoder.posterior != "gaussian":
                raise InputError(f"prior 'vamp' must go with a gaussian posterior, got {config.encoder.posterior!r}")
            return priors.VampPrior(latent, encoder.of_embeddings, prior.components, prior.length, config.embedding)
        case "flow":
            from vaeseq.flows import FlowPrior

            return FlowPrior(latent, prior.transforms, prior.hidden)
        case "autoregressive":
            from vaeseq.flows import AutoregressivePrior

            return AutoregressivePrior(latent, prior.components, prior.hidden)
        case "codes":
            from vaeseq.quantised import CodesPrior

            return CodesPrior(encoder.head.codebooks, prior.hidden)
        case other:
            raise InputError(f"prior kind must be one that vaeseq.priors has, got {other!r}")
