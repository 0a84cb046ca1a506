from itertools import islice

import pytest
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from vaemol.builtin import builtin_molecules
from vaemol.modifiers import similarity
from vaemol.molecule import parse
from vaemol.pharmacophore import pharmacophore
from vaemol.pmo import Target


def test_fingerprints_are_those_of_rdkit():
    some = [smiles for _, smiles in islice(builtin_molecules(), 0, None, 300)]
    mols = [mol for smiles in [*Target, "C", "OCCN.OCCN", "NCC(=O)" * 9 + "O", *some] if (mol := parse(smiles))]
    assert len(mols) > 60
    for mol in mols:
        assert pharmacophore(mol) == Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)


@pytest.mark.parametrize(("smiles", "alike"), [("OCCCCN", 0), ("CCCN", 0), ("NCCO", 1)])
def test_what_it_sees(smiles, alike):
    assert similarity(parse("OCCN"), smiles, pharmacophore) == alike
