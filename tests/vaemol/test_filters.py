from pathlib import Path

import pytest
from rdkit import Chem, RDConfig

from vaemol.builtin import builtin_molecules
from vaemol.filters import passes, patterns_of
from vaemol.molecule import parse
from vaeseq.errors import InputError

PAINS = Path(RDConfig.RDDataDir, "Pains", "wehi_pains.csv")


@pytest.mark.parametrize(
    ("smiles", "passed"),
    [
        ("CCO", True),
        ("C1CCCCCC1", True),
        ("C1CCCCCCC1", False),  # a ring of eight
        ("C[Si](C)(C)C", False),
        ("CCI", False),
        ("C[N+](C)(C)C", False),
        ("C[N+](=O)[O-]", False),  # no charge in all, but on two atoms
        ("FC(Cl)(Br)S", True),
    ],
)
def test_what_passes_without_a_pattern(smiles, passed):
    assert passes(parse(smiles), ()) is passed


def test_patterns_see_hydrogens_as_atoms():
    alcohol = ("[#6]-[#8]-[#1]",)
    assert not passes(parse("CCO"), alcohol)
    assert passes(parse("COC"), alcohol)
    assert parse("CCO").GetNumAtoms() == 3  # the molecule itself is as it was


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"patterns must be SMARTS, got 'C\('"):
        passes(parse("CCO"), ("C", "C("))


def test_patterns_come_from_a_table(tmp_path):
    path = tmp_path / "patterns.csv"
    path.write_text("names,smarts\nA,[#6]\n\nB, [#7] \n")
    assert list(patterns_of(path, "smarts")) == ["[#6]", "[#7]"]
    assert list(patterns_of(path)) == ["names", "A", "B"]
    with pytest.raises(InputError, match=r"must have a column 'smiles', got \['names', 'smarts'\]"):
        list(patterns_of(path, "smiles"))


def _slow(mol, patterns):
    return not any(Chem.AddHs(mol).HasSubstructMatch(Chem.MolFromSmarts(smarts)) for smarts in patterns)


@pytest.mark.parametrize("count", [40, pytest.param(3_000, marks=pytest.mark.slow)])
def test_the_screen_changes_nothing(count):
    patterns = tuple(patterns_of(PAINS))
    assert len(patterns) == 480
    mols = [parse(smiles) for _, smiles in builtin_molecules()][:: 14_000 // count]
    organic = [mol for mol in mols if mol and passes(mol, ())]
    found = [passes(mol, patterns) for mol in organic]
    assert found == [_slow(mol, patterns) for mol in organic]
    assert {True, False} == set(found)
