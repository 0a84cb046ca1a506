from pathlib import Path

import pytest
from rdkit import RDConfig
from rdkit.Chem import QED, Crippen

from vaemol.builtin import builtin_molecules
from vaemol.molecule import parse
from vaemol.properties import PROPERTIES, log_p, properties, qed, sa_score, stereocentres

# The tables that rdkit ships with its scorer: values of the authors' own implementation.
SA_TABLE = Path(RDConfig.RDContribDir) / "SA_Score" / "data" / "zim.100.txt"


def sa_rows():
    return [line.split("\t") for line in SA_TABLE.read_text(encoding="utf-8").splitlines()[1:]]


def test_sa_scores_are_the_published_ones():
    rows = sa_rows()
    assert len(rows) == 100
    for smiles, _, score in rows:
        assert sa_score(parse(smiles)) == pytest.approx(float(score), abs=6e-4)


def test_easy_molecules_score_below_hard_ones():
    morphine = "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5"
    assert 1 <= sa_score(parse("c1ccccc1")) < sa_score(parse("CC(=O)Oc1ccccc1C(=O)O")) < sa_score(parse(morphine)) <= 10


# rdkit.Chem.QED: reference values from the first author's own implementation.
@pytest.mark.parametrize(
    ("smiles", "value"),
    [
        ("N=C(CCSCc1csc(N=C(N)N)n1)NS(N)(=O)=O", 0.253),
        ("CNC(=NCCSCc1nc[nH]c1C)NC#N", 0.234),
        ("CCCCCNC(=N)NN=Cc1c[nH]c2ccc(CO)cc12", 0.234),
    ],
)
def test_qed_is_the_published_one(smiles, value):
    assert qed(parse(smiles)) == pytest.approx(value, abs=1e-3)


def test_qed_and_log_p_are_those_of_rdkit():
    mols = [mol for _, smiles in list(builtin_molecules())[::200] if (mol := parse(smiles)) is not None]
    assert len(mols) > 70
    assert [qed(mol) for mol in mols] == [QED.qed(mol) for mol in mols]
    assert [log_p(mol) for mol in mols] == [Crippen.MolLogP(mol) for mol in mols]


def test_log_p_adds_the_published_atoms():
    # Wildman & Crippen, 1999, table 1: aromatic CH 0.1581 (C18) with its hydrogen 0.1230 (H1).
    assert log_p(parse("c1ccccc1")) == pytest.approx(6 * (0.1581 + 0.1230), abs=1e-9)


def test_paracetamol_has_its_known_properties():
    values = properties(parse("CC(=O)Nc1ccc(O)cc1"))
    assert list(values) == list(PROPERTIES)
    assert values["molecular_weight"] == pytest.approx(151.165, abs=1e-3)  # C8H9NO2
    assert values["tpsa"] == pytest.approx(12.03 + 17.07 + 20.23)  # NH, =O and OH of Ertl et al., 2000, table 3
    counts = {"rings": 1, "aromatic_rings": 1, "heavy_atoms": 11, "rotatable_bonds": 1, "formal_charge": 0}
    assert {name: values[name] for name in counts} == counts
    assert (values["h_bond_donors"], values["h_bond_acceptors"], values["stereocentres"]) == (2, 2, 0)


@pytest.mark.parametrize(
    ("smiles", "count"), [("C[C@H](N)C(=O)O", 1), ("CC(N)C(=O)O", 0), ("C/C=C/C", 0), ("C[C@H]1CC[C@@H](O)CC1", 2)]
)
def test_only_stated_configurations_count(smiles, count):
    assert stereocentres(parse(smiles)) == count


def test_charges_add_up():
    assert properties(parse("[NH3+]CC(=O)[O-]"))["formal_charge"] == 0
    assert properties(parse("C[N+](C)(C)C"))["formal_charge"] == 1


@pytest.mark.parametrize("smiles", ["[H][H]", "[2H]", "C", "[Fe]", "*", "[Na+].[Cl-]", "C" * 300])
def test_every_molecule_has_every_property(smiles):
    assert all(value == value and abs(value) < 1e6 for value in properties(parse(smiles)).values())
