"""q(z | x): how noise becomes a code, and how far a posterior is from a prior.

A posterior is a distribution with batch shape ``(batch,)``, event shape ``(latent,)`` and a ``mean``: a diagonal
Gaussian, or one that has a method ``drawn`` of its own: its draws go through a flow (``vaeseq.flows``), or there is one
code to draw (``vaeseq.quantised``).
"""

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, kl_divergence
from torch.nn import functional


class GaussianHead(nn.Module):
    """From what an encoder read to N(mean, diagonal)."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * latent)

    def forward(self, summary: Tensor) -> Independent:
        """q(z | x)."""
        mean, raw = self.linear(summary).float().chunk(2, dim=1)
        # softplus(0.54) = 1: training starts at the prior's scale; the floor keeps log densities finite.
        return Independent(Normal(mean, functional.softplus(raw + 0.54) + 1e-4, validate_args=False), 1)


def drawn(posterior: Distribution, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The codes ``(batch, latent)`` that standard normal ``noise`` stands for, and ``log q(z | x)``, nats ``(batch,)``.

    The reparametrisation trick: Kingma and Welling (2014), section 2.4, https://arxiv.org/abs/1312.6114
    """
    if not isinstance(posterior, Independent):
        return posterior.drawn(noise)
    z = posterior.mean + posterior.stddev * noise
    return z, posterior.log_prob(z)


def divergence(posterior: Distribution, prior: Distribution, z: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor | None]:
    """``KL(q(z | x) || p(z))``, nats ``(batch,)``, and its parts by dimension ``(batch, latent)`` where it has any.

    Between two diagonal Gaussians it is exact. Of a Gaussian and another prior the entropy is exact and ``E log p(z)``
    that of one draw; with a flow both are of one draw: right in expectation, and perhaps negative for a row. Of a
    single code it is ``-log p(z)``, exactly.

    Args:
        posterior: q(z | x).
        prior: p(z).
        z: One draw of each row, ``(batch, latent)``.
        log_q: Its log-density.
    """
    if not isinstance(posterior, Independent):
        return log_q - prior.log_prob(z), None
    if isinstance(prior, Independent):
        by_dimension = kl_divergence(posterior.base_dist, prior.base_dist)
        return by_dimension.sum(dim=1), by_dimension
    return -posterior.entropy() - prior.log_prob(z), None
