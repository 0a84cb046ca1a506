"""The families that are compared: what each has that the plain VAE has not."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmarks.bench import SEED
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.model import SequenceVAE, prior_of
from vaeseq.objectives import ObjectiveConfig

Row = dict[str, Any]
LATENT = 32
LOW, HIGH, MOST, SIGNAL = 10.0, 40.0, 90.0, 0.5
ENCODER, DECODER, NORMAL = EncoderConfig(hidden=128), DecoderConfig(hidden=256), PriorConfig()
FLOW = PriorConfig("flow", transforms=3, hidden=64)
MIXTURES = PriorConfig("autoregressive", components=10, hidden=128)
SMALL, BLURRED = DecoderConfig(hidden=160), 0.4
CODES = replace(ENCODER, posterior="codes", slots=8, codebook=64)
DROPPING = replace(DECODER, dropout=0.2, input_dropout=0.1, weight_drop=0.2)


@dataclass(frozen=True)
class Family:
    """What is not as in the plain VAE.

    Attributes:
        aim: What is minimised, from the number of steps.
        train: Settings of training, from the number of steps.
        encoder: With its posterior.
        decoder: With what it loses in training.
        prior: Learnt with the rest.
        language: A language model that the decoder corrects.
        fitted: A prior fitted afterwards, within the same seconds.
        signal: Of the codes that it is fitted to.
        latent: Dimension of a code.
    """

    aim: Callable[[int], ObjectiveConfig] = lambda _: ObjectiveConfig()
    train: Callable[[int], Row] = lambda _: {}
    encoder: EncoderConfig = ENCODER
    decoder: DecoderConfig = DECODER
    prior: PriorConfig = NORMAL
    language: DecoderConfig | None = None
    fitted: PriorConfig | None = None
    signal: float = 1.0
    latent: int = LATENT


def at_rate(rate: float, *, code_noise: float = 0.0, **settings: Any) -> Family:  # noqa: ANN401 - fields of Family
    """A family that is asked for nats; all rows teach its language model, where there is one."""
    return Family(aim=lambda _: ObjectiveConfig(rate=rate, code_noise=code_noise, language_share=1.0), **settings)


FAMILIES = {
    "language_model": Family(latent=0),
    "vae": Family(),
    "autoencoder": Family(lambda _: ObjectiveConfig(beta=0.0)),
    "beta": Family(lambda _: ObjectiveConfig(beta=0.2)),
    "linear_annealing": Family(lambda steps: ObjectiveConfig(annealing="linear", annealing_steps=steps // 2)),
    "cyclical_annealing": Family(lambda steps: ObjectiveConfig(annealing="cyclical", annealing_steps=steps)),
    "free_bits": Family(lambda _: ObjectiveConfig(free_bits=LOW / LATENT)),
    "pretrained": Family(lambda _: ObjectiveConfig(free_bits=LOW / LATENT), lambda n: {"pretrain_steps": n // 8}),
    "lagging": Family(train=lambda _: {"inner_steps": 50}),
    "importance_weighted": Family(lambda _: ObjectiveConfig(samples=5)),
    "rate_low": at_rate(LOW),
    "rate_high": at_rate(HIGH),
    # Whose mutual information, where it is measured anew, is of a hundred rows and at most 4.6 nats.
    "flow_posterior": at_rate(LOW, encoder=replace(ENCODER, posterior="flow")),
    "mixture_prior": at_rate(LOW, prior=PriorConfig("mixture")),
    "vamp_prior": at_rate(LOW, prior=PriorConfig("vamp", components=32, length=10)),
    "flow_prior": at_rate(LOW, prior=FLOW),
    "autoregressive_prior": at_rate(LOW, prior=MIXTURES),
    "dropping": at_rate(LOW, decoder=DROPPING, train=lambda _: {"average": 0.998}),
    "fitted_flow": at_rate(HIGH, fitted=FLOW),
    "fitted_autoregressive": at_rate(HIGH, fitted=MIXTURES),
    "correcting": at_rate(LOW, language=SMALL),
    "fitted_blurred": at_rate(MOST, code_noise=BLURRED, language=SMALL, fitted=MIXTURES, signal=SIGNAL),
    "codes": Family(encoder=CODES, prior=PriorConfig("codes")),
    "codes_on_two_levels": Family(encoder=replace(CODES, levels=2), prior=PriorConfig("codes")),
}


def sized(family: Family, vocabulary: int, parameters: int | None = None) -> tuple[VAEConfig, int]:
    """The config of a family with a decoder of such a size that all its parameters are as many as asked for."""
    embedding = 128 if vocabulary > 1_000 else 64

    def counted(hidden: int) -> tuple[VAEConfig, int]:
        decoder = replace(family.decoder, hidden=hidden)
        config = VAEConfig(vocabulary, family.latent, embedding, family.encoder, decoder, family.prior, family.language)
        torch.manual_seed(SEED)
        vae = SequenceVAE.build(config)
        later = prior_of(config, vae.encoder, family.fitted) if family.fitted else torch.nn.Identity()
        return config, sum(weight.numel() for part in (vae, later) for weight in part.parameters())

    if parameters is None:
        return counted(family.decoder.hidden)
    sizes = range(64, 513, 8)
    above = bisect_left(sizes, parameters, hi=len(sizes) - 1, key=lambda hidden: counted(hidden)[1])
    around = map(counted, sizes[max(0, above - 1) : above + 1])
    return min(around, key=lambda found: abs(found[1] - parameters))
