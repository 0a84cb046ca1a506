"""A blurred code is the best guess of the code, and the model of such codes is a VAE."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq import checkpoint
from vaeseq.blurring import blurred, blurred_posterior
from vaeseq.bounds import elbo, iwae
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, batch_of, pad
from vaeseq.errors import InputError
from vaeseq.fitting import FitConfig, codes, fit_prior, prior_and_codes
from vaeseq.model import SequenceVAE
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import BOS, EOS, Tokenizer

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, 7, EOS]]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("signal", [0.0, 0.3, 0.7, 1.0])
def test_a_blurred_code_is_the_best_guess_of_the_code(signal: float) -> None:
    z = _random(40_000, 3)
    found = blurred(z, torch.tensor(signal), _random(40_000, 3, seed=1))
    # E[z | found] = found: the error of the guess has nothing to do with the guess.
    assert ((z - found) * found).mean(dim=0).abs().max() < 0.02
    assert_close(found.square().mean(), torch.tensor(signal**2), rtol=0.02, atol=1e-9)


def test_the_ends_are_the_code_and_nothing() -> None:
    z, noise = _random(5, 3), _random(5, 3, seed=1)
    assert blurred(z, torch.tensor(1.0), noise).equal(z)
    assert blurred(z, torch.tensor(0.0), noise).count_nonzero() == 0


def test_the_posterior_is_that_of_blurred_draws() -> None:
    posterior = Independent(Normal(torch.tensor([[1.5, -0.5]]), torch.tensor([[0.3, 0.8]])), 1)
    draws = posterior.mean + posterior.stddev * _random(100_000, 2)
    found, expected = blurred(draws, torch.tensor(0.6), _random(100_000, 2, seed=1)), blurred_posterior(posterior, 0.6)
    assert_close(found.mean(dim=0), expected.mean[0], rtol=0, atol=0.01)
    assert_close(found.std(dim=0), expected.stddev[0], rtol=0.01, atol=0)
    assert blurred_posterior(posterior, 1.0) is posterior


class _Shorter(torch.nn.Module):
    """N(0, t^2), what blurring makes of N(0, 1)."""

    latent = 1

    def forward(self) -> Independent:
        return Independent(Normal(torch.zeros(1), torch.tensor([0.6])), 1)


@torch.no_grad()
def test_the_bounds_are_of_the_codes_that_the_prior_draws(
    one_dimensional: SequenceVAE, expectation: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    vae, count = SequenceVAE(one_dimensional.encoder, one_dimensional.decoder, _Shorter(), signal=0.6), 4_000

    def log_joint(z: Tensor) -> Tensor:
        return vae.decoder(z).log_prob(pad(ROWS[:1] * len(z)))

    # The posterior of full codes is N(.9, 1.2^2); the KL between two Gaussians in closed form.
    mean, variance, prior = 0.36 * 0.9, 0.36 * (0.36 * 1.2**2 + 0.64), 0.36
    given_back = expectation(log_joint, torch.tensor(mean), torch.tensor(variance**0.5), 100)[0]
    kl = 0.5 * ((variance + mean**2) / prior - 1 + math.log(prior / variance))
    batch, generator = batch_of(ROWS[:1] * count), torch.Generator().manual_seed(0)
    found = elbo(vae, batch, generator=generator)
    assert_close(found.kl, torch.full((count,), kl))
    assert found.elbo.mean() == pytest.approx(float(given_back) - kl, abs=0.05)
    exact = expectation(log_joint, torch.tensor(0.0), torch.tensor(0.6), 100)[1]
    assert iwae(vae, batch_of(ROWS[:1] * 500), samples=200, generator=generator).mean() == pytest.approx(
        float(exact), abs=0.01
    )


@torch.no_grad()
def test_every_way_to_the_posterior_is_the_same(build_vae: Callable[..., SequenceVAE]) -> None:
    whole = build_vae()
    vae, tokens = SequenceVAE(whole.encoder, whole.decoder, whole.prior, signal=0.5), pad(ROWS)
    expected = blurred_posterior(whole.encoder(tokens), 0.5)
    for found in (vae.posterior(tokens), vae.posterior_of(vae.encoder.summary(tokens))):
        assert_close(found.mean, expected.mean)
        assert_close(found.stddev, expected.stddev)
    assert whole.posterior(tokens).mean.equal(whole.encoder(tokens).mean)


@pytest.mark.parametrize("kind", ["mixture", "vamp", "autoregressive"])
def test_a_prior_is_fitted_to_codes_of_its_signal(
    kind: str, build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12), build_corpus(train=200, valid=20, vocabulary=12)
    prior, learnt, held_out = prior_and_codes(
        vae, VAEConfig(12, 2, 4), PriorConfig(kind, 3, 4), corpus, rows=200, draws=2, seed=0, signal=0.5
    )
    assert (len(learnt), len(held_out)) == (400, 40)
    full = codes(vae, corpus, corpus.rows("train"), draws=2, seed=0)
    expected = 0.5 * (0.25 * full.var(dim=0) + 0.75).sqrt()
    assert_close(learnt.std(dim=0), expected, rtol=0.1, atol=0)
    for _ in fit_prior(prior, learnt, held_out, FitConfig(steps=300, batch_size=64, learning_rate=3e-2), seed=0):
        pass
    torch.manual_seed(0)
    with torch.no_grad():
        assert_close(prior().sample((4_000,)).std(dim=0), expected, rtol=0.3, atol=0)


@torch.no_grad()
def test_a_model_that_is_loaded_draws_by_its_signal_and_encodes_without(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = Tokenizer.of_symbols("CN", ".")
    config = VAEConfig(tokenizer.size, 2, 4, prior=PriorConfig("mixture", 3), trained_prior=PriorConfig(), signal=0.7)
    checkpoint.save(tmp_path, Checkpoint(SequenceVAE.build(config), config, tokenizer, {}), card="")
    space = LatentSpace.load(tmp_path, "cpu")
    tokens = pad([tokenizer.encode("CNC")])
    assert (space.vae.signal, space.vae.as_trained().signal) == (0.7, 1.0)
    assert_close(space.encode(["CNC"]).mean, space.vae.encoder(tokens).mean)
    assert_close(space.vae.posterior(tokens).mean, 0.49 * space.vae.encoder(tokens).mean)


@pytest.mark.parametrize("signal", [0, -0.5, 1.5, math.nan, "0.5", True])
def test_a_signal_out_of_range_is_refused(signal: object) -> None:
    with pytest.raises(InputError, match="signal must be above 0 and at most 1"):
        VAEConfig(8, 2, signal=signal, trained_prior=PriorConfig())


def test_a_signal_is_of_a_prior_fitted_to_gaussian_posteriors() -> None:
    good = VAEConfig(8, 2, prior=PriorConfig("mixture"), trained_prior=PriorConfig(), signal=0.5)
    for wrong in ({"trained_prior": None}, {"encoder": EncoderConfig(posterior="flow")}):
        with pytest.raises(InputError, match="signal must be 1 unless"):
            replace(good, **wrong)


def test_a_flow_is_not_blurred(build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae(posterior="flow")
    with pytest.raises(InputError, match="gaussian posterior"):
        SequenceVAE(vae.encoder, vae.decoder, vae.prior, signal=0.5).posterior(pad(ROWS))
