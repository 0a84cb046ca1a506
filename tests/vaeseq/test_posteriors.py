import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vaeseq.flows import FlowHead, FlowPrior
from vaeseq.posteriors import GaussianHead, divergence, drawn
from vaeseq.priors import MixturePrior, StandardNormalPrior

LATENT, WIDTH, ROWS = 2, 5, 3
KINDS = {"gaussian": lambda: GaussianHead(WIDTH, LATENT), "flow": lambda: FlowHead(WIDTH, LATENT, 3, 16)}


@pytest.fixture(params=KINDS)
def head(request: pytest.FixtureRequest) -> nn.Module:
    """One of each, its weights far from where they start."""
    torch.manual_seed(1)
    module = KINDS[request.param]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return module


def _summary() -> Tensor:
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_a_draw_comes_with_its_own_density(head: nn.Module) -> None:
    posterior = head(_summary())
    z, log_q = drawn(posterior, torch.randn(ROWS, LATENT))
    assert posterior.batch_shape == (ROWS,)
    assert posterior.event_shape == (LATENT,)
    assert z.shape == posterior.mean.shape == (ROWS, LATENT)
    assert_close(log_q, posterior.log_prob(z), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_density_integrates_to_one(head: nn.Module) -> None:
    line = torch.linspace(-25, 25, 501)
    places = torch.cartesian_prod(line, line).unsqueeze(1)
    total = head(_summary()).log_prob(places).exp().sum(dim=0) * (line[1] - line[0]) ** 2
    assert_close(total, torch.ones(ROWS), rtol=0, atol=0.01)


@torch.no_grad()
def test_no_noise_is_the_mean(head: nn.Module) -> None:
    posterior = head(_summary())
    assert_close(drawn(posterior, torch.zeros(ROWS, LATENT))[0], posterior.mean)


def test_every_parameter_learns_from_a_draw(head: nn.Module) -> None:
    z, log_q = drawn(head(_summary()), torch.randn(ROWS, LATENT))
    (z.sum() + log_q.sum()).backward()
    assert [name for name, p in head.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("of", [StandardNormalPrior, lambda n: MixturePrior(n, 3), lambda n: FlowPrior(n, 2, 8)])
@torch.no_grad()
def test_the_divergence_is_that_of_many_draws(head: nn.Module, of: type) -> None:
    torch.manual_seed(2)
    prior, count = of(LATENT)(), 4_000
    posterior = head(_summary()[:1].expand(count, -1))
    kl, parts = divergence(posterior, prior, *drawn(posterior, torch.randn(count, LATENT)))
    z, log_q = drawn(posterior, torch.randn(count, LATENT))
    other = log_q - prior.log_prob(z)
    error = (kl.var() / count + other.var() / count) ** 0.5
    assert (kl.mean() - other.mean()).abs() < 5 * error
    assert kl.mean() > 0
    assert parts is None or parts.sum(dim=1).allclose(kl)


def test_between_gaussians_it_is_exact_and_has_parts() -> None:
    posterior = GaussianHead(WIDTH, LATENT)(_summary())
    kl, parts = divergence(posterior, StandardNormalPrior(LATENT)(), *drawn(posterior, torch.randn(ROWS, LATENT)))
    mean, deviation = posterior.mean, posterior.stddev
    # Kingma and Welling (2014), appendix B
    assert_close(parts, 0.5 * (mean**2 + deviation**2 - 1 - 2 * deviation.log()))
    assert_close(kl, parts.sum(dim=1))
