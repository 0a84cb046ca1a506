"""A blurred code is the best guess of the code, and the model that reads it is a VAE."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence
from torch.testing import assert_close

from vaeseq import checkpoint
from vaeseq.blurring import Blur, BlurredEncoder, blurred
from vaeseq.bounds import iwae
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, batch_of, pad
from vaeseq.diagnostics import summarise
from vaeseq.errors import InputError
from vaeseq.fitting import prior_and_codes
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
    found, expected = blurred(draws, torch.tensor(0.6), _random(100_000, 2, seed=1)), Blur(0.6)(posterior)
    assert_close(found.mean(dim=0), expected.mean[0], rtol=0, atol=0.01)
    assert_close(found.std(dim=0), expected.stddev[0], rtol=0.01, atol=0)


def test_less_signal_carries_fewer_nats() -> None:
    posterior = Independent(Normal(torch.tensor([1.5, -0.5]), torch.tensor([0.1, 0.2])), 1)
    signals = (1.0, 0.9, 0.6, 0.2, 0.01)
    nats = [float(kl_divergence(Blur(t)(posterior).base_dist, Normal(torch.zeros(2), t)).sum()) for t in signals]
    assert nats == sorted(nats, reverse=True)
    assert nats[-1] < 1e-3


@torch.no_grad()
def test_the_model_of_blurred_codes_is_a_vae(
    one_dimensional: SequenceVAE, expectation: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    signal, ids = 0.6, ROWS[0]
    prior = lambda: Independent(Normal(torch.zeros(1), torch.tensor([signal])), 1)  # noqa: E731
    drawn = SequenceVAE(one_dimensional.encoder, one_dimensional.decoder, prior, signal=signal).as_drawn()

    def log_likelihood(z: Tensor) -> Tensor:
        return drawn.decoder(z).log_prob(pad([ids] * len(z)))

    exact = expectation(log_likelihood, torch.tensor(0.0), torch.tensor(signal), 100)[1]
    bounds = iwae(drawn, batch_of([ids] * 500), samples=200, generator=torch.Generator().manual_seed(0))
    assert bounds.mean() == pytest.approx(float(exact), abs=0.01)


@torch.no_grad()
def test_every_way_to_the_posterior_is_the_same(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12), build_corpus(train=20, valid=3, vocabulary=12)
    drawn = BlurredEncoder(vae.encoder, 0.5)
    tokens = pad(ROWS)
    expected = Blur(0.5)(vae.encoder(tokens))
    for found in (drawn(tokens), drawn.head(drawn.summary(tokens))):
        assert_close(found.mean, expected.mean)
        assert_close(found.stddev, expected.stddev)
    assert drawn.of_embeddings(_random(2, 4, 4)).mean.shape == expected.mean.shape
    whole = SequenceVAE(vae.encoder, vae.decoder, vae.prior).as_drawn()
    assert summarise(whole, corpus, corpus.rows("train"), seed=0) == summarise(
        vae, corpus, corpus.rows("train"), seed=0
    )


@pytest.mark.parametrize("kind", ["mixture", "vamp", "autoregressive"])
def test_a_prior_is_fitted_to_codes_of_its_signal(
    kind: str, build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12), build_corpus(train=200, valid=20, vocabulary=12)
    config = VAEConfig(12, vae.latent, 4)
    codes = []
    for signal in (1.0, 0.1):
        prior, learnt, held_out = prior_and_codes(
            vae, config, PriorConfig(kind, 3, 4, signal=signal), corpus, rows=200, draws=2, seed=0
        )
        assert (len(learnt), len(held_out)) == (400, 40)
        codes.append(learnt)
        if kind == "vamp":
            assert prior().component_distribution.mean.detach().abs().max() < 10 * signal**2
    # t^2 (t^2 var z + 1 - t^2)
    assert_close(codes[1].var(dim=0), 1e-2 * (1e-2 * codes[0].var(dim=0) + 0.99), rtol=0.2, atol=0)


def test_a_checkpoint_keeps_the_signal(tmp_path: Path) -> None:
    tokenizer = Tokenizer.of_symbols("CN", ".")
    prior = PriorConfig("mixture", 3, signal=0.7)
    config = VAEConfig(tokenizer.size, 2, 4, prior=prior, trained_prior=PriorConfig())
    checkpoint.save(tmp_path, Checkpoint(SequenceVAE.build(config), config, tokenizer, {}), card="")
    vae = checkpoint.load(tmp_path).vae
    assert (vae.signal, vae.as_trained().signal) == (0.7, 1.0)
    assert isinstance(vae.as_drawn().encoder, BlurredEncoder)
    assert isinstance(LatentSpace.load(tmp_path).vae.as_trained().encoder, type(vae.encoder))


@pytest.mark.parametrize("signal", [0, -0.5, 1.5, math.nan, "0.5"])
def test_a_signal_out_of_range_is_refused(signal: object) -> None:
    with pytest.raises(InputError, match="signal must be above 0 and at most 1"):
        PriorConfig(signal=signal)


def test_a_signal_is_of_a_prior_fitted_to_gaussian_posteriors() -> None:
    less = PriorConfig("mixture", signal=0.5)
    good = VAEConfig(8, 2, prior=less, trained_prior=PriorConfig())
    for wrong in ({"trained_prior": None}, {"trained_prior": less}, {"encoder": EncoderConfig(posterior="flow")}):
        with pytest.raises(InputError, match="signal below 1 must be"):
            replace(good, **wrong)


def test_a_flow_is_not_blurred(build_vae: Callable[..., SequenceVAE]) -> None:
    with pytest.raises(InputError, match="gaussian posterior"):
        BlurredEncoder(build_vae(posterior="flow").encoder, 0.5)(pad(ROWS))
