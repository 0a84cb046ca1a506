"""A VAE whose encoder is deterministic and invertible is a normalising flow.

Nielsen et al. (2020), SurVAE Flows, section 2 and table 1, https://arxiv.org/abs/2007.02731
"""

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, TransformedDistribution
from torch.distributions.transforms import AffineTransform, ComposeTransform, TanhTransform
from torch.testing import assert_close

from vaeseq.bounds import elbo, iwae
from vaeseq.corpus import Batch
from vaeseq.flows import AutoregressivePrior, FlowPrior
from vaeseq.model import SequenceVAE
from vaeseq.priors import MixturePrior

PRIORS = {"flow": (FlowPrior, 3, 8), "mixture": (MixturePrior, 3), "autoregressive": (AutoregressivePrior, 3, 8)}
# From codes to numbers x, each dimension for itself, and far from linear.
WAY = ComposeTransform([AffineTransform(0.3, 0.8), TanhTransform()])
X = torch.tensor([[0.2, -0.5], [-0.7, 0.1], [0.0, 0.6]])


class Narrow:
    """p(x | z), a Gaussian around the way."""

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma

    def __call__(self, z: Tensor) -> "Narrow":
        self.around = Independent(Normal(WAY(z), self.sigma), 1)
        return self

    def given(self, x: Tensor) -> Tensor:
        return x[:, :0]

    def log_prob(self, x: Tensor, visible: None = None, *, given: Tensor | None = None) -> Tensor:
        return self.around.log_prob(x)


def _vae(kind: str, sigma: float) -> SequenceVAE:
    """q(z | x) and p(x | z) as narrow as sigma around the way and its inverse."""

    def encoder(x: Tensor, observed: Tensor) -> Independent:
        z = WAY.inv(x)
        return Independent(Normal(z, sigma * (-WAY.log_abs_det_jacobian(z, x)).exp()), 1)

    torch.manual_seed(0)
    prior, *sizes = PRIORS[kind]
    return SequenceVAE(encoder, Narrow(sigma), prior(2, *sizes))


def _of_flow(vae: SequenceVAE) -> Tensor:
    """log p(x) by the change of variables."""
    z = WAY.inv(X)
    return vae.prior().log_prob(z) - WAY.log_abs_det_jacobian(z, X).sum(dim=1)


@pytest.mark.parametrize("kind", PRIORS)
@torch.no_grad()
def test_the_bound_of_an_invertible_encoder_is_the_likelihood_of_the_flow(kind: str) -> None:
    count, batch = 4_000, Batch(X, torch.ones_like(X, dtype=torch.bool), torch.arange(3))
    many = Batch(*(part.repeat_interleave(count, dim=0) for part in (batch.tokens, batch.observed, batch.row)))
    misses = []
    for sigma in (0.1, 0.01, 0.001):
        vae = _vae(kind, sigma)
        bound = elbo(vae, many, generator=torch.Generator().manual_seed(0)).elbo.view(3, count).mean(dim=1)
        misses.append(float((bound - _of_flow(vae)).abs().max()))
    assert misses[0] > misses[1]
    assert misses[2] < 0.06, "the mean of so many draws is no closer"
    tight = iwae(_vae(kind, 0.001), batch, samples=200, generator=torch.Generator().manual_seed(1))
    assert_close(tight, _of_flow(_vae(kind, 0.001)), rtol=0, atol=0.4)


def test_the_flow_of_the_yardstick_is_that_of_the_library() -> None:
    base = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    vae = SequenceVAE(torch.nn.Identity(), torch.nn.Identity(), lambda: base)
    assert_close(_of_flow(vae), TransformedDistribution(base, [WAY]).log_prob(X))
