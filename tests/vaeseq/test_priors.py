import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq.config import EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import pad
from vaeseq.errors import InputError
from vaeseq.flows import AutoregressivePrior, FlowPrior
from vaeseq.model import SequenceVAE
from vaeseq.priors import MixturePrior, StandardNormalPrior, VampPrior
from vaeseq.tokenizer import BOS, EOS

LATENT = 2


class MeanEncoder(nn.Module):
    """A text of embeddings to the mean over its symbols."""

    def of_embeddings(self, rows: Tensor) -> Independent:
        return Independent(Normal(rows.mean(dim=1)[:, :LATENT], 0.5 + rows.std(dim=1)[:, :LATENT]), 1)


KINDS = {
    "standard normal": lambda: StandardNormalPrior(LATENT),
    "mixture": lambda: MixturePrior(LATENT, 4),
    "vamp": lambda: VampPrior(LATENT, MeanEncoder(), 4, 5, 3),
    "flow": lambda: FlowPrior(LATENT, 3, 16),
    "autoregressive": lambda: AutoregressivePrior(LATENT, 3, 16),
}


@pytest.fixture(params=KINDS)
def prior(request: pytest.FixtureRequest) -> nn.Module:
    """One of each, its weights far from where they start."""
    torch.manual_seed(1)
    module = KINDS[request.param]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module


def _grid(nodes: int = 401, edge: float = 12.0) -> tuple[Tensor, float]:
    """Places of a grid over the plane, and the area of each."""
    line = torch.linspace(-edge, edge, nodes)
    return torch.cartesian_prod(line, line), float(line[1] - line[0]) ** 2


@torch.no_grad()
def test_the_density_integrates_to_one(prior: nn.Module) -> None:
    places, area = _grid()
    assert prior.latent == LATENT
    assert prior().event_shape == (LATENT,)
    assert_close(prior().log_prob(places).exp().sum() * area, torch.tensor(1.0), rtol=0, atol=0.01)


@torch.no_grad()
def test_draws_are_of_the_density(prior: nn.Module) -> None:
    places, area = _grid()
    density = prior().log_prob(places).exp() * area
    z = prior().sample((20_000,))
    assert z.shape == (20_000, LATENT)
    for statistic in (lambda z: z[:, 0], lambda z: z[:, 1], lambda z: z.prod(dim=1), lambda z: (z**2).sum(dim=1)):
        drawn = statistic(z)
        error = drawn.std() / len(z) ** 0.5
        assert (drawn.mean() - (density * statistic(places)).sum()).abs() < 5 * error + 0.01


def test_every_parameter_learns_from_the_density(prior: nn.Module) -> None:
    prior().log_prob(torch.randn(50, LATENT, requires_grad=True)).sum().backward()
    assert [name for name, p in prior.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_the_same_weights_give_the_same_density(prior: nn.Module, request: pytest.FixtureRequest) -> None:
    twin = KINDS[request.node.callspec.params["prior"]]()
    twin.load_state_dict(prior.state_dict())
    z = torch.randn(5, LATENT)
    assert_close(twin().log_prob(z), prior().log_prob(z))


def test_a_factor_sees_only_what_came_before() -> None:
    prior = AutoregressivePrior(4, 3, 16)

    def means(z: Tensor) -> Tensor:
        return prior.factors(z).mean

    reads = torch.autograd.functional.jacobian(means, torch.randn(4)) != 0
    assert reads.equal(torch.ones(4, 4, dtype=torch.bool).tril(-1))


@torch.no_grad()
def test_a_vamp_prior_is_the_mixture_of_the_posteriors_of_its_texts() -> None:
    """Written out in words, with texts that are rows of the encoder's own embeddings."""
    torch.manual_seed(0)
    config = VAEConfig(9, LATENT, 4, EncoderConfig(hidden=5), prior=PriorConfig("vamp", components=2, length=4))
    vae = SequenceVAE.build(config)
    tokens = pad([[BOS, 5, 6, EOS], [BOS, 7, 7, EOS]])
    vae.prior.texts.copy_(vae.encoder.embedding(tokens))
    vae.prior.weight.copy_(torch.tensor([0.3, 0.7]).log())
    z = torch.randn(6, LATENT)
    parts = [vae.encoder(row.unsqueeze(0)).log_prob(z) for row in tokens]
    expected = torch.logsumexp(torch.stack([torch.tensor(0.3).log() + parts[0], torch.tensor(0.7).log() + parts[1]]), 0)
    assert_close(vae.prior().log_prob(z), expected)


@pytest.mark.parametrize("kind", ["standard_normal", "mixture", "vamp", "flow", "autoregressive"])
def test_a_config_builds_each(kind: str) -> None:
    config = VAEConfig(9, LATENT, 4, EncoderConfig(hidden=5), prior=PriorConfig(kind, 3, 4, 2, 8))
    vae = SequenceVAE.build(config)
    assert vae.prior().sample((3,)).shape == (3, LATENT)
    assert vae.latent == LATENT


def test_one_dimension_has_no_autoregressive_prior() -> None:
    with pytest.raises(InputError, match="latent must be at least 2 for an autoregressive prior, got 1"):
        SequenceVAE.build(VAEConfig(9, 1, 4, EncoderConfig(hidden=5), prior=PriorConfig("autoregressive")))


@pytest.mark.parametrize(
    ("encoder", "prior"),
    [
        (EncoderConfig(hidden=5), PriorConfig("uniform")),
        (EncoderConfig(hidden=5, posterior="exact"), PriorConfig()),
        (EncoderConfig(hidden=5, posterior="flow"), PriorConfig("vamp")),
    ],
)
def test_what_there_is_not_is_named(encoder: EncoderConfig, prior: PriorConfig) -> None:
    with pytest.raises(InputError, match=r"uniform|exact|flow"):
        SequenceVAE.build(VAEConfig(9, LATENT, 4, encoder, prior=prior))
