"""Has it collapsed, and what does the latent carry?

References:
    Burda, Grosse and Salakhutdinov (2016), section 5.2 (active units), https://arxiv.org/abs/1509.00519
    Hoffman and Johnson (2016), ELBO surgery, http://approximateinference.org/accepted/HoffmanJohnson2016.pdf
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeseq.bounds import Bound, elbo, log_mean, log_weights
from vaeseq.corpus import Batch, Corpus
from vaeseq.model import SequenceVAE
from vaeseq.posteriors import drawn

ACTIVE_VARIANCE = 0.01  # Burda et al. (2016), section 5.2
_FEW = 100


class Summary(NamedTuple):
    """Means over rows, nats per sequence; ``active_units`` is a fraction of the latent dimensions.

    ``language`` is ``-log p(x)`` by the language model, None where there is none.
    """

    elbo: float
    reconstruction: float
    kl: float
    active_units: float
    mutual_information: float
    language: float | None = None

    def figures(self) -> dict[str, float]:
        """By name, what there is to say."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def active_units(means: Tensor) -> float:
    """Fraction of latent dimensions whose posterior mean ``(rows, latent)`` varies by more than 0.01 over the rows."""
    active = (means - means.mean(dim=0)).square().mean(dim=0) > ACTIVE_VARIANCE
    return float(active.sum()) / max(1, len(active))


def mutual_information(posterior: Distribution, z: Tensor) -> float:
    """Estimate of I(x; z) under the aggregate posterior of the rows given, nats.

    ``E_i[log q(z_i | x_i) - log 1/N sum_j q(z_i | x_j)]``: it cannot exceed ln N, so a latent that carries more reads
    ln N.

    Args:
        posterior: q(z | x) of N rows.
        z: One draw from each, ``(N, latent)``.
    """
    # One row of the N x N table at a time keeps memory at N x latent.
    densities = [posterior.log_prob(code).logsumexp(dim=0) for code in z]
    aggregate = torch.stack(densities) - math.log(len(z))
    return float((posterior.log_prob(z) - aggregate).mean())


def information_rows(vae: SequenceVAE, rows: int) -> int:
    """Of how many of so many rows ``summarise`` estimates the mutual information; its cap is the logarithm of that.

    Of a hundred where the posterior is a flow, whose density at the code of another row takes a pass a dimension.
    """
    return min(rows, _FEW) if getattr(vae.encoder.head, "slow_density", False) else rows


def batches(corpus: Corpus, rows: np.ndarray, device: torch.device, size: int = 256) -> Iterator[Batch]:
    """Rows on a device, by length, for evaluation."""
    for chunk in corpus.in_order(rows, size):
        yield corpus.batch(chunk, device)


@torch.no_grad()
def summarise(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray, *, seed: int) -> Summary:
    """The bound and the collapse diagnostics on some rows."""
    vae.eval()
    device = next(vae.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    bounds, summaries = [], []
    for batch in batches(corpus, rows, device):
        bounds.append(elbo(vae, batch, generator=generator))
        summaries.append(vae.encoder.summary(batch.tokens, batch.observed))
    summary = torch.cat(summaries)
    posterior = vae.posterior_of(summary)
    mean = posterior.mean
    z, _ = drawn(posterior, torch.randn(mean.shape, generator=generator, device=device))
    few = information_rows(vae, len(z))
    some = torch.arange(few, device=device) * len(z) // max(1, few)  # of all lengths
    bound = Bound.joined(bounds)
    return Summary(
        float(bound.elbo.mean()),
        float(bound.reconstruction.mean()),
        float(bound.kl.mean()),
        active_units(mean),
        mutual_information(posterior if few == len(z) else vae.posterior_of(summary[some]), z[some]),
        -float(language_by_row(vae, corpus, rows).mean()) if vae.language else None,
    )


@torch.no_grad()
def language_by_row(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray) -> Tensor:
    """``log p(x)`` of each row by the language model beside the rest, nats, in the order of ``iwae_by_row``."""
    vae.eval()
    device = next(vae.parameters()).device
    return torch.cat([vae.language(len(batch.row)).log_prob(batch.tokens) for batch in batches(corpus, rows, device)])


def iwae_by_row(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray, *, samples: int, seed: int) -> Tensor:
    """The importance-weighted bound of each row, nats, by the row's length and not in the order given."""
    return log_mean(log_weights_by_row(vae, corpus, rows, samples=samples, seed=seed))


def log_weights_by_row(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray, *, samples: int, seed: int) -> Tensor:
    """What ``iwae_by_row`` averages, ``(samples, rows)``, see ``vaeseq.bounds.log_weights``."""
    vae.eval()
    device = next(vae.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    some = batches(corpus, rows, device)
    return torch.cat([log_weights(vae, batch, samples=samples, generator=generator) for batch in some], dim=1)
