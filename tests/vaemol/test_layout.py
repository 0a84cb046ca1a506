import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from vaemol.layout import HEIGHT, WIDTH, laid_out, sdf
from vaemol.molecule import canonical, parse
from vaeseq.errors import InputError

MORPHINE = "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5"
STEREO = [MORPHINE, "C[C@H](N)C(=O)O", "C/C=C\\C", "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O"]


def places(mol):
    return mol.GetConformer().GetPositions()[:, :2]


def records(text):
    supplier = Chem.ForwardSDMolSupplier(io.BytesIO(text.encode()))
    return list(supplier)


def test_positions_are_kept_where_there_is_no_molecule():
    mols = laid_out(["CCO", "", "C1CC", "c1ccccc1"], alike=True)
    assert [mol is None for mol in mols] == [False, True, True, False]


def test_a_molecule_lies_like_the_one_before():
    first, second = laid_out(["COc1ccnc(C(=O)O)c1", "OC(=O)c1cc(OC)ccn1"], alike=True)
    match = second.GetSubstructMatch(first)
    a, b = places(first), places(second)[list(match)]
    np.testing.assert_allclose(a - a.mean(axis=0), b - b.mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("smiles", STEREO)
def test_turning_and_mirroring_keeps_distances_and_stereo(smiles):
    alone = laid_out([smiles], alike=False)[0]
    for before in ("c1ccc2c(c1)OCC2", "CC(C)C(=O)O", "CC1CCCCO1"):
        turned = laid_out([before, smiles], alike=True)[1]
        np.testing.assert_allclose(*(np.linalg.norm(p[:, None] - p, axis=2) for p in (places(alone), places(turned))))
        assert canonical(Chem.MolFromMolBlock(Chem.MolToMolBlock(turned))) == canonical(parse(smiles))


@pytest.mark.parametrize("smiles", ["O=C(O)c1ccc(OCCCCCCCCCCC)cc1", "CCCCCCCCCCCCCCCCCCCC(=O)O", MORPHINE])
def test_lying_alike_makes_no_molecule_much_smaller(smiles):
    def fit(mol):
        return min(np.array([WIDTH, HEIGHT]) / (np.ptp(places(mol), axis=0) + 1.0))

    flat = laid_out([smiles], alike=False)[0]
    for before in ("CC(C)(C)c1ccccc1", "c1ccc(Cc2ccccc2)cc1", "CCC(CC)CCC"):
        assert fit(laid_out([before, smiles], alike=True)[1]) >= 0.74 * fit(flat)


@pytest.mark.parametrize("smiles", [*STEREO, "[2H]C([2H])([2H])O", "C[N+](C)(C)CC(=O)[O-]", "[13CH3]c1ccccc1"])
def test_an_sd_file_gives_the_molecule_back(smiles):
    (mol,) = records(sdf([smiles], {}))
    assert canonical(mol) == canonical(parse(smiles))
    assert np.ptp(places(mol)) > 1


def test_an_sd_file_carries_columns_and_rows_that_are_no_molecule():
    columns = {"name": ["a", "b"], "qed": [0.5, None], "two words": ["x\n\n> <fake>\ny", "$$$$"]}
    first, second = records(sdf(["CCO", ""], columns))
    assert first.GetPropsAsDict() == {"name": "a", "qed": 0.5, "two words": "x > <fake> y"}
    assert (first.GetProp("_Name"), second.GetProp("_Name")) == ("a", "b")
    assert second.GetNumAtoms() == 0
    assert second.GetProp("two words") == "$$ $$"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=3), st.text(min_size=1))
def test_no_value_breaks_an_sd_file(values, name):
    text = sdf(["C"] * len(values), {name: values})
    assert [mol.GetNumAtoms() for mol in records(text)] == [1] * len(values)


def test_a_short_column_is_named():
    with pytest.raises(InputError, match="column 'qed' must have 2 values, one a molecule; got 1"):
        sdf(["C", "CC"], {"qed": [1.0]})
