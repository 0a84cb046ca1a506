from collections import Counter

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from vaemol.builtin import builtin_molecules
from vaemol.genetics import _kekulized, crossed, mutated
from vaemol.molecule import canonical, parse

SOME = [canonical(mol) for _, text in builtin_molecules() if (mol := parse(text)) and "." not in text][::300]


def _one(rng):
    return SOME[rng.integers(len(SOME))]


@pytest.mark.parametrize("make", [lambda rng: mutated(_one(rng), rng), lambda rng: crossed(_one(rng), _one(rng), rng)])
def test_what_is_new_is_a_molecule_in_one_piece(make):
    rng = np.random.default_rng(0)
    found = [text for _ in range(300) if (text := make(rng))]
    assert len(found) > 200
    assert all(text == canonical(parse(text)) and "." not in text for text in found)


def test_a_mutation_is_small():
    rng = np.random.default_rng(1)
    pairs = [(smiles, new) for smiles in SOME if (new := mutated(smiles, rng))]
    assert len(pairs) > len(SOME) / 2
    assert all(new != old and abs(_atoms(new) - _atoms(old)) <= 1 for old, new in pairs)


def _atoms(smiles):
    return parse(smiles).GetNumHeavyAtoms()


@pytest.mark.parametrize(
    "smiles", ["C[C@H](O)c1ccccc1", "C[NH2+]CCc1ccccc1", "C[n+]1cc[nH]c1", "[O-][n+]1ccccc1", "C[S@](=O)C"]
)
def test_a_parent_with_brackets_keeps_its_electrons(smiles):
    parent, flat = _kekulized(smiles), parse(smiles)
    Chem.SanitizeMol(parent)
    Chem.RemoveStereochemistry(flat)
    assert canonical(parent) == canonical(flat)
    rng = np.random.default_rng(0)
    children = [text for _ in range(300) if (text := mutated(smiles, rng))]
    assert len(children) > 200
    assert not any(Descriptors.NumRadicalElectrons(parse(text)) for text in children)


def test_a_former_stereocentre_may_have_another_neighbour():
    rng = np.random.default_rng(0)
    assert "CC(C)(O)c1ccccc1" in {mutated("C[C@H](O)c1ccccc1", rng) for _ in range(300)}


def test_every_change_comes():
    rng = np.random.default_rng(2)
    found = Counter(mutated("C1CCCCC1CO", rng) for _ in range(400))
    assert {"C1CCCCC1", "CC1CCCCC1", "CCCCCCCO", "OCCC1CCCCC1", "C1CCC2(CC1)CO2"} & set(found)
    wanted = {"CC1CCCCC1", "OCCC1CCCCC1", "O=CC1CCCCC1", "NCC1CCCCC1", "OCC1CCCC1", "CCCCC(C)CO"}
    assert wanted <= set(found)


def test_a_child_has_a_part_of_each():
    rng = np.random.default_rng(3)
    children = {crossed("FCCCCC", "BrCCCCC", rng) for _ in range(100)}
    assert any("F" in text and "Br" in text for text in children if text)
    assert all(text == canonical(parse(text)) for text in children if text)


def test_molecules_that_cannot_be_cut_have_no_children():
    assert crossed("c1ccccc1", "CCO", np.random.default_rng(0)) is None
    assert crossed("C", "CCO", np.random.default_rng(0)) is None


def test_equal_seeds_give_equal_molecules():
    for make in (lambda rng: mutated("CCOc1ccccc1", rng), lambda rng: crossed("CCOc1ccccc1", "CCN", rng)):
        assert make(np.random.default_rng(4)) == make(np.random.default_rng(4))


def test_no_child_is_an_ion_that_no_parent_is():
    rng = np.random.default_rng(5)
    nitro, ester = "O=[N+]([O-])c1ccc(CCNC)cc1", "CCOC(=O)CCC"
    children = [crossed(nitro, ester, rng) for _ in range(200)] + [mutated(nitro, rng) for _ in range(200)]
    found = [parse(text) for text in children if text]
    assert len(found) > 300
    assert all(Chem.GetFormalCharge(mol) == 0 for mol in found)
    assert any("[N+]" in text for text in children if text)
    assert any(Chem.GetFormalCharge(parse(text)) for _ in range(50) if (text := mutated("CC(=O)[O-]", rng)))


def test_another_element_has_no_isotope():
    rng = np.random.default_rng(6)
    children = [text for _ in range(300) if (text := mutated("[2H]C([2H])([2H])Oc1ccccc1", rng))]
    assert {atom.GetAtomicNum() for text in children for atom in parse(text).GetAtoms() if atom.GetIsotope()} == {1}
