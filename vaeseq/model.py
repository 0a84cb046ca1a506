"""The sequence VAE: modules that return distributions.

``p(x, z) = p(x | z) p(z)`` with ``q(z | x)``: ``posterior(tokens)`` is the posterior, ``decoder(z)`` the likelihood,
``prior()`` the prior. Everything else (bounds, samples, paths, search) is a function of these three, and of a fourth
where there is one: ``language(count)``, a language model ``p(x)`` of texts without a code, which the decoder corrects
and paths ask whether something is a text at all. ``properties(z)``, where there is such a head, is what else is known
of a text, given its code.

References:
    Kingma and Welling (2014), Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114
    Bowman et al. (2015), Generating Sentences from a Continuous Space, https://arxiv.org/abs/1511.06349
"""

import warnings

from torch import Tensor, nn
from torch.distributions import Distribution

from vaeseq import priors
from vaeseq.blurring import blurred_posterior
from vaeseq.config import DecoderConfig, PriorConfig, VAEConfig
from vaeseq.decoder import CorrectingDecoder, LanguageModel, LSTMDecoder
from vaeseq.encoder import BiLSTMEncoder, NoEncoder
from vaeseq.errors import InputError
from vaeseq.regression import PropertyHead
from vaeseq.tokenizer import PAD


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
        signal: float = 1.0,
        properties: PropertyHead | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.language, self.trained_prior, self.content, self.signal = language, trained_prior, content, signal
        self.properties = properties

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
        language = LanguageModel(_decoder(config.language, embedding, latent=0)) if config.language else None
        decoder = _decoder(config.decoder, embedding, config.latent, language)
        prior = prior_of(config, encoder, config.prior, signal=config.signal)
        trained = prior_of(config, encoder, config.trained_prior) if config.trained_prior else None
        properties = PropertyHead(config.properties, config.latent) if config.properties else None
        return cls(encoder, decoder, prior, language, trained, config.content, config.signal, properties)

    def posterior(self, tokens: Tensor, observed: Tensor | None = None) -> Distribution:
        """``q(z | x)`` of such codes as the prior draws, see ``BiLSTMEncoder``; the encoder's are of full signal."""
        return blurred_posterior(self.encoder(tokens, observed), self.signal)

    def posterior_of(self, summary: Tensor) -> Distribution:
        """The same from what the encoder has read, see ``BiLSTMEncoder.summary``."""
        return blurred_posterior(self.encoder.head(summary), self.signal)

    def as_trained(self) -> "SequenceVAE":
        """The same modules with the prior that encoder and decoder were trained with."""
        prior = self.trained_prior or self.prior
        return SequenceVAE(
            self.encoder, self.decoder, prior, self.language, content=self.content, properties=self.properties
        )


def _encoder(config: VAEConfig, embedding: nn.Embedding) -> nn.Module:
    if config.latent == 0:
        return NoEncoder()
    match config.encoder.kind:
        case "bilstm":
            return BiLSTMEncoder(config.encoder, embedding, config.latent)
        case other:
            raise InputError(f"encoder kind must be 'bilstm', got {other!r}")


def _decoder(
    config: DecoderConfig, embedding: nn.Embedding, latent: int, language: LanguageModel | None = None
) -> LSTMDecoder:
    match config.kind:
        case "lstm":
            with warnings.catch_warnings():  # layers that read a code of no dimensions are meant
                warnings.filterwarnings("ignore", "Initializing zero-element tensors")
                if language:
                    return CorrectingDecoder(config, embedding, latent, language.decoder)
                return LSTMDecoder(config, embedding, latent)
        case other:
            raise InputError(f"decoder kind must be 'lstm', got {other!r}")


def prior_of(config: VAEConfig, encoder: nn.Module, prior: PriorConfig, *, signal: float = 1.0) -> nn.Module:
    """A new prior for the codes of an encoder, of a signal."""
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
            return priors.VampPrior(latent, encoder, prior.components, prior.length, config.embedding, signal)
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
