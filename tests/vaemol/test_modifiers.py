from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaemol import modifiers
from vaemol.modifiers import at_least, at_most, clipped, gaussian, geometric_mean, holds, isomers, similarity
from vaemol.molecule import parse
from vaemol.pmo import Target
from vaeseq.errors import InputError

COUNTS = (modifiers.ecfp4, modifiers.ecfp6, modifiers.fcfp4, modifiers.atom_pairs)


def test_modifiers_by_hand():
    assert [clipped(x, 0.8) for x in (0, 0.4, 0.8, 0.9)] == [0, 0.5, 1, 1]
    assert [gaussian(x, 2, 0.5) for x in (1, 2, 2.5)] == [exp(-2), 1, exp(-0.5)]
    assert [at_most(x, 4, 2) for x in (3, 4, 6, 8)] == [1, 1, exp(-0.5), exp(-2)]
    assert [at_least(x, 4, 2) for x in (0, 2, 4, 5)] == [exp(-2), exp(-0.5), 1, 1]
    assert geometric_mean(0.5, 0.5) == pytest.approx(0.5)
    assert geometric_mean(1, 0.25) == 0.5
    assert geometric_mean(0, 1, 1) == 0


@given(st.floats(-1e6, 1e6), st.floats(-100, 100), st.floats(0.01, 100))
def test_the_two_halves_make_the_gaussian(value, mean, deviation):
    halves = at_most(value, mean, deviation), at_least(value, mean, deviation)
    assert max(halves) == 1
    assert min(halves) == gaussian(value, mean, deviation)


@pytest.mark.parametrize("fingerprint", COUNTS)
def test_similarity_is_counted(fingerprint):
    for one, other in ((Target.CAMPHOR, Target.MENTHOL), (Target.CELECOXIB, "CC"), (Target.HOPPED, Target.ZALEPLON)):
        a, b = (_counts(fingerprint, smiles) for smiles in (one, other))
        shared, all_ = (sum(least(a.get(key, 0), b.get(key, 0)) for key in a | b) for least in (min, max))
        assert similarity(parse(one), other, fingerprint) == pytest.approx(shared / all_, abs=1e-12)
    assert similarity(parse("C" * 20), "C" * 30, fingerprint) < 1  # which would be 1 if nothing were counted


def test_what_fingerprints_see():
    assert set(_counts(modifiers.ecfp4, Target.HOPPED)) < set(_counts(modifiers.ecfp6, Target.HOPPED))
    assert similarity(parse("Clc1ccccc1"), "Brc1ccccc1", modifiers.fcfp4) == 1  # both are halogens
    assert similarity(parse("Clc1ccccc1"), "Brc1ccccc1") < 1
    assert similarity(parse("C[C@H](N)O"), "C[C@@H](N)O") == 1
    assert sum(_counts(modifiers.atom_pairs, "C" * 13).values()) == sum(13 - bonds for bonds in range(1, 11))


def _counts(fingerprint, smiles):
    return fingerprint(parse(smiles)).GetNonzeroElements()


@pytest.mark.parametrize(
    ("smiles", "formula", "expected"),
    [
        ("CCO", "C2H6O", 1),
        ("COC", "CH3CH2OH", 1),
        ("CCO", "C2H4O", exp(-(4 + 1) / 2) ** (1 / 4)),
        ("[2H]C", "CH4", 1),
        ("[NH4+]", "NH4", 1),
        ("C[N+](=O)[O-]", "CH3NO2", 1),
        ("CCl", "CH3Cl", 1),
        ("CCl", "CH3", exp(-(1 / 4) / 2) ** (1 / 3)),  # the chlorine is amiss in the number of all alone
        ("C", "CH4O0", 1),
        ("O", "CH2", exp(-(1 + 0 + 0) / 2) ** (1 / 3)),
    ],
)
def test_isomers_by_hand(smiles, formula, expected):
    assert isomers(parse(smiles), formula) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("formula", ["", "c2h6", "C2H6+", "(CH3)2", "C-1", "Xx", "C2 H6", "2H", "C²"])
def test_what_is_no_formula_is_named(formula):
    with pytest.raises(InputError, match="formula must be elements and their numbers, such as C7H8N2O2, got "):
        isomers(parse("C"), formula)


def test_a_pattern_is_there_or_not():
    assert [holds(parse(smiles), "[#6]-[OX2H]") for smiles in ("CCO", "COC", "O")] == [1, 0, 0]


@pytest.mark.parametrize("smarts", ["C1CC", "[", "[$(", " "])
def test_what_is_no_pattern_is_named(smarts, capfd):
    with pytest.raises(InputError, match="pattern must be one SMARTS, got "):
        holds(parse("C"), smarts)
    assert capfd.readouterr() == ("", "")


def test_a_target_that_is_no_molecule_is_named():
    with pytest.raises(InputError, match="target must be a molecule in SMILES, got 'C1CC'"):
        similarity(parse("C"), "C1CC")


def test_a_configuration_in_a_pattern_is_part_of_it():
    left, right, flat = (parse(f"C{centre}(N)C(=O)O") for centre in ("[C@H]", "[C@@H]", "C"))
    assert [holds(mol, "C[C@H](N)C(=O)O") for mol in (left, right, flat)] == [1, 0, 0]
    assert [holds(mol, "CC(N)C(=O)O") for mol in (left, right, flat)] == [1, 1, 1]
