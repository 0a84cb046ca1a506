"""A posterior made better for the rows at hand: a few steps up the bound, from where the encoder begins.

References:
    Kim et al. (2018), Semi-Amortized Variational Autoencoders, algorithm 1, https://arxiv.org/abs/1802.02550
    Cremer, Li and Duvenaud (2018), Inference Suboptimality in Variational Autoencoders (the amortisation gap),
    https://arxiv.org/abs/1801.03558
"""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeseq.corpus import Batch, Corpus
from vaeseq.device import differentiable
from vaeseq.diagnostics import batches
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.posteriors import divergence, drawn


def refined(
    vae: SequenceVAE, batch: Batch, *, steps: int = 50, learning_rate: float = 0.05, generator: torch.Generator
) -> Independent:
    """The Gaussian posterior of each row after steps of Adam on its own mean and deviation.

    Encoder, decoder and prior stay as they are. Each row climbs alone: what it becomes does not depend on the others.

    Args:
        vae: The model, in evaluation mode, with a Gaussian posterior.
        batch: Rows to refine for.
        steps: Of Adam, each with one draw of z a row; the step size falls to 0 linearly.
        learning_rate: Of the first step, in units of the posterior's deviation for the mean, of its logarithm for the
            deviation.
        generator: Source of the draws, on the batch's device.

    Raises:
        InputError: The posterior is no Gaussian.
    """
    with torch.no_grad():
        start = vae.posterior(batch.tokens, batch.observed)
    if not isinstance(start, Independent):
        raise InputError(f"a posterior that is refined must be a Gaussian, got {type(start).__name__}")
    mean, stddev = start.mean, start.stddev
    shift, stretch = torch.zeros_like(mean, requires_grad=True), torch.zeros_like(mean, requires_grad=True)

    def posterior() -> Independent:
        return Independent(Normal(mean + stddev * shift, stddev * stretch.exp(), validate_args=False), 1)

    optimizer = torch.optim.Adam([shift, stretch], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1 / max(1, steps), total_iters=steps)
    given = vae.decoder.given(batch.tokens[:, :-1])
    for _ in range(steps):
        with differentiable():
            loss = -_bound(vae, posterior(), batch.tokens, given, generator).sum()
            shift.grad, stretch.grad = torch.autograd.grad(loss, (shift, stretch))
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return posterior()


def amortisation_gap(
    vae: SequenceVAE, batch: Batch, *, draws: int = 16, generator: torch.Generator, **settings: float
) -> Tensor:
    """How much the bound of each row rises by ``refined``, nats ``(batch,)``, both ends by the same draws of noise."""
    better = refined(vae, batch, generator=generator, **settings)
    with torch.no_grad():
        start = vae.posterior(batch.tokens, batch.observed)
        given = vae.decoder.given(batch.tokens[:, :-1])
        state, rise = generator.get_state(), torch.zeros(len(batch.tokens), device=batch.tokens.device)
        for posterior, sign in ((better, 1), (start, -1)):
            generator.set_state(state)
            for _ in range(draws):
                rise += sign * _bound(vae, posterior, batch.tokens, given, generator) / draws
    return rise


def gap_by_row(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray, *, seed: int) -> Tensor:
    """The amortisation gap of each row, nats, by the row's length and not in the order given."""
    vae.eval()
    device = next(vae.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    return torch.cat([amortisation_gap(vae, batch, generator=generator) for batch in batches(corpus, rows, device)])


def _bound(
    vae: SequenceVAE, posterior: Independent, tokens: Tensor, given: Tensor, generator: torch.Generator
) -> Tensor:
    noise = torch.randn(posterior.mean.shape, generator=generator, device=tokens.device)
    z, log_q = drawn(posterior, noise)
    return vae.decoder(z).log_prob(tokens, given=given) - divergence(posterior, vae.prior(), z, log_q)[0]
