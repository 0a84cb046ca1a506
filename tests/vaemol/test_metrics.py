import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.DataStructs import TanimotoSimilarity

from vaemol import metrics
from vaemol.metrics import (
    Fraction,
    cosine,
    internal_diversity,
    nearest_similarity,
    novelty,
    same_scaffold,
    uniqueness,
    validity,
)
from vaemol.molecule import packed_fingerprint, parse

# Ethanol twice, in two spellings; one text that is no molecule, one that is empty.
SAMPLES = ["CCO", "OCC", "c1ccccc1", "C1CC", "", "CCN"]
TRAINING = {"CCO", "CCCC"}
MOSES = GetMorganGenerator(radius=2, fpSize=1024)


def test_the_table_by_hand():
    assert validity(SAMPLES) == Fraction(4 / 6, 6)
    assert uniqueness(SAMPLES, at=1_000) == Fraction(3 / 4, 4)
    assert uniqueness(SAMPLES, at=2) == Fraction(1 / 2, 2)  # the first two valid ones are both ethanol
    assert novelty(SAMPLES, TRAINING) == Fraction(2 / 3, 3)


def test_uniqueness_counts_the_first_valid_ones_not_the_first():
    assert uniqueness(["", "", "C", "CC", "CC"], at=2) == Fraction(1.0, 2)


def test_internal_diversity_by_hand():
    # Methane and ethane share no bit, ethane and propane 1 of 5 (see test_molecule): rows of similarity
    # (1, 0, 0), (0, 1, 1/5), (0, 1/5, 1).
    smiles = ["C", "CC", "C1C", "CCC"]
    assert internal_diversity(smiles, p=1) == pytest.approx((1 - (1 + 1.2 + 1.2) / 9, 3))
    roots = math.sqrt(1 / 3) + 2 * math.sqrt((1 + 0.04) / 3)
    assert internal_diversity(smiles, p=2) == pytest.approx((1 - roots / 3, 3))


def test_scaffolds_are_compared_place_by_place():
    # Toluene and phenol are benzene within; an acyclic one has the empty scaffold, one that is no molecule has none.
    smiles = ["Cc1ccccc1", "C1CCCCC1", "CCO", "", "C1CC"]
    assert same_scaffold(smiles, ["Oc1ccccc1", "Oc1ccccc1", "CC", "CC", "C1CC"]) == Fraction(2 / 5, 5)
    assert same_scaffold([], []) == Fraction(0.0, 0)


@pytest.mark.parametrize("p", [1, 2])
def test_internal_diversity_is_that_of_pair_by_pair(p, monkeypatch):
    smiles = ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "OCC", "Cc1ccccc1"]
    prints = [MOSES.GetFingerprint(parse(text)) for text in smiles]
    rows = [sum(TanimotoSimilarity(a, b) ** p for b in prints) / len(prints) for a in prints]
    slow = 1 - sum(row ** (1 / p) for row in rows) / len(rows)
    monkeypatch.setattr(metrics, "_BLOCK", 4)  # two blocks, the last one short
    assert internal_diversity(smiles, p=p) == pytest.approx((slow, 6), abs=1e-6)


def test_similarity_to_the_nearest_is_that_of_pair_by_pair(monkeypatch):
    smiles = ["CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "OCC"]
    real = ["CCCO", "Cc1ccccc1", "CC(N)C(=O)O", "OC(=O)c1ccccc1O", "CC"]
    prints, others = ([MOSES.GetFingerprint(parse(text)) for text in some] for some in (smiles, real))
    slow = sum(max(TanimotoSimilarity(a, b) for b in others) for a in prints) / len(prints)
    packed = [
        np.stack([np.frombuffer(packed_fingerprint(parse(s)), np.uint8) for s in some]) for some in (smiles, real)
    ]
    monkeypatch.setattr(metrics, "_BLOCK", 2)  # of both, the last block short
    assert nearest_similarity(*packed) == pytest.approx((slow, 5), abs=1e-6)
    assert nearest_similarity(packed[0], packed[0]) == pytest.approx((1, 5))
    assert nearest_similarity(packed[0][:0], packed[1]) == Fraction(0.0, 0)


def test_cosine_by_hand():
    assert cosine({"a": 3, "b": 4}, {"a": 1, "c": 1}) == pytest.approx(3 / 5 / math.sqrt(2))
    assert cosine({"a": 1}, {"a": 7}) == pytest.approx(1)
    assert cosine({"a": 1}, {"b": 1}) == cosine({}, {"a": 1}) == cosine({}, {}) == 0


def test_one_molecule_over_and_over_has_no_diversity():
    assert internal_diversity(["CCO"] * 5) == pytest.approx((0.0, 5))
    assert uniqueness(["CCO"] * 5, at=1_000) == Fraction(1 / 5, 5)


@pytest.mark.parametrize("samples", [[], ["", "C1CC"]])
def test_of_nothing_there_is_no_share(samples):
    assert validity(samples) == Fraction(0.0, len(samples))
    assert uniqueness(samples, at=10) == novelty(samples, set()) == internal_diversity(samples) == Fraction(0.0, 0)


@given(st.permutations(SAMPLES))
def test_order_changes_nothing(samples):
    assert validity(samples) == validity(SAMPLES)
    assert uniqueness(samples, at=1_000) == uniqueness(SAMPLES, at=1_000)
    assert novelty(samples, TRAINING) == novelty(SAMPLES, TRAINING)
    assert internal_diversity(samples) == pytest.approx(internal_diversity(SAMPLES), abs=1e-6)


@given(st.lists(st.sampled_from(SAMPLES)))
def test_every_metric_is_a_fraction(samples):
    for value, of in (validity(samples), uniqueness(samples, at=3), novelty(samples, TRAINING)):
        assert 0 <= value <= 1
        assert value * of == pytest.approx(round(value * of))
    assert 0 <= internal_diversity(samples).value <= 1
