import math

import numpy as np
import pytest

from vaemol.builtin import builtin_molecules
from vaemol.guacamol import continuous_kl, discrete_kl, fcd_score, kl_score, sketch
from vaeseq.errors import InputError

SMILES = ["CCO", "OCC", "c1ccccc1O", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "nonsense", "CCCCCC", "O=C1CCCCN1"]
DISTINCT = 5


@pytest.fixture(scope="module")
def some():
    return sketch([smiles for _, smiles in builtin_molecules()][:300], device="cpu")


def test_molecules_are_distinct_and_flat():
    found = sketch(SMILES, workers=1, device="cpu")
    assert found.descriptors.shape == (DISTINCT, 10)
    assert found.chemnet.of == DISTINCT
    # logP, weight and surface of ethanol; one acceptor, one donor, no bond that turns, no ring.
    assert found.descriptors[0, 1:9] == pytest.approx([-0.0014, 46.069, 20.23, 1, 1, 0, 0, 0], abs=1e-3)
    assert found.descriptors[1, 7:9].tolist() == [0, 1]
    assert found.descriptors[4, 7:9].tolist() == [1, 0]
    assert (found.descriptors[:, 9] < 1).all()  # nearest among the others, not itself


def test_the_training_set_itself_has_the_best_scores(some):
    assert kl_score(some, some) == pytest.approx(1)
    assert fcd_score(some, some) == pytest.approx(1)


def test_other_molecules_have_lower_ones(some):
    chains = sketch(["C" * n + end for n in range(1, 40) for end in "ONF"], device="cpu")
    assert 0 < kl_score(chains, some) < 0.6
    assert 0 <= fcd_score(chains, some) < 0.1


def test_one_value_alone_has_no_density():
    assert continuous_kl(np.zeros(5), np.arange(5.0)) == math.inf
    assert continuous_kl(np.arange(5.0), np.ones(5)) == math.inf


def test_counts_by_hand():
    kl = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert discrete_kl(np.array([0, 0, 1, 1.0]), np.array([0, 1, 1, 1.0])) == pytest.approx(kl, abs=1e-6)
    assert discrete_kl(np.array([0, 0, 1, 1.0]), np.array([0, 1, 1, 1, 7, 8.0])) == pytest.approx(kl, abs=1e-6)


def test_no_sample_within_the_range_is_infinitely_far_away():
    assert discrete_kl(np.array([0, 1.0]), np.array([7.0])) == math.inf


def test_gaussians_have_the_divergence_of_the_formula():
    random = np.random.default_rng(0)
    a, b = random.normal(0, 1, 20_000), random.normal(1, 1, 20_000)
    assert continuous_kl(a, b) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("smiles", [[], ["CCO", "OCC", "nonsense"]])
def test_fewer_than_two_molecules_are_refused(smiles):
    with pytest.raises(InputError, match="at least 2 distinct molecules"):
        sketch(smiles, workers=1)
