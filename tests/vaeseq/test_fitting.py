import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq import priors
from vaeseq.bounds import elbo
from vaeseq.config import PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.errors import InputError
from vaeseq.fitting import FitConfig, codes, cross_entropy, fit_prior
from vaeseq.model import SequenceVAE, prior_of

SHORT = FitConfig(steps=400, batch_size=256, learning_rate=3e-2, look_every=50)


def _two_heaps(count: int, seed: int) -> Tensor:
    """Codes that lie far from where N(0, I) has them."""
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(2, (count, 1), generator=generator) * 2.0 - 1
    return 2.5 * side + 0.2 * torch.randn(count, 2, generator=generator)


HEAPS_COST = math.log(2) + 2 * (0.5 * math.log(2 * math.pi * math.e) + math.log(0.2))  # entropy, nats


def _prior(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return prior_of(VAEConfig(8, 2), torch.nn.Identity(), PriorConfig(kind, components=8, transforms=3, hidden=32))


@pytest.mark.parametrize("kind", ["mixture", "flow", "autoregressive"])
def test_a_fitted_prior_costs_what_the_codes_hold(kind: str) -> None:
    prior, held_out = _prior(kind), _two_heaps(4_000, 1)
    before = cross_entropy(priors.StandardNormalPrior(2), held_out)
    *_, (step, _, nats) = fit_prior(prior, _two_heaps(4_000, 0), held_out, SHORT, seed=0)
    assert step == SHORT.steps
    assert cross_entropy(prior, held_out) <= nats
    assert HEAPS_COST - 0.05 < cross_entropy(prior, held_out) < HEAPS_COST + 0.3 < before - 5


def test_draws_of_a_fitted_prior_lie_where_the_codes_do() -> None:
    prior = _prior("mixture")
    list(fit_prior(prior, _two_heaps(4_000, 0), _two_heaps(500, 1), SHORT, seed=0))
    torch.manual_seed(0)
    drawn = prior().sample((2_000,))
    assert ((drawn.abs() - 2.5).abs().amax(dim=1) < 1).float().mean() > 0.97
    assert_close((drawn[:, 0] > 0).float().mean(), torch.tensor(0.5), rtol=0, atol=0.05)


def test_the_weights_that_are_kept_are_best_on_held_out_codes() -> None:
    # A handful of codes is learnt by heart; others soon cost more.
    prior, learnt, held_out = _prior("flow"), _two_heaps(8, 0), _two_heaps(500, 1)
    looks = [nats for _, _, nats in fit_prior(prior, learnt, held_out, SHORT, seed=0)]
    assert min(looks) < looks[-1]
    assert cross_entropy(prior, held_out) == pytest.approx(min(looks), abs=1e-4)


def test_the_seed_decides_the_fit() -> None:
    config = FitConfig(steps=20, batch_size=16, look_every=7)
    fits = [list(fit_prior(_prior("mixture"), _two_heaps(99, 0), _two_heaps(50, 1), config, seed=s)) for s in (0, 0, 1)]
    assert fits[0] == fits[1] != fits[2]
    assert [step for step, _, _ in fits[0]] == [7, 14, 20]


@pytest.mark.parametrize("posterior", ["gaussian", "flow"])
def test_the_codes_are_draws_of_the_posterior(
    posterior: str, build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12, posterior=posterior), build_corpus(train=5, valid=3, vocabulary=12)
    rows = corpus.rows("train")
    found = codes(vae, corpus, rows, draws=3, seed=0)
    assert found.shape == (15, vae.latent)
    assert found.equal(codes(vae, corpus, rows, draws=3, seed=0))
    assert len(found.unique(dim=0)) == 15
    if posterior == "gaussian":
        ordered = next(iter(corpus.in_order(rows, 256)))
        of = vae.encoder(corpus.batch(ordered).tokens)
        z = (found.view(3, 5, -1) - of.mean) / of.stddev
        assert Independent(Normal(0.0, 1.0), 0).log_prob(z).mean() > -3


@torch.no_grad()
def test_what_the_prior_gains_the_bound_gains(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12), build_corpus(train=40, valid=3, vocabulary=12)
    batch = corpus.batch(corpus.rows("train"))
    noise = torch.randn(len(batch.row), vae.latent, generator=torch.Generator().manual_seed(0))
    fitted = SequenceVAE(vae.encoder, vae.decoder, _prior("mixture"), trained_prior=vae.prior)
    gain = elbo(fitted, batch, noise=noise).elbo - elbo(fitted.as_trained(), batch, noise=noise).elbo
    posterior = vae.encoder(batch.tokens)
    z = posterior.mean + posterior.stddev * noise
    entropy, kl = posterior.entropy(), elbo(vae, batch, noise=noise).kl
    assert_close(gain, fitted.prior().log_prob(z) + entropy + kl)
    assert fitted.as_trained().trained_prior is None


def test_a_fit_without_codes_or_without_numbers_is_an_error() -> None:
    some = _two_heaps(8, 0)
    for learnt, held_out in ((some[:0], some), (some, some[:0])):
        with pytest.raises(InputError, match="needs codes"):
            next(fit_prior(_prior("mixture"), learnt, held_out, SHORT, seed=0))
    with pytest.raises(FloatingPointError, match="not finite after step 50"):
        next(fit_prior(_prior("flow"), some * math.nan, some, SHORT, seed=0))


@pytest.mark.parametrize("name", ["steps", "batch_size", "look_every"])
def test_there_is_at_least_one_of_each(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be at least 1, got 0"):
        FitConfig(**{name: 0})


def test_pseudo_texts_are_fitted_and_the_encoder_that_reads_them_is_not(build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae()
    before = {name: weight.clone() for name, weight in vae.state_dict().items()}
    kind = PriorConfig("vamp", components=4, length=3)
    prior = prior_of(VAEConfig(8, vae.latent, 4), vae.encoder, kind)
    list(fit_prior(prior, torch.randn(64, vae.latent), torch.randn(8, vae.latent), FitConfig(steps=3), seed=0))
    assert all(value.equal(before[name]) for name, value in vae.state_dict().items())
    assert all(weight.grad is None for weight in vae.parameters())
