from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from vaeseq.bounds import Bound, elbo, iwae
from vaeseq.corpus import Batch, batch_of, pad
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, EOS], [BOS, 7, 7, 6, 7, 5, EOS], [BOS, 6, EOS]]


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def exact_elbo(expectation: Callable[..., tuple[Tensor, Tensor]]) -> Callable[[SequenceVAE, list[int]], Tensor]:
    """The elbo of a model with a one-dimensional latent."""

    def integrate(vae: SequenceVAE, ids: list[int]) -> Tensor:
        posterior = vae.encoder(pad([ids])).base_dist
        mean, stddev = posterior.mean[0, 0], posterior.stddev[0, 0]

        def log_likelihood(z: Tensor) -> Tensor:
            return vae.decoder(z).log_prob(pad([ids] * len(z)))

        # Kingma and Welling (2014), appendix B
        kl = 0.5 * (mean**2 + stddev**2 - 1 - 2 * stddev.log())
        return expectation(log_likelihood, mean, stddev, 100)[0] - kl

    return integrate


@torch.no_grad()
def test_quadrature_is_a_distribution_over_sequences(
    one_dimensional: SequenceVAE, log_p: Callable[..., Tensor], all_sequences: Callable[..., list[list[int]]]
) -> None:
    """The yardstick of these tests is itself a law: p(x) sums to at most one, and does not depend on the nodes."""
    every = all_sequences(8, 2)
    fine, coarse = (torch.stack([log_p(one_dimensional, ids, nodes) for ids in every]) for nodes in (100, 60))
    assert 0.1 < fine.exp().sum() < 1
    assert_close(fine, coarse, rtol=0, atol=2e-3)


@pytest.mark.parametrize("ids", ROWS, ids=str)
@torch.no_grad()
def test_the_elbo_is_below_log_p_and_is_what_quadrature_says(
    ids: list[int],
    one_dimensional: SequenceVAE,
    log_p: Callable[..., Tensor],
    exact_elbo: Callable[[SequenceVAE, list[int]], Tensor],
) -> None:
    vae, count = one_dimensional, 4_000
    samples = elbo(vae, batch_of([ids] * count), generator=_seeded()).elbo
    error = samples.std() / count**0.5
    assert samples.mean() < log_p(vae, ids)
    assert (samples.mean() - exact_elbo(vae, ids)).abs() < 5 * error
    assert log_p(vae, ids) - exact_elbo(vae, ids) > 5 * error, "too good a posterior tells no wrong sign"


@pytest.mark.parametrize("ids", ROWS, ids=str)
@torch.no_grad()
def test_the_iwae_rises_from_the_elbo_to_log_p(
    ids: list[int],
    one_dimensional: SequenceVAE,
    log_p: Callable[..., Tensor],
    exact_elbo: Callable[[SequenceVAE, list[int]], Tensor],
) -> None:
    vae = one_dimensional
    exact, repeats = log_p(vae, ids), {1: 2_000, 5: 1_000, 50: 100}
    means, errors = [], []
    for samples, count in repeats.items():
        bound = iwae(vae, batch_of([ids] * count), samples=samples, generator=_seeded(samples))
        means.append(bound.mean())
        errors.append(bound.std() / count**0.5)
    assert (means[0] - exact_elbo(vae, ids)).abs() < 5 * errors[0]
    assert means[0] < means[1] < means[2] < exact + 5 * errors[2]
    closest = iwae(vae, batch_of([ids] * 50), samples=200, generator=_seeded()).mean()
    assert_close(closest.double(), exact, rtol=0, atol=0.02)


@pytest.mark.parametrize("prior", ["mixture", "vamp", "flow", "autoregressive"])
@pytest.mark.parametrize("posterior", ["gaussian", "flow"])
@torch.no_grad()
def test_every_family_stays_below_log_p_and_rises_to_it(
    posterior: str, prior: str, build_vae: Callable[..., SequenceVAE]
) -> None:
    if (posterior, prior) == ("flow", "vamp"):
        pytest.skip("a mixture of flows has no cheap density")
    vae, ids, count = build_vae(sharpness=1.5, posterior=posterior, prior=prior), ROWS[0], 40_000
    head = vae.encoder.head if posterior == "gaussian" else vae.encoder.head.gaussian
    head.linear.bias[2:] += 2  # a posterior that is narrower than the prior has weights without a bound
    line = torch.linspace(-12, 12, 161)
    places = torch.cartesian_prod(line, line)
    log_joint = vae.decoder(places).log_prob(pad([ids] * len(places))) + vae.prior().log_prob(places)
    log_p = torch.logsumexp(log_joint, dim=0) + 2 * (line[1] - line[0]).log()
    samples = elbo(vae, batch_of([ids] * count), generator=_seeded()).elbo
    assert samples.mean() - 5 * samples.std() / count**0.5 < log_p
    # The mean of the weights p(x, z) / q(z | x) is p(x).
    weights = (iwae(vae, batch_of([ids] * count), samples=1, generator=_seeded()) - log_p).exp()
    assert (weights.mean() - 1).abs() < 5 * weights.std() / count**0.5 + 0.01
    assert weights.std() / count**0.5 < 0.1


@torch.no_grad()
def test_the_iwae_is_exact_where_the_posterior_is_the_prior_and_z_says_nothing(
    build_vae: Callable[..., SequenceVAE],
    fixed_posterior: Callable[..., nn.Module],
) -> None:
    vae = build_vae(latent=2)
    for name, parameter in vae.decoder.named_parameters():
        if name.startswith("start") or name in ("lstm.weight_ih_l0", "head.weight"):
            parameter[..., -2:] = 0
    vae = SequenceVAE(fixed_posterior([0.0, 0.0], [1.0, 1.0]), vae.decoder, vae.prior)
    exact = vae.decoder(torch.zeros(len(ROWS), 2)).log_prob(pad(ROWS))
    for samples in (1, 7):
        assert_close(iwae(vae, batch_of(ROWS), samples=samples, generator=_seeded()), exact, rtol=1e-4, atol=1e-4)


@given(
    mean=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    log_stddev=st.lists(st.floats(-2, 1), min_size=3, max_size=3),
)
@torch.no_grad()
def test_the_kl_is_its_closed_form(
    mean: list[float],
    log_stddev: list[float],
    build_vae: Callable[..., SequenceVAE],
    fixed_posterior: Callable[..., nn.Module],
) -> None:
    vae = build_vae(latent=3)
    fixed = fixed_posterior(mean, torch.tensor(log_stddev).exp().tolist())
    bound = elbo(SequenceVAE(fixed, vae.decoder, vae.prior), batch_of(ROWS), generator=_seeded())
    by_dimension = 0.5 * (fixed.mean**2 + fixed.stddev**2 - 1 - 2 * fixed.stddev.log())
    assert_close(bound.kl_by_dimension, by_dimension.expand(len(ROWS), -1), rtol=1e-4, atol=1e-5)
    assert_close(bound.kl, by_dimension.sum().expand(len(ROWS)), rtol=1e-4, atol=1e-5)
    assert (bound.kl_by_dimension > -1e-6).all()


@pytest.mark.parametrize(("mean", "stddev"), [([1.0, -2.0], [0.5, 2.0]), ([0.0, 0.1], [0.1, 0.9])])
@torch.no_grad()
def test_the_kl_is_its_monte_carlo_mean(
    mean: list[float],
    stddev: list[float],
    build_vae: Callable[..., SequenceVAE],
    fixed_posterior: Callable[..., nn.Module],
) -> None:
    vae = build_vae(latent=2)
    fixed = SequenceVAE(fixed_posterior(mean, stddev), vae.decoder, vae.prior)
    kl = elbo(fixed, batch_of(ROWS[:1]), generator=_seeded()).kl[0]
    torch.manual_seed(0)
    posterior = fixed.encoder(pad(ROWS[:1]))
    z = posterior.sample((100_000,))
    terms = (posterior.log_prob(z) - fixed.prior().log_prob(z)).squeeze(1)
    assert (terms.mean() - kl).abs() < 5 * terms.std() / len(z) ** 0.5


@torch.no_grad()
def test_the_kl_is_zero_at_the_prior(
    build_vae: Callable[..., SequenceVAE], fixed_posterior: Callable[..., nn.Module]
) -> None:
    vae = build_vae(latent=2)
    bound = elbo(SequenceVAE(fixed_posterior([0.0, 0.0], [1.0, 1.0]), vae.decoder, vae.prior), batch_of(ROWS))
    assert_close(bound.kl, torch.zeros(len(ROWS)), rtol=0, atol=1e-6)


@torch.no_grad()
def test_the_terms_add_up_and_nothing_else_is_in_the_elbo(build_vae: Callable[..., SequenceVAE]) -> None:
    bound = elbo(build_vae(latent=3), batch_of(ROWS), generator=_seeded())
    assert bound.elbo.shape == bound.reconstruction.shape == bound.kl.shape == (len(ROWS),)
    assert bound.kl_by_dimension.shape == (len(ROWS), 3)
    assert_close(bound.elbo, -bound.reconstruction - bound.kl)
    assert_close(bound.kl, bound.kl_by_dimension.sum(dim=1))
    assert (bound.reconstruction > 0).all()
    more = Bound(bound.reconstruction, bound.kl, bound.kl_by_dimension, {"commitment": torch.full((len(ROWS),), 9.0)})
    assert more.elbo.equal(bound.elbo)


@torch.no_grad()
def test_the_reconstruction_is_in_nats_per_sequence_at_a_draw_of_the_posterior(
    build_vae: Callable[..., SequenceVAE],
    fixed_posterior: Callable[..., nn.Module],
) -> None:
    vae = build_vae(latent=2)
    fixed = SequenceVAE(fixed_posterior([0.5, -1.0], [1e-4, 1e-4]), vae.decoder, vae.prior)
    bound = elbo(fixed, batch_of(ROWS), generator=_seeded())
    exact = -vae.decoder(torch.tensor([[0.5, -1.0]]).expand(len(ROWS), -1)).log_prob(pad(ROWS))
    assert_close(bound.reconstruction, exact, rtol=0, atol=0.02)


@torch.no_grad()
def test_bounds_do_not_depend_on_padding(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    wide = batch_of([*ROWS, [BOS, *[5] * 20, EOS]])
    wider = Batch(wide.tokens[: len(ROWS)], wide.observed[: len(ROWS)], batch.row)
    assert_close(elbo(vae, wider, generator=_seeded()).elbo, elbo(vae, batch, generator=_seeded()).elbo)
    bounds = [iwae(vae, rows, samples=3, generator=_seeded()) for rows in (wider, batch)]
    assert_close(bounds[0], bounds[1], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_unobserved_symbols_are_still_to_be_explained(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS[:1])
    hidden = Batch(batch.tokens, torch.zeros_like(batch.observed), batch.row)
    changed = Batch(torch.tensor([[BOS, 6, 6, 7, EOS]]), hidden.observed, batch.row)
    one, other = (elbo(vae, rows, generator=_seeded()) for rows in (hidden, changed))
    assert_close(one.kl, other.kl)
    assert (one.reconstruction - other.reconstruction).abs() > 1e-3


@torch.no_grad()
def test_the_generator_decides_the_noise(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    one, same, other = (elbo(vae, batch, generator=_seeded(seed)).elbo for seed in (1, 1, 2))
    assert one.equal(same)
    assert (one != other).all()
    one, same, other = (iwae(vae, batch, samples=2, generator=_seeded(seed)) for seed in (1, 1, 2))
    assert one.equal(same)
    assert (one != other).all()


def test_the_gradient_of_both_terms_reaches_every_weight(build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae()
    bound = elbo(vae, batch_of(ROWS), generator=_seeded())
    bound.reconstruction.sum().backward(retain_graph=True)
    for name, parameter in vae.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    vae.zero_grad()
    bound.kl.sum().backward()
    own = [parameter for name, parameter in vae.decoder.named_parameters() if name != "embedding.weight"]
    assert not any(parameter.grad is not None and parameter.grad.any() for parameter in own)


def test_the_gradient_of_the_elbo_is_that_of_its_expectation(
    build_vae: Callable[..., SequenceVAE],
    expectation: Callable[..., tuple[Tensor, Tensor]],
    fixed_posterior: Callable[..., nn.Module],
) -> None:
    """Reparametrised gradients, averaged, against the derivative of the quadrature in mean and deviation."""
    vae, ids, count = build_vae(latent=1, sharpness=2.0), ROWS[0], 10_000
    fixed = fixed_posterior([0.3], [0.7])
    sampled = SequenceVAE(fixed, vae.decoder, vae.prior)
    elbo(sampled, batch_of([ids] * count), generator=_seeded()).elbo.mean().backward()
    mean, stddev = torch.tensor(0.3, requires_grad=True), torch.tensor(0.7, requires_grad=True)
    kl = 0.5 * (mean**2 + stddev**2 - 1 - 2 * stddev.log())
    exact = expectation(lambda z: vae.decoder(z).log_prob(pad([ids] * len(z))), mean, stddev, 80)[0] - kl
    exact.backward()
    assert_close(fixed.mean.grad[0], mean.grad, rtol=0.05, atol=0.02)
    assert_close(fixed.stddev.grad[0], stddev.grad, rtol=0.05, atol=0.02)
