import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq.bounds import elbo, iwae
from vaeseq.corpus import Corpus
from vaeseq.diagnostics import (
    active_units,
    batches,
    information_rows,
    iwae_by_row,
    language_by_row,
    log_weights_by_row,
    mutual_information,
    summarise,
)
from vaeseq.model import SequenceVAE

CPU = torch.device("cpu")


def _column(variance: float, rows: int = 400) -> Tensor:
    """Values of exactly this variance, half below and half above a mean that is not zero."""
    return 3 + math.sqrt(variance) * torch.tensor([-1.0, 1.0]).repeat(rows // 2)


def _drawn(means: Tensor, stddev: float, seed: int = 0) -> tuple[Independent, Tensor]:
    posterior = Independent(Normal(means, torch.full_like(means, stddev)), 1)
    return posterior, means + stddev * torch.randn(means.shape, generator=torch.Generator().manual_seed(seed))


def test_a_unit_is_active_above_the_threshold_of_burda() -> None:
    variances = [0.0, 1e-4, 0.0099, 0.0101, 0.5, 4.0, 0.009, 0.011]
    assert active_units(torch.stack([_column(variance) for variance in variances], dim=1)) == 4 / 8


def test_no_unit_and_every_unit_can_be_active() -> None:
    assert active_units(torch.full((50, 3), 7.0)) == 0.0
    assert active_units(torch.eye(4).repeat(5, 1)) == 1.0


@given(order=st.permutations(range(8)))
def test_active_units_do_not_depend_on_order(order: list[int]) -> None:
    means = torch.stack([_column(v, rows=8) for v in (0.001, 0.5, 0.02)], dim=1)
    assert active_units(means[order]) == active_units(means) == pytest.approx(2 / 3)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("latent", [1, 2])
def test_mutual_information_of_gaussians_is_its_closed_form(ratio: float, latent: int) -> None:
    # x ~ N(0, ratio^2), z | x ~ N(x, 1): I = 1/2 log(1 + ratio^2) in each dimension.
    rows = 2_000
    means = ratio * torch.randn(rows, latent, generator=torch.Generator().manual_seed(1))
    exact = latent * 0.5 * math.log(1 + ratio**2)
    assert mutual_information(*_drawn(means, 1.0)) == pytest.approx(exact, abs=0.06)


@pytest.mark.parametrize("rows", [1, 2, 10, 100])
def test_mutual_information_is_capped_at_the_logarithm_of_the_rows(rows: int) -> None:
    means = 1_000 * torch.arange(float(rows)).unsqueeze(1)
    assert mutual_information(*_drawn(means, 1.0)) == pytest.approx(math.log(rows), abs=1e-4)


def test_equal_posteriors_carry_nothing() -> None:
    assert mutual_information(*_drawn(torch.full((100, 3), 2.0), 0.7)) == pytest.approx(0.0, abs=1e-5)


def test_two_clusters_carry_the_logarithm_of_two() -> None:
    means = torch.tensor([[-50.0], [50.0]]).repeat(60, 1)
    assert mutual_information(*_drawn(means, 1.0)) == pytest.approx(math.log(2), abs=1e-4)


@given(order=st.permutations(range(12)))
def test_mutual_information_does_not_depend_on_order(order: list[int]) -> None:
    posterior, z = _drawn(torch.randn(12, 2, generator=torch.Generator().manual_seed(0)), 0.5)
    shuffled = Independent(Normal(posterior.mean[order], posterior.stddev[order]), 1)
    assert mutual_information(shuffled, z[order]) == pytest.approx(mutual_information(posterior, z), abs=1e-5)


@torch.no_grad()
def test_a_summary_weighs_rows_alike_however_they_are_batched(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae = build_vae(vocabulary=12, language=True)
    corpus = build_corpus(train=300, valid=0)  # a full batch and a small one
    summary = summarise(vae, corpus, corpus.rows("train"), seed=0)
    whole = elbo(vae, corpus.batch(corpus.rows("train")), generator=torch.Generator().manual_seed(1))
    posterior = vae.encoder(corpus.batch(corpus.rows("train")).tokens)
    assert summary.kl == pytest.approx(float(whole.kl.mean()), rel=1e-4)
    assert summary.active_units == active_units(posterior.mean)
    error = float(whole.reconstruction.std()) / math.sqrt(300)
    assert summary.reconstruction == pytest.approx(float(whole.reconstruction.mean()), abs=3 * error)
    assert summary.elbo == pytest.approx(-summary.reconstruction - summary.kl)
    assert 0 <= summary.mutual_information <= math.log(300)
    tokens = corpus.batch(corpus.rows("train")).tokens
    assert summary.language == pytest.approx(-float(vae.language(300).log_prob(tokens).mean()), rel=1e-4)


def test_a_summary_is_decided_by_its_seed_and_leaves_the_global_one_alone(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12, dropout=0.5), build_corpus(train=20, valid=0)
    vae.train()
    before = torch.get_rng_state()
    one, same, other = (summarise(vae, corpus, corpus.rows("train"), seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.reconstruction != other.reconstruction
    assert torch.get_rng_state().equal(before)


@torch.no_grad()
def test_the_mutual_information_of_a_summary_is_of_its_posteriors(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12, sharpness=6.0), build_corpus(train=200, valid=0)
    rows = corpus.rows("train")
    posterior = vae.encoder(corpus.batch(rows).tokens)
    torch.manual_seed(0)
    values = [mutual_information(posterior, posterior.sample()) for _ in range(10)]
    summary = summarise(vae, corpus, rows, seed=0)
    assert summary.mutual_information == pytest.approx(np.mean(values), abs=6 * np.std(values))
    assert summary.mutual_information > 0.1


@torch.no_grad()
def test_the_mutual_information_of_flows_is_of_few_rows_of_all_lengths(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12, sharpness=6.0, posterior="flow"), build_corpus(train=250, valid=0)
    rows = corpus.rows("train")
    assert [information_rows(vae, count) for count in (20, 250)] == [20, 100]
    assert information_rows(build_vae(), 250) == 250
    ordered = np.concatenate(list(corpus.in_order(rows, 256)))
    posterior = vae.encoder(corpus.batch(ordered[np.arange(100) * 250 // 100]).tokens)
    torch.manual_seed(0)
    values = [mutual_information(posterior, posterior.drawn(torch.randn(100, 2))[0]) for _ in range(10)]
    summary = summarise(vae, corpus, rows, seed=0)
    assert summary.mutual_information == pytest.approx(np.mean(values), abs=6 * np.std(values))


@torch.no_grad()
def test_the_iwae_of_rows_comes_by_length_and_tightens_the_bound(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12), build_corpus(train=300, valid=0, longest=30)
    rows = corpus.rows("train")
    bounds = iwae_by_row(vae, corpus, rows, samples=20, seed=0)
    assert bounds.shape == (300,)
    assert bounds.equal(iwae_by_row(vae, corpus, rows, samples=20, seed=0))
    assert float(bounds.mean()) > summarise(vae, corpus, rows, seed=0).elbo
    ordered = np.concatenate(list(corpus.in_order(rows, 300)))
    whole = iwae(vae, corpus.batch(ordered), samples=20, generator=torch.Generator().manual_seed(9))
    assert float(torch.corrcoef(torch.stack([bounds, whole]))[0, 1]) > 0.99
    assert float((bounds - whole).mean()) == pytest.approx(0, abs=0.2)


@torch.no_grad()
def test_the_elbo_and_the_language_model_of_rows_come_as_their_bounds_do(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12, language=True), build_corpus(train=300, valid=0, longest=30)
    rows = np.random.default_rng(0).permutation(corpus.rows("train"))
    weights = log_weights_by_row(vae, corpus, rows, samples=400, seed=0)
    assert weights.shape == (400, 300)
    bounds, elbos = iwae_by_row(vae, corpus, rows, samples=400, seed=0), weights.mean(dim=0)
    assert (bounds >= elbos).all(), "Jensen, row by row"
    ordered = np.concatenate(list(corpus.in_order(rows, 256)))
    alone = torch.cat([vae.language(1).log_prob(corpus.batch([row]).tokens) for row in ordered])
    assert_close(language_by_row(vae, corpus, rows), alone, rtol=1e-4, atol=1e-4)
    exact = [elbo(vae, corpus.batch(ordered), generator=torch.Generator().manual_seed(i)).elbo for i in range(400)]
    error = (torch.stack(exact).var(dim=0) / 400 + weights.var(dim=0) / 400).sqrt()
    assert ((elbos - torch.stack(exact).mean(dim=0)).abs() <= 5 * error + 1e-3).all()


def test_batches_hold_every_row_once(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=25, valid=0)
    rows = [batch.row for batch in batches(corpus, corpus.rows("train"), CPU, size=4)]
    assert [len(row) for row in rows] == [4] * 6 + [1]
    assert_close(torch.cat(rows).sort().values, torch.arange(25))
