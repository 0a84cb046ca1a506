"""What training minimises. Weights on the terms of the bound live here and nowhere else.

The user's one knob is the *rate*: how many nats z carries. ``RateController`` finds the weight of the KL that reaches
it.

References:
    Bowman et al. (2015), section 3.1 (annealing, word dropout), https://arxiv.org/abs/1511.06349
    Higgins et al. (2017), beta-VAE, https://openreview.net/forum?id=Sy2fzU9gl
    Kingma et al. (2016), appendix C.8 (free bits), https://arxiv.org/abs/1606.04934
    Fu et al. (2019), cyclical annealing, https://arxiv.org/abs/1903.10145
    Shao et al. (2020), ControlVAE, https://arxiv.org/abs/2004.05988
    Rezende and Viola (2018), constrained optimisation of the bound, https://arxiv.org/abs/1810.00597
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeseq.blurring import blurred
from vaeseq.bounds import Bound, elbo
from vaeseq.corpus import Batch
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.posteriors import divergence, drawn
from vaeseq.team import Noise, Team
from vaeseq.tokenizer import EOS

FALL = 0.8  # share of the steps in which the rate falls from its start


@dataclass(frozen=True)
class ObjectiveConfig:
    """How the terms of the bound are weighed.

    Attributes:
        rate: Nats that z shall carry; a controller then sets the weight of the KL, and ``beta`` and ``annealing`` are
            unused. None trains with the weight ``beta``.
        rate_start: The rate at the first step; it falls to ``rate`` as a geometric series over the first ``FALL`` of
            the steps. A code that may carry more learns sooner what to carry (LOG.md). None starts with ``rate``.
        beta: Weight of the KL.
        annealing: How that weight rises from 0: at once, linearly, or in cycles.
        annealing_steps: Steps until the full weight (linear), or in all cycles together (cyclical).
        cycles: Number of cycles; each rises in its first half.
        free_bits: Nats of KL in each latent dimension that cost nothing; of all together where the posterior or the
            prior does not fall apart into dimensions.
        word_dropout: Chance that the decoder does not see a previous symbol.
        code_noise: Share of the rows whose code is blurred before it is decoded, see ``some_blurred``.
        splicing: Share of the rows that end as another one does, see ``vaeseq.splicing``.
        masking: Share of the rows of which the encoder sees a part, see ``partly_seen``.
        samples: Of each row's posterior: more than one train the importance-weighted bound instead, see
            ``doubly_reparametrised``.
        commitment: Weight of the squared distance of the encoder from its code where codes are discrete (van den Oord
            et al. 2017, equation 3, https://arxiv.org/abs/1711.00937).
        language_share: Share of the rows that also teach the language model, if the model has one.
        property_weight: Of ``-log p`` of the known properties of a row (``vaeseq.regression``), in its mean over rows.
    """

    rate: float | None = None
    rate_start: float | None = None
    beta: float = 1.0
    annealing: Literal["none", "linear", "cyclical"] = "none"
    annealing_steps: int = 0
    cycles: int = 4
    free_bits: float = 0.0
    word_dropout: float = 0.0
    code_noise: float = 0.0
    splicing: float = 0.0
    masking: float = 0.0
    samples: int = 1
    commitment: float = 0.25
    language_share: float = 0.25
    property_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.rate is not None and self.rate <= 0:
            raise InputError(f"rate must be positive, got {self.rate!r}")
        if self.rate_start is not None and (self.rate is None or self.rate_start < self.rate):
            raise InputError(f"rate_start must be with a rate and not below it, got {self.rate_start!r}, {self.rate!r}")
        weighed = (
            self.rate is not None or self.beta != 1 or self.annealing != "none" or self.free_bits or self.code_noise
        )
        if self.samples < 1 or (self.samples > 1 and weighed):
            raise InputError(
                "samples must be at least 1, and 1 where there is a rate, beta, annealing, free bits or code noise, "
                f"got {self.samples!r}"
            )
        if not 0 <= self.commitment < math.inf:
            raise InputError(f"commitment must be 0 or more, got {self.commitment!r}")
        if not 0 <= self.property_weight < math.inf:
            raise InputError(f"property_weight must be 0 or more, got {self.property_weight!r}")
        if not (0 <= self.beta < math.inf and 0 <= self.free_bits < math.inf):
            raise InputError(f"beta and free_bits must be 0 or more, got {self.beta!r} and {self.free_bits!r}")
        for name in ("word_dropout", "code_noise", "splicing", "masking"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be within 0 and 1, got {getattr(self, name)!r}")
        if not 0 < self.language_share <= 1:
            raise InputError(f"language_share must be above 0 and at most 1, got {self.language_share!r}")
        if self.annealing != "none" and (self.annealing_steps < 1 or self.cycles < 1):
            raise InputError(
                "annealing_steps and cycles must be at least 1 when annealing, "
                f"got {self.annealing_steps!r} and {self.cycles!r}"
            )


def rate_at(config: ObjectiveConfig, done: float) -> float | None:
    """The rate to aim at when a share ``done`` of the steps is done; None where the objective names none."""
    if config.rate is None or config.rate_start is None:
        return config.rate
    return config.rate_start * (config.rate / config.rate_start) ** min(1.0, done / FALL)


def annealed(config: ObjectiveConfig, step: int) -> float:
    """Weight of the KL at a step, without a controller."""
    if config.annealing == "none" or step >= config.annealing_steps:
        return config.beta
    if config.annealing == "linear":
        return config.beta * step / config.annealing_steps
    period = config.annealing_steps / config.cycles
    return config.beta * min(1.0, 2 * (step % period) / period)


class RateController:
    """Moves the weight of the KL until the KL is the rate asked for.

    An integral controller on the logarithm of the weight (so it stays positive and acts alike at every scale), with a
    proportional part that damps it: ``log beta = I + p e`` and ``I += i e``, where e is the relative error
    ``KL / rate - 1`` within [-1, 1] of the smoothed KL. It lives where the model does: nothing waits for its numbers.

    Attributes:
        log_beta: The integral part I.
        kl: Smoothed KL, nats; nan before the first step.
    """

    integral, proportional, smoothing, floor = 0.01, 1.0, 0.9, math.log(1e-4)

    def __init__(
        self,
        rate: float,
        log_beta: float = math.log(0.1),
        kl: float = math.nan,
        device: torch.device | None = None,
    ) -> None:
        self.rate = rate
        self.log_beta, self.kl = torch.tensor([log_beta, kl], dtype=torch.float64, device=device)

    @property
    def error(self) -> Tensor:
        """Relative error of the smoothed KL, within [-1, 1]."""
        return (self.kl / self.rate - 1).clamp(-1.0, 1.0).nan_to_num(0.0)

    @property
    def beta(self) -> Tensor:
        """Weight of the KL for the next step."""
        return (self.log_beta + self.proportional * self.error).clamp(min=self.floor).exp()

    def observe(self, kl: Tensor) -> None:
        """Take note of a batch's mean KL."""
        smoothed = self.smoothing * self.kl + (1 - self.smoothing) * kl
        self.kl = torch.where(self.kl.isfinite(), smoothed, kl)
        self.log_beta = (self.log_beta + self.integral * self.error).clamp(min=self.floor)


def objective(
    vae: SequenceVAE, batch: Batch, config: ObjectiveConfig, *, beta: float | Tensor, noise: Noise
) -> tuple[Tensor, Bound]:
    """The loss of a batch, and the bound it came from.

    ``loss = mean(reconstruction) + beta sum_j max(mean(kl_j), free_bits)``, nats per sequence, and the mean
    ``-log p(x)`` of the rows that teach the language model, which shares the embedding and the clipping of the
    gradient with the rest; and ``-log p`` of the known properties where the model predicts some. Where several
    processes have a share of the batch each, the mean of their losses is that of the whole batch, and so is the mean of
    their gradients.

    Args:
        vae: The model.
        batch: Rows to learn from, of this process.
        config: Free bits, word dropout, code noise, masking, commitment and the language model's share.
        beta: Weight of the KL at this step.
        noise: Source of the posterior noise, of word dropout, of code noise and of the language model's rows, on the
            batch's device.
    """
    device, count = batch.tokens.device, noise.rows / noise.team.size
    texts = batch.tokens if batch.plain is None else batch.plain
    visible = None
    if config.word_dropout > 0:
        visible = noise.uniform(batch.tokens.shape[1], device=device) >= config.word_dropout
    if config.masking > 0:
        batch = partly_seen(batch, share=config.masking, noise=noise)
    if config.samples > 1:
        noises = [noise.normal(vae.latent, device=device) for _ in range(config.samples)]
        losses, bound = doubly_reparametrised(vae, batch, noises, visible)
        loss = losses.sum() / count
    else:
        blur = partial(some_blurred, share=config.code_noise, noise=noise) if config.code_noise > 0 else None
        bound = elbo(vae, batch, noise=noise.normal(vae.latent, device=device), visible=visible, blur=blur)
        loss = bound.reconstruction.sum() / count + beta * _counted(bound, config.free_bits, count, noise.team)
        if "commitment" in bound.aux:
            loss = loss + config.commitment * bound.aux["commitment"].sum() / count
        if "properties" in bound.aux:
            loss = loss + config.property_weight * bound.aux["properties"].sum() / count
    if vae.language:
        rows, total = noise.some(config.language_share, device=device)
        # A process without such a row reads one for nothing: each has to have a gradient for each weight.
        taught = texts[rows] if len(rows) else texts[:1]
        told = vae.language(len(taught)).log_prob(taught).sum()
        loss = loss - told * (noise.team.size / total if len(rows) else 0.0)
    return loss, bound


def _counted(bound: Bound, free_bits: float, count: float, team: Team) -> Tensor:
    """The mean KL, nats, a dimension's at least its free bits."""
    parts = bound.kl.unsqueeze(1) if bound.kl_by_dimension is None else bound.kl_by_dimension
    kl = parts.sum(dim=0) / count
    if free_bits > 0:
        kl = torch.where(team.mean(kl) > free_bits, kl, free_bits)
    return kl.sum()


def doubly_reparametrised(
    vae: SequenceVAE, batch: Batch, noises: Sequence[Tensor], visible: Tensor | None = None
) -> tuple[Tensor, Bound]:
    """Minus the importance-weighted bound of each row, ``(batch,)``, with a gradient that stays good for many samples.

    With ``w_k = p(x | z_k) p(z_k) / q(z_k | x)`` and their shares v_k of the sum, decoder and prior learn by
    ``sum_k v_k grad log w_k``, the encoder by ``sum_k v_k^2 (d log w_k / d z_k) grad z_k``: the plain gradient of the
    encoder drowns in noise as K grows.

    Args:
        vae: The model, with a Gaussian posterior.
        batch: Rows to learn from.
        noises: Standard normal numbers ``(batch, latent)``, one tensor for each of the K samples.
        visible: See ``vaeseq.bounds.elbo``.

    Returns:
        Minus the bound, and the evidence lower bound of the first sample, without a graph.

    References:
        Burda, Grosse and Salakhutdinov (2016), equation 8, https://arxiv.org/abs/1509.00519
        Tucker et al. (2019), Doubly Reparameterized Gradient Estimators, equation 8, https://arxiv.org/abs/1810.04152
    """
    posterior, prior = vae.posterior(batch.tokens, batch.observed), vae.prior()
    if not isinstance(posterior, Independent):
        raise InputError("importance-weighted training must have a Gaussian posterior, got another")
    fixed = Independent(Normal(posterior.mean.detach(), posterior.stddev.detach(), validate_args=False), 1)
    codes = [drawn(posterior, noise)[0] for noise in noises]
    told = [vae.decoder(z).log_prob(batch.tokens, visible) for z in codes]
    log_weights = torch.stack(
        [each + prior.log_prob(z) - fixed.log_prob(z) for each, z in zip(told, codes, strict=True)]
    )
    shares = log_weights.detach().softmax(dim=0)
    for z, share in zip(codes, shares, strict=True):
        if z.requires_grad:
            z.register_hook(partial(torch.mul, share.unsqueeze(1)))
    learnt = -(shares * log_weights).sum(dim=0)
    value = math.log(len(noises)) - log_weights.detach().logsumexp(dim=0)
    kl, by_dimension = divergence(posterior, prior, codes[0], fixed.log_prob(codes[0]))
    return learnt + (value - learnt.detach()), Bound(-told[0], kl, by_dimension).detach()


def some_blurred(z: Tensor, *, share: float, noise: Noise) -> Tensor:
    """Codes ``(batch, latent)``, each with the chance ``share`` of being blurred, see ``vaeseq.blurring``.

    The signal is the cosine of an angle that is uniform from 0 to 90 degrees. Between the codes of rows the decoder
    meets what it was never trained on; from these it learns to write a whole row there too (LOG.md).
    """
    chance, angle = noise.uniform(2, device=z.device).split(1, dim=1)
    signal = torch.cos(angle * (math.pi / 2) * (chance < share))
    return blurred(z, signal, noise.normal(z.shape[1], device=z.device))


def partly_seen(batch: Batch, *, share: float, noise: Noise) -> Batch:
    """The batch, the encoder to see ``<mask>`` for some symbols of a share of its rows; of each row another part.

    What is bounded is log p(x) of whole rows still, with ``q(z | x_o)`` of their observed symbols as the posterior: so
    the encoder learns to say what a text with gaps may be about, which imputation asks of it (``vaeseq.imputation``).

    References:
        Im et al. (2017), Denoising Criterion for Variational Auto-Encoding Framework, https://arxiv.org/abs/1511.06406
    """
    device = batch.tokens.device
    chance, part = noise.uniform(2, device=device).split(1, dim=1)
    hidden = noise.uniform(batch.tokens.shape[1], device=device) < part * (chance < share)
    return replace(batch, observed=batch.observed & ~(hidden & (batch.tokens > EOS)))
