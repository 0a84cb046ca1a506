import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq.bounds import elbo, iwae
from vaeseq.corpus import batch_of
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, doubly_reparametrised, objective
from vaeseq.team import Noise
from vaeseq.tokenizer import BOS, EOS

ROW = [BOS, 5, 6, 7, EOS]


class Many:
    """Many times the same row, each with a posterior of its own, so that each has a gradient of its own."""

    def __init__(self, small: SequenceVAE, count: int, samples: int) -> None:
        self.mean, self.stddev = (torch.full((count, 1), value, requires_grad=True) for value in (0.9, 1.2))
        posterior = Independent(Normal(self.mean, self.stddev), 1)
        self.vae = SequenceVAE(lambda *_: posterior, small.decoder, small.prior)
        self.batch = batch_of([ROW] * count)
        self.noises = list(torch.randn(samples, count, 1, generator=torch.Generator().manual_seed(0)))

    def gradients(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of posterior mean, posterior deviation and a weight of the decoder."""
        return torch.autograd.grad(values.sum(), (self.mean, self.stddev, self.vae.decoder.bias))


def _plain(many: Many) -> Tensor:
    """Minus the importance-weighted bound with the gradient that automatic differentiation gives."""
    posterior, prior, weights = many.vae.encoder(many.batch.tokens), many.vae.prior(), []
    for noise in many.noises:
        z = posterior.mean + posterior.stddev * noise
        weights.append(many.vae.decoder(z).log_prob(many.batch.tokens) + prior.log_prob(z) - posterior.log_prob(z))
    return math.log(len(many.noises)) - torch.stack(weights).logsumexp(dim=0)


@pytest.mark.parametrize("samples", [1, 8])
def test_the_doubly_reparametrised_gradient_is_the_plain_one_in_the_mean(
    samples: int, build_vae: Callable[..., SequenceVAE]
) -> None:
    many = Many(build_vae(latent=1, sharpness=2.0), 20_000, samples)
    values, _ = doubly_reparametrised(many.vae, many.batch, many.noises)
    expected = _plain(many)
    assert_close(values, expected)
    *ours, our_bias = many.gradients(values)
    *plain, bias = many.gradients(expected)
    assert_close(our_bias, bias)
    for one, other in zip(ours, plain, strict=True):
        error = ((one.var() + other.var()) / len(one)) ** 0.5
        assert (one.mean() - other.mean()).abs() < 5 * error
        assert samples == 1 or one.var() < 0.5 * other.var(), "what it is for"
        assert one.mean().abs() > 5 * error, "a gradient of zero tells no wrong sign"


def test_the_bound_beside_it_is_that_of_the_first_sample(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of([ROW, [BOS, 7, EOS]])
    noises = torch.randn(4, 2, vae.latent, generator=torch.Generator().manual_seed(1))
    _, bound = doubly_reparametrised(vae, batch, list(noises))
    expected = elbo(vae, batch, noise=noises[0]).detach()
    assert_close((bound.reconstruction, bound.kl), (expected.reconstruction, expected.kl))
    assert not bound.kl.requires_grad


def test_the_objective_trains_the_importance_weighted_bound(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch, config = build_vae(), batch_of([ROW, [BOS, 7, EOS]]), ObjectiveConfig(samples=64)
    loss, bound = objective(vae, batch, config, beta=1.0, noise=Noise(torch.Generator().manual_seed(0), 2))
    looser, _ = objective(
        vae, batch, ObjectiveConfig(samples=2), beta=1.0, noise=Noise(torch.Generator().manual_seed(0), 2)
    )
    tight = -iwae(vae, batch, samples=2_000, generator=torch.Generator().manual_seed(2)).mean()
    assert tight - 0.05 < loss < looser < -bound.elbo.mean() + 1


@pytest.mark.parametrize("other", [{"rate": 2.0}, {"beta": 0.5}, {"free_bits": 0.1}, {"code_noise": 0.1}])
def test_a_bound_of_many_samples_cannot_be_weighed(other: dict[str, float]) -> None:
    with pytest.raises(InputError, match="samples must be at least 1, and 1 where there is a rate"):
        ObjectiveConfig(samples=2, **other)


def test_a_flow_has_no_doubly_reparametrised_gradient(build_vae: Callable[..., SequenceVAE]) -> None:
    with pytest.raises(InputError, match="must have a Gaussian posterior"):
        doubly_reparametrised(build_vae(posterior="flow"), batch_of([ROW]), [torch.zeros(1, 2)])
