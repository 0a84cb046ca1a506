"""A prior fitted afterwards to the codes that a trained encoder gives.

Under the mean over rows, ``KL(q(z | x) || p(z)) = I(x; z) + KL(q(z) || p(z))`` with the aggregate posterior
``q(z) = E q(z | x)`` (Hoffman and Johnson 2016). The second term is what a model whose code carries much pays, and why
draws of its prior are no texts; it falls as p is fitted to draws of q, while encoder and decoder stay as they are.

References:
    Hoffman and Johnson (2016), ELBO surgery, http://approximateinference.org/accepted/HoffmanJohnson2016.pdf
    Dai and Wipf (2019), Diagnosing and Enhancing VAE Models (a second stage), https://arxiv.org/abs/1903.05789
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vaeseq.config import PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, choose
from vaeseq.device import differentiable
from vaeseq.diagnostics import batches
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE, prior_of
from vaeseq.posteriors import drawn


@dataclass(frozen=True)
class FitConfig:
    """How a prior is fitted.

    Attributes:
        steps: Optimiser steps.
        batch_size: Codes a step.
        learning_rate: Of Adam, at the start; it falls to 0 as a cosine.
        look_every: Steps between two looks at held-out codes, which choose the weights that are kept.
        clip: Largest norm of the gradient.
    """

    steps: int = 2_000
    batch_size: int = 512
    learning_rate: float = 2e-3
    look_every: int = 100
    clip: float = 5.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "look_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")


@torch.no_grad()
def codes(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray, *, draws: int, seed: int) -> Tensor:
    """Draws of q(z | x) of some rows, ``(rows * draws, latent)``, by the row's length and not in the order given."""
    vae.eval()
    device = next(vae.parameters()).device
    generator, found = torch.Generator(device).manual_seed(seed), []
    for batch in batches(corpus, rows, device):
        posterior = vae.posterior(batch.tokens, batch.observed)
        for _ in range(draws):
            noise = torch.randn(posterior.mean.shape, generator=generator, device=device)
            found.append(drawn(posterior, noise)[0])
    return torch.cat(found)


def prior_and_codes(
    vae: SequenceVAE,
    config: VAEConfig,
    kind: PriorConfig,
    corpus: Corpus,
    *,
    rows: int,
    draws: int,
    seed: int,
    signal: float = 1.0,
) -> tuple[nn.Module, Tensor, Tensor]:
    """What ``fit_prior`` takes: a new prior, and the codes of random training rows and of random held-out rows.

    Args:
        vae: A model of ``config``; it keeps its own prior.
        config: What the new prior has to go with.
        kind: The new prior.
        corpus: Where the rows are.
        rows: How many of each, at most.
        draws: Codes of each row.
        seed: Of the choice, the codes and the new weights.
        signal: Of the codes, see ``vaeseq.blurring``.
    """
    chosen = (choose(corpus.rows(split), rows, seed=seed) for split in ("train", "valid"))
    saying = SequenceVAE(vae.encoder, vae.decoder, vae.prior, signal=signal)
    learnt, held_out = (codes(saying, corpus, some, draws=draws, seed=seed) for some in chosen)
    torch.manual_seed(seed)
    return prior_of(config, vae.encoder, kind, signal=signal).to(learnt.device), learnt, held_out


def fit_prior(
    prior: nn.Module, learnt: Tensor, held_out: Tensor, config: FitConfig, *, seed: int
) -> Iterator[tuple[int, float, float]]:
    """Fit by maximum likelihood, yielding after each look the step and ``-log p`` of learnt and of held-out codes.

    At its end the prior has the weights that were best on held-out codes.

    Args:
        prior: One of ``vaeseq.priors``.
        learnt: Codes ``(count, latent)``, on the device of the prior.
        held_out: Codes of other rows.
        config: Steps and rates.
        seed: Of the order of the codes.

    Raises:
        InputError: There are no codes to learn or to hold out.
        FloatingPointError: A look finds a number that is not finite.
    """
    if not len(learnt) or not len(held_out):
        raise InputError(f"a prior needs codes to learn and to hold out, got {len(learnt)} and {len(held_out)}")
    weights = list(prior.parameters())
    optimizer = torch.optim.Adam(prior.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    generator = torch.Generator().manual_seed(seed)
    best, kept, total = math.inf, {}, 0.0
    for step in range(1, config.steps + 1):
        chosen = torch.randint(len(learnt), (config.batch_size,), generator=generator)
        with differentiable():  # pseudo-texts are read by an encoder in evaluation mode, which learns nothing here
            loss = -prior().log_prob(learnt[chosen.to(learnt.device)]).mean()
            for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.grad = gradient
        nn.utils.clip_grad_norm_(weights, config.clip)
        optimizer.step()
        schedule.step()
        total += loss.detach()
        if step % config.look_every and step != config.steps:
            continue
        nats = cross_entropy(prior, held_out)
        if not math.isfinite(nats):
            raise FloatingPointError(f"a fitted prior is not finite after step {step}: {nats} nats")
        if nats < best:
            best, kept = nats, {name: value.detach().clone() for name, value in prior.state_dict().items()}
        yield step, float(total) / ((step - 1) % config.look_every + 1), nats
        total = 0.0
    prior.load_state_dict(kept)


@torch.no_grad()
def cross_entropy(prior: nn.Module, held_out: Tensor) -> float:
    """``-E log p(z)`` over codes, nats."""
    return -float(torch.cat([prior().log_prob(part) for part in held_out.split(4_096)]).mean())
