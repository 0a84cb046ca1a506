"""All that determines the modules of a model and their sizes, checked: what a checkpoint keeps as JSON."""

from dataclasses import dataclass, field
from typing import Literal

from vaeseq.errors import InputError
from vaeseq.tokenizer import RESERVED

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

    A ``latent`` of 0 makes a language model of the same decoder. ``language``, unless it is None, is a language model
    beside the rest, which the decoder corrects.
    ``trained_prior`` is the one that encoder and decoder were trained with, where ``prior`` was fitted afterwards.
    ``content`` is how many dimensions of a code, the first ones, the rows of a group share (``vaeseq.groups``).
    ``signal`` is that of the codes that such a fitted prior is of (``vaeseq.blurring``).
    ``properties`` are the names of what is predicted from a code (``vaeseq.regression``).
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
    signal: float = 1.0
    properties: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_sizes(self, "vocabulary", "latent", "embedding")
        names = self.properties
        if not isinstance(names, list | tuple) or not all(type(name) is str and name for name in names):
            raise InputError(f"properties must be names, got {names!r}")
        if len(set(names)) < len(names) or len(names) > WIDEST or (names and not self.latent):
            raise InputError(f"properties must be distinct, and of a model with a code, got {names!r}")
        object.__setattr__(self, "properties", tuple(names))  # JSON has lists
        if type(self.signal) not in (int, float) or not 0 < self.signal <= 1:
            raise InputError(f"signal must be above 0 and at most 1, got {self.signal!r}")
        if self.signal < 1 and (self.trained_prior is None or self.encoder.posterior != "gaussian"):
            raise InputError(
                "signal must be 1 unless a prior is fitted afterwards to gaussian posteriors, "
                f"got {self.signal!r}, {self.trained_prior!r} as prior of training and {self.encoder.posterior!r}"
            )
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

    @property
    def least_weights(self) -> int:
        """No model of these sizes has fewer weights: what asks for more than its files hold would only take memory."""
        encoder, decoder = self.encoder, self.decoder
        least = self.vocabulary * self.embedding + 4 * decoder.hidden * (decoder.hidden + self.latent)
        least += 4 * self.language.hidden**2 if self.language else 0
        if self.latent == 0:
            return least
        least += 8 * encoder.hidden**2
        if encoder.posterior == "flow":
            least += encoder.transforms * encoder.hidden**2
        elif encoder.posterior == "codes":
            least += encoder.codebook * self.latent
        return least + sum(self._least_of(prior) for prior in (self.prior, self.trained_prior) if prior)

    def _least_of(self, prior: PriorConfig) -> int:
        match prior.kind:
            case "mixture":
                return prior.components * self.latent
            case "vamp":
                return prior.components * prior.length * self.embedding
            case "flow":
                return prior.transforms * prior.hidden**2
            case "autoregressive":
                return prior.hidden * (prior.hidden + prior.components * self.latent)
            case "codes":
                return prior.hidden * (8 * prior.hidden + self.encoder.slots * self.encoder.codebook)
            case _:
                return 0
