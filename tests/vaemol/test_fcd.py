import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from vaemol import fcd as module
from vaemol.builtin import builtin_molecules
from vaemol.fcd import Distance, Statistics, fcd, frechet_distance, statistics
from vaeseq.errors import InputError

# The molecules and the figure of MOSES' own test: https://github.com/molecularsets/moses/blob/master/tests/test_metrics.py
REAL = ["Oc1ccccc1-c1cccc2cnccc12", "COc1cccc(NC(=O)Cc2coc3ccc(OC)cc23)c1"]
GENERATED = [
    "CNC",
    "Oc1ccccc1-c1cccc2cnccc12",
    "INVALID",
    "CCCP",
    "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1",
    "Cc1nc(NCc2ccccc2)no1-c1ccccc1",  # has a valence that rdkit refuses
]
PUBLISHED = 52.58371754126664


@pytest.fixture(scope="module")
def real():
    return statistics(REAL, device="cpu")


def test_the_figure_of_moses(real):
    assert fcd(GENERATED, real, device="cpu") == pytest.approx(Distance(PUBLISHED, 4), rel=1e-5)


def test_equal_lists_are_not_apart(real):
    assert fcd(REAL, real, device="cpu") == pytest.approx(Distance(0, 2), abs=1e-9)
    assert fcd(REAL[::-1], real, device="cpu").value == pytest.approx(0, abs=1e-4)


def test_statistics_are_those_of_all_features_at_once():
    smiles = ["CCO", "c1ccccc1", "CCN", "", "CC(=O)O", "C1CC", "CCCl"]
    valid = ["CCO", "c1ccccc1", "CCN", "CC(=O)O", "CCCl"]
    features = np.concatenate(list(module._features(valid, "cpu", 5)))
    assert features.shape == (5, 512)
    for batch_size in (1, 2, 5, 256):
        mean, covariance, of = statistics(smiles, device="cpu", batch_size=batch_size)
        np.testing.assert_allclose(mean, features.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(covariance, np.cov(features.T), atol=1e-6)
        assert of == 5


def test_spelling_and_order_change_nothing_and_copies_count():
    a = statistics(["CCO", "c1ccccc1", "CCN"], device="cpu")
    same = statistics(["NCC", "OCC", "C1=CC=CC=C1"], device="cpu")
    np.testing.assert_allclose(same.mean, a.mean, atol=1e-6)
    np.testing.assert_allclose(same.covariance, a.covariance, atol=1e-6)
    copies = statistics(["CCO", "CCO", "c1ccccc1", "CCN"], device="cpu")
    assert copies.of == 4
    assert frechet_distance(copies, a) > 0.1


def test_nobody_elses_draws_are_moved():
    before = torch.get_rng_state()
    statistics(REAL, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()


def _gaussian(seed, *, rank=6, size=6):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(size, rank))
    return Statistics(rng.normal(size=size), factor @ factor.T, 10)


def test_the_distance_where_it_is_known():
    one, zero = np.ones(2), np.zeros(2)
    # Axes of their own: (3 - 1)^2 + (2 - 5)^2 of the deviations, and 1 + 1 of the means.
    a, b = Statistics(zero, np.diag([9.0, 4.0]), 9), Statistics(one, np.diag([1.0, 25.0]), 9)
    assert frechet_distance(a, b) == pytest.approx(4 + 9 + 2)
    assert frechet_distance(a, a) == 0


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_distance_is_that_of_the_root_of_the_product(i, j):
    a, b = _gaussian(i), _gaussian(j)
    root = sqrtm(a.covariance @ b.covariance).real
    slow = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(slow, abs=1e-5)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_singular_covariances_are_no_trouble(seed, rank):
    a = _gaussian(seed, rank=rank)
    assert 0 <= frechet_distance(a, a) < 1e-9
    moved = a._replace(mean=a.mean + 1)
    assert frechet_distance(a, moved) == pytest.approx(6)


@pytest.mark.parametrize("smiles", [[], ["CCO"], ["C1CC", "", "CCO"]])
def test_fewer_than_two_molecules_have_no_statistics(smiles):
    with pytest.raises(InputError, match=f"at least 2 valid molecules, got {'CCO' in smiles:d} in {len(smiles)} texts"):
        statistics(smiles)


def test_a_wrong_device_or_batch_size_is_refused():
    with pytest.raises(InputError, match="device must be one"):
        statistics(REAL, device="abacus")
    with pytest.raises(InputError, match="batch_size must be at least 1, got 0"):
        statistics(REAL, batch_size=0)


def test_the_network_is_imported_when_it_is_asked():
    code = "import sys, vaemol.fcd; print({'fcd_torch', 'torch', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.slow
def test_more_real_molecules_come_nearer_and_others_do_not():
    smiles = np.random.default_rng(0).permutation([smiles for _, smiles in builtin_molecules()]).tolist()
    reference = statistics(smiles[:1_000], device="cpu")
    few, many = (fcd(smiles[1_000 : 1_000 + n], reference, device="cpu").value for n in (100, 1_000))
    chains = fcd(["C" * n + "O" for n in range(1, 101)], reference, device="cpu").value
    assert many < few < chains
