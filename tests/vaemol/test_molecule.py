import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from vaemol.molecule import MAX_CHARACTERS, Limits, canonical, parse, scaffold, settled, standardise, tanimoto
from vaeseq.errors import InputError, Rejected

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
ANY_CHARACTER = st.characters(exclude_categories=())  # lone surrogates too
SMILES_LIKE = st.text("CNOSPFIclBrnosHhe[]()=#$:/\\@+-.%0123456789*~<> ", max_size=60)


def standard(smiles):
    mol, changed = standardise(parse(smiles))
    return canonical(mol), changed


@given(st.one_of(st.text(ANY_CHARACTER), SMILES_LIKE))
def test_parsing_never_raises_and_what_it_reads_has_atoms(text):
    mol = parse(text)
    assert mol is None or mol.GetNumAtoms() > 0


@given(SMILES_LIKE)
def test_a_canonical_smiles_is_a_fixed_point(text):
    mol = parse(text)
    if mol is not None:
        with contextlib.suppress(Rejected):
            smiles = canonical(mol)
            assert canonical(parse(smiles)) == smiles


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        ".",
        "C1CC",
        "c1cccc1",
        "CC(C)(C)(C)C",
        "C\x00C",
        "C C",
        "CCO ethanol",
        "CCO |$;;R1$|",
        "\ud800",
        "\U0001f600",
        "С",  # noqa: RUF001 - a Cyrillic letter that looks like carbon
        "<unk>",
        "C>>O",
        "[999999999999999999999C]",
    ],
)
def test_what_is_no_smiles_gives_none(text):
    assert parse(text) is None


def test_space_around_a_smiles_is_ignored():
    assert canonical(parse(" OCC\r\n")) == "CCO"


def test_a_text_above_the_cap_is_not_read_and_one_at_the_cap_is():
    assert parse("C" * MAX_CHARACTERS).GetNumAtoms() == MAX_CHARACTERS
    assert parse("C" * (MAX_CHARACTERS + 1)) is None
    assert parse("C" * 10_000_000) is None


def test_parsing_is_silent_and_leaves_the_log_of_rdkit_on(capfd):
    parse("C1CC")
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles("C1CC")
    assert "unclosed ring" in capfd.readouterr().err


def test_settling_gives_the_molecule_of_the_text():
    smiles, mol = settled(parse("OC(=O)c1ccccc1OC(C)=O"))
    assert smiles == ASPIRIN
    assert Chem.MolToSmiles(mol) == ASPIRIN


def test_a_molecule_without_a_readable_smiles_is_unstable():
    mol = Chem.MolFromSmiles("c1cccc1", sanitize=False)
    with pytest.raises(Rejected, match="unstable"):
        canonical(mol)


def test_a_canonical_smiles_above_the_cap_is_too_long():
    with pytest.raises(Rejected, match="too_long"):
        canonical(Chem.MolFromSmiles("C" * (MAX_CHARACTERS + 1)))


@pytest.mark.parametrize(
    ("given_smiles", "parent", "changed"),
    [
        (ASPIRIN, ASPIRIN, []),
        ("CC(=O)[O-].[Na+]", "CC(=O)O", ["fragment", "charge"]),
        ("CCN.Cl", "CCN", ["fragment"]),
        ("CC[NH3+].[Cl-]", "CCN", ["fragment", "charge"]),
        ("CC(=O)O[Na]", "CC(=O)O", ["metal", "fragment", "charge"]),
        ("O.CCO", "CCO", ["fragment"]),
        ("[CH3:1][OH:2]", "CO", ["atom_map"]),
        ("[NH3+]CC(=O)[O-]", "[NH3+]CC(=O)[O-]", []),
        ("C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]", []),
        ("C[N+](C)(C)C.[Br-]", "C[N+](C)(C)C", ["fragment"]),
        ("C[n+]1ccccc1", "C[n+]1ccccc1", []),
        ("c1cc[nH+]cc1", "c1ccncc1", ["charge"]),
        ("CN(=O)=O", "C[N+](=O)[O-]", []),
        ("C[C@H]([NH3+])C(=O)O.[Cl-]", "C[C@H](N)C(=O)O", ["fragment", "charge"]),
        ("[2H]C([2H])([2H])C(=O)[O-]", "[2H]C([2H])([2H])C(=O)O", ["charge"]),
        ("C/C=C\\C(=O)[O-]", "C/C=C\\C(=O)O", ["charge"]),
    ],
)
def test_standardising_keeps_the_neutral_organic_parent_and_says_what_changed(given_smiles, parent, changed):
    assert standard(given_smiles) == (parent, changed)


def test_standardising_leaves_its_argument_alone():
    mol = parse("[CH3:1][O-].[Na+]")
    standardise(mol)
    assert Chem.MolToSmiles(mol) == Chem.MolToSmiles(parse("[CH3:1][O-].[Na+]"))


@pytest.mark.parametrize("smiles", ["O", "[Na+].[Cl-]", "N.OP(=O)(O)O"])
def test_without_carbon_there_is_no_parent(smiles):
    with pytest.raises(Rejected, match="no_carbon"):
        standardise(parse(smiles))


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCCC", ""),
        (ASPIRIN, "c1ccccc1"),
        ("CC(=O)c1ccc(CC2CCCC2)cc1", "c1ccc(CC2CCCC2)cc1"),
        ("O=C1CCCCC1C", "O=C1CCCCC1"),
        ("C[C@H]1CC[C@@H](O)CC1", "C1CCCCC1"),
    ],
)
def test_scaffolds_are_rings_and_their_links(smiles, expected):
    assert scaffold(parse(smiles)) == expected


def test_similarity_is_one_with_itself_symmetric_and_blind_to_stereo():
    assert tanimoto(ASPIRIN, "OC(=O)c1ccccc1OC(C)=O") == 1.0
    assert tanimoto("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O") == 1.0
    assert 0 < tanimoto(ASPIRIN, "c1ccccc1") == tanimoto("c1ccccc1", ASPIRIN) < 1


def test_similarity_counts_shared_environments():
    # Methane has the bit of CH4, ethane that of CH3 and one of the pair: nothing shared. Propane has CH3, CH2 and one
    # more at radius 1 for either; only CH3 is ethane's too: 1 of 2 + 4 - 1.
    assert tanimoto("C", "CC") == 0.0
    assert tanimoto("CC", "CCC") == pytest.approx(1 / 5)


def test_similarity_to_what_is_no_molecule_is_nan():
    assert math.isnan(tanimoto("", "C"))
    assert math.isnan(tanimoto("C", "C("))


@pytest.mark.parametrize(
    "limits", [{"max_characters": 0}, {"max_characters": MAX_CHARACTERS + 1}, {"max_heavy_atoms": 0}]
)
def test_limits_out_of_range_name_themselves(limits):
    with pytest.raises(InputError, match=rf"{next(iter(limits))} must be .* got {next(iter(limits.values()))}"):
        Limits(**limits)
