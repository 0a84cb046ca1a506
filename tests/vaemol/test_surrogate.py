"""A Gaussian process over molecules."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal
from torch.testing import assert_close

from vaemol.builtin import builtin_molecules
from vaemol.molecule import canonical, parse
from vaemol.properties import log_p
from vaemol.surrogate import NOISES, TanimotoProcess, _settings, features, tanimoto

SMILES = [canonical(mol) for _, text in builtin_molecules() if (mol := parse(text)) and "." not in text][::50]
VALUES = [log_p(parse(text)) for text in SMILES]


def test_similarity_by_hand():
    a, b = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]]), torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 0]])
    assert_close(tanimoto(a, b), torch.tensor([[1 / 3, 0], [0, 1]], dtype=torch.float64))


def test_counts_are_seen():
    chains = features(["C" * 8, "C" * 12])
    assert float(tanimoto(chains[:1], chains[1:])) < 1


def test_the_height_is_the_best_for_its_noise():
    alike = tanimoto(features(SMILES[:40]), features(SMILES[:40]))
    targets = torch.tensor(VALUES[:40], dtype=torch.float64)
    targets = (targets - targets.mean()) / targets.std()

    def log_likelihood(noise, height):
        covariance = height * (alike + noise * torch.eye(40, dtype=torch.float64))
        return float(MultivariateNormal(torch.zeros(40, dtype=torch.float64), covariance).log_prob(targets))

    noise, height = _settings(alike, targets)
    best = log_likelihood(noise, height)
    assert best >= max(log_likelihood(other, h) for other in NOISES for h in (height / 2, height, height * 2))
    assert best > max(log_likelihood(noise, height * 1.1), log_likelihood(noise, height / 1.1))


def test_the_posterior_is_that_of_the_textbook():
    model = TanimotoProcess(SMILES[:30], VALUES[:30])
    mean, covariance = model.posterior(SMILES[30:34])
    both = features(SMILES[:34])
    joint = model.height * tanimoto(both, both)
    noisy = joint[:30, :30] + model.height * model.noise * torch.eye(30, dtype=torch.float64)
    targets = (torch.tensor(VALUES[:30], dtype=torch.float64) - model.mean) / model.scale
    solved = torch.linalg.solve(noisy, joint[:30, 30:])
    assert_close(mean, model.mean + model.scale * (solved.T @ targets))
    assert_close(covariance, model.scale**2 * (joint[30:, 30:] - joint[30:, :30] @ solved))


def test_it_predicts_what_it_has_not_seen():
    model = TanimotoProcess(SMILES[::2], VALUES[::2])
    mean, covariance = model.posterior(SMILES[1::2])
    wanted = torch.tensor(VALUES[1::2], dtype=torch.float64)
    error = (mean - wanted).square().mean().sqrt()
    assert error < 0.8 * wanted.std()
    scores = (mean - wanted) / covariance.diagonal().sqrt()
    assert 0.5 < float(scores.square().mean().sqrt()) < 2


def test_draws_have_the_mean_and_spread_of_the_posterior():
    model = TanimotoProcess(SMILES[:60], VALUES[:60])
    mean, covariance = model.posterior(SMILES[60:65])
    drawn = model.drawn(SMILES[60:65], 20_000, seed=0)
    assert_close(drawn.mean(dim=0), mean, rtol=0, atol=0.05)
    assert_close(torch.cov(drawn.T), covariance, rtol=0, atol=0.06)
    assert drawn.equal(model.drawn(SMILES[60:65], 20_000, seed=0))


def test_equal_values_are_no_obstacle():
    mean, _ = TanimotoProcess(SMILES[:5], [2.0] * 5).posterior(SMILES[5:7])
    assert mean.tolist() == pytest.approx([2.0, 2.0])
    assert all(map(math.isfinite, mean.tolist()))
