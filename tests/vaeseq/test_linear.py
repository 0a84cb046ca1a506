"""Laws of the linear models of counts, against densities written out in full."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from vaeseq import linear
from vaeseq.corpus import Corpus
from vaeseq.errors import InputError
from vaeseq.linear import LinearGaussian, counts, factor_analysis, ppca

FITS = {"ppca": ppca, "factor_analysis": factor_analysis}


def _drawn(model: LinearGaussian, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes and counts of a model."""
    random = np.random.default_rng(seed)
    z = random.standard_normal((rows, model.latent))
    noise = random.standard_normal((rows, len(model.mean))) * np.sqrt(model.noise)
    return z, model.mean + z @ model.loadings.T + noise


def _planted(symbols: int = 6, latent: int = 2, *, isotropic: bool = False, seed: int = 3) -> LinearGaussian:
    random = np.random.default_rng(seed)
    noise = np.full(symbols, 0.4) if isotropic else random.uniform(0.2, 1.5, symbols)
    return LinearGaussian(random.normal(3, 1, symbols), random.normal(0, 1.2, (symbols, latent)), noise)


def _covariance(model: LinearGaussian) -> np.ndarray:
    return model.loadings @ model.loadings.T + np.diag(model.noise)


def _in_full(model: LinearGaussian) -> MultivariateNormal:
    return MultivariateNormal(torch.from_numpy(model.mean), torch.from_numpy(_covariance(model)))


def _with_covariance(covariance: np.ndarray, rows: int, seed: int = 0) -> np.ndarray:
    """Rows whose own covariance is the one given, to rounding."""
    x = np.random.default_rng(seed).standard_normal((rows, len(covariance)))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / rows)).T
    return x @ np.linalg.cholesky(covariance).T


def test_counts_are_those_of_the_rows(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=20, valid=5)
    rows = np.array([3, 17, 4])
    table = counts(corpus, rows, 12)
    for row, found in zip(rows, table, strict=True):
        assert {i: n for i, n in enumerate(found) if n} == Counter(corpus.sequence(row).tolist())


def test_a_vocabulary_without_an_id_of_the_rows_is_refused(build_corpus: Callable[..., Corpus]) -> None:
    with pytest.raises(InputError, match="vocabulary must hold every id of the rows, got 6 and id 9"):
        counts(build_corpus(train=20, valid=5), np.arange(1), 6)


def test_densities_and_posteriors_are_those_of_the_gaussian_in_full() -> None:
    model = _planted()
    _, x = _drawn(model, 50)
    exact = _in_full(model).log_prob(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(model.log_prob(x), exact, rtol=1e-10)
    # E[z | x] = W^T Sigma^-1 (x - mean), Cov[z | x] = I - W^T Sigma^-1 W: the joint Gaussian, conditioned.
    gain = model.loadings.T @ np.linalg.inv(_covariance(model))
    means, covariance = model.posterior(x)
    np.testing.assert_allclose(means, (x - model.mean) @ gain.T, atol=1e-10)
    np.testing.assert_allclose(covariance, np.eye(2) - gain @ model.loadings, atol=1e-10)
    np.testing.assert_allclose(model.reconstruct(x), model.mean + means @ model.loadings.T)


def test_mutual_information_is_the_mean_of_what_z_adds() -> None:
    model = _planted()
    z, x = _drawn(model, 40_000)
    apart = x - model.mean - z @ model.loadings.T
    given = -0.5 * (np.log(2 * math.pi * model.noise) + apart**2 / model.noise).sum(axis=1)
    added = given - model.log_prob(x)
    assert model.mutual_information == pytest.approx(added.mean(), abs=4 * added.std() / 200)
    assert LinearGaussian(model.mean, 0 * model.loadings, model.noise).mutual_information == 0


@pytest.mark.parametrize(("rows", "latent"), [(4, 1), (4, 3), (5, 2), (40, 1), (40, 4)])
def test_ppca_reaches_the_closed_form_of_its_maximum(rows: int, latent: int) -> None:
    x = _drawn(_planted(symbols=7, latent=3), rows)[1]
    model = ppca(x, latent)
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1].clip(min=0)
    noise = max(values[latent:].mean(), linear.LEAST_NOISE * values.mean())
    np.testing.assert_allclose(model.noise, noise, rtol=1e-6)
    np.testing.assert_allclose(model.loadings.T @ model.loadings, np.diag(values[:latent] - noise), atol=1e-8)
    # Tipping and Bishop (1999), equation 4 at its maximum: tr(C^-1 S) = 7 where the noise is not held up.
    if values[latent:].mean() > noise / 2:
        most = -0.5 * (7 * math.log(2 * math.pi) + np.log(values[:latent]).sum() + (7 - latent) * math.log(noise) + 7)
        assert model.log_prob(x).mean() == pytest.approx(most, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_no_ppca_nearby_is_likelier(seed: int) -> None:
    x = _drawn(_planted(), 60)[1]
    model, random = ppca(x, 2), np.random.default_rng(seed)
    for size in (1e-3, 1e-1):
        other = LinearGaussian(
            model.mean + size * random.standard_normal(6),
            model.loadings + size * random.standard_normal((6, 2)),
            model.noise * math.exp(size * random.standard_normal()),
        )
        assert other.log_prob(x).mean() < model.log_prob(x).mean()


@pytest.mark.parametrize("rows", [5, 200])
def test_the_likelihood_of_factor_analysis_never_falls(rows: int) -> None:
    x = _drawn(_planted(symbols=9), rows)[1]
    found = [factor_analysis(x, 2, iterations=n, tolerance=-math.inf).log_prob(x).mean() for n in range(40)]
    assert found[0] == pytest.approx(ppca(x, 2).log_prob(x).mean())
    assert min(np.diff(found)) > -1e-10
    assert found[-1] > found[0] + 0.1


def test_steps_know_the_likelihood_of_their_model() -> None:
    x = _drawn(_planted(), 80)[1]
    covariance = linear._Covariance(x, 2)
    steps = linear._em(covariance, linear._ppca(covariance, 2))
    for _, (model, likelihood) in zip(range(5), steps, strict=False):
        assert likelihood == pytest.approx(model.log_prob(x).mean(), rel=1e-12)


def test_no_factor_analysis_nearby_is_likelier() -> None:
    x, random = _drawn(_planted(), 300)[1], np.random.default_rng(0)
    model = factor_analysis(x, 2, iterations=20_000, tolerance=1e-15)
    for _ in range(20):
        other = LinearGaussian(
            model.mean,
            model.loadings + 1e-2 * random.standard_normal((6, 2)),
            model.noise * np.exp(1e-2 * random.standard_normal(6)),
        )
        assert other.log_prob(x).mean() < model.log_prob(x).mean()


def test_both_agree_on_data_whose_noise_is_alike_everywhere() -> None:
    planted = _planted(isotropic=True)
    x = planted.mean + _with_covariance(_covariance(planted), 50)
    for fit in FITS.values():
        np.testing.assert_allclose(_covariance(fit(x, 2)), _covariance(planted), atol=1e-6)
        assert fit(x, 2).mutual_information == pytest.approx(planted.mutual_information, rel=1e-6)


def test_factor_analysis_finds_what_was_planted_up_to_a_rotation() -> None:
    planted = _planted(symbols=10)
    model = factor_analysis(_drawn(planted, 20_000)[1], 2)
    np.testing.assert_allclose(model.noise, planted.noise, rtol=0.1)
    left, _, right = np.linalg.svd(model.loadings.T @ planted.loadings)
    np.testing.assert_allclose(model.loadings @ left @ right, planted.loadings, atol=0.06)


@pytest.mark.parametrize("rows", [5, 100], ids=["fewer rows", "more rows"])
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_symbols_that_never_vary_change_nothing_and_come_back(fit: Callable[..., LinearGaussian], rows: int) -> None:
    x = np.random.default_rng(0).poisson(2.0, (rows, 8)).astype(np.float32)
    wide = np.insert(x, [0, 3, 8], [1, 0, 5], axis=1)
    alone, model = fit(x, 2), fit(wide, 2)
    np.testing.assert_allclose(model.log_prob(wide), alone.log_prob(x))
    np.testing.assert_allclose(model.posterior(wide)[0], alone.posterior(x)[0])
    assert model.mutual_information == pytest.approx(alone.mutual_information)
    assert np.isfinite(model.reconstruct(wide)).all()
    assert (model.reconstruct(wide)[:, model.noise == 0] == [1, 0, 5]).all()


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_a_symbol_that_another_foretells_has_a_density_all_the_same(fit: Callable[..., LinearGaussian]) -> None:
    x = np.random.default_rng(0).poisson(2.0, (100, 3)).astype(float)
    twins = np.hstack([x, 2 * x])  # of rank 3, and 3 dimensions of z
    model = fit(twins, 3)
    assert np.isfinite(model.log_prob(twins)).all()
    assert (model.noise > 0).all()
    np.testing.assert_allclose(model.reconstruct(twins), twins, atol=0.01)


def test_rows_in_pieces_are_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x = _drawn(_planted(), 100)[1]
    whole = ppca(x, 2)
    monkeypatch.setattr(linear, "CHUNK", 7)
    np.testing.assert_allclose(_covariance(ppca(x, 2)), _covariance(whole))


@pytest.mark.parametrize(
    ("x", "latent", "said"),
    [
        (np.ones((5, 3)), 1, "latent must be at least 1 and below the 5 rows and 0 symbols that vary, got 1"),
        (np.eye(3), 3, "latent must be at least 1 and below the 3 rows and 3 symbols"),
        (np.eye(3), 0, "got 0"),
        (np.eye(3)[0], 1, r"counts must be \(rows, symbols\) with a row or more, got \(3,\)"),
        (np.array([[0.0, 1], [np.nan, 0], [1, 1]]), 1, "counts must be finite; 1 rows are not"),
    ],
)
def test_what_cannot_be_fitted_is_said(x: np.ndarray, latent: int, said: str) -> None:
    for fit in FITS.values():
        with pytest.raises(InputError, match=said):
            fit(x, latent)


def test_what_cannot_be_afforded_or_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    x = _drawn(_planted(), 20)[1]
    with pytest.raises(InputError, match=r"counts must be \(rows, 6\) for this model, got \(20, 5\)"):
        ppca(x, 2).log_prob(x[:, :5])
    with pytest.raises(InputError, match="iterations must be 0 or more, got -1"):
        factor_analysis(x, 2, iterations=-1)
    monkeypatch.setattr(linear, "LARGEST", 5)
    with pytest.raises(InputError, match="must be at most 5, got 20 and 6; take fewer rows"):
        ppca(x, 2)
