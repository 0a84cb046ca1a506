import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaemol.builtin import builtin_molecules
from vaemol.molecule import MAX_CHARACTERS, Limits, canonical, parse
from vaemol.notation import randomised, to_smiles
from vaemol.properties import PROPERTIES
from vaemol.record import REASONS, molecule_record, molecule_text
from vaeseq.errors import Rejected

NOTATIONS = pytest.mark.parametrize("notation", ["smiles", "selfies"])


def record(smiles, *, notation="selfies", standardise=True, **limits):
    how = {"notation": notation, "standardise": standardise, "limits": Limits(**limits)}
    row = molecule_record(smiles, **how)
    assert molecule_text(smiles, **how) == (row["text"], row["changed"].split(",") if row["changed"] else [])
    return row


def record_or_reason(smiles, **settings):
    """The row, or None where the molecule is rejected for one of the stated reasons."""
    try:
        return record(smiles, **settings)
    except Rejected as rejected:
        if rejected.reason not in REASONS:
            raise
        return None


@NOTATIONS
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize(
    "smiles",
    [
        "C[C@H](N)C(=O)O",  # L-alanine
        "C[C@@H](N)C(=O)O",
        "C/C=C/C",
        "C/C=C\\C",
        "[2H]C([2H])([2H])O",
        "[13CH3]c1ccccc1",
        "O=[N+]([O-])c1ccccc1",
        "C[N+](C)(C)CCO",
        "[NH3+][C@@H](C)C(=O)[O-]",
        "C[N+](C)(C)CC(=O)[O-]",
        "[O-][n+]1ccccc1",
        "CN=[N+]=[N-]",
        "C[S@](=O)c1ccccc1",
        "C[P@](=O)(O)c1ccccc1",
        "O/N=C/C1CC1",
        "C[C@H]1CC[C@@H](O)CC1",
        "C/C=C/[C@H](O)[C@@H]1CC[C@H](C)C1",
        "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    ],
)
def test_stereo_charges_and_isotopes_survive(smiles, standardise, notation):
    row = record(smiles, notation=notation, standardise=standardise)
    assert row["smiles"] == canonical(parse(smiles))
    assert to_smiles(row["text"], notation) == row["smiles"]
    assert row["changed"] == ""


@NOTATIONS
def test_a_salt_keeps_both_parts_where_nothing_is_standardised(notation):
    row = record("[Na+].CC(=O)[O-]", notation=notation, standardise=False)
    assert row["smiles"] == "CC(=O)[O-].[Na+]"
    assert to_smiles(row["text"], notation) == row["smiles"]


def test_what_standardising_changed_is_listed():
    assert record("[Na+].CC(=O)[O-]")["changed"] == "fragment,charge"


def test_a_row_has_every_column_and_travels_between_processes():
    row = record("CC(=O)Oc1ccccc1C(=O)O", notation="smiles")
    assert list(row) == ["text", "smiles", "changed", "scaffold", *PROPERTIES]
    assert row["text"] == row["smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert row["scaffold"] == "c1ccccc1"
    assert pickle.loads(pickle.dumps(row)) == row
    assert pickle.loads(pickle.dumps(Limits())) == Limits()


@given(st.integers(0, 1_000))
def test_how_a_molecule_is_written_changes_nothing(seed):
    caffeine = "Cn1cnc2c1c(=O)n(C)c(=O)n2C"
    assert record(randomised(caffeine, seed)) == record(caffeine)


@NOTATIONS
def test_a_row_of_a_row_is_the_same_row(notation):
    molecules = [smiles for _, smiles in builtin_molecules()][::150]
    assert len(molecules) == 100
    for smiles in molecules:
        if row := record_or_reason(smiles, notation=notation):
            assert record(row["smiles"], notation=notation) == {**row, "changed": ""}


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("C" * 501, "too_long"),
        ("C" * 100_000, "too_long"),
        ("C1CC", "unparsable"),
        ("CCO ethanol", "unparsable"),
        ("c1ccccc1*", "wildcard"),
        ("[Na+].[Cl-]", "no_carbon"),
        ("C" * 101, "too_many_atoms"),
        ("C12C3=C4C5=C1[Fe]23456789C%10C6=C7C8=C9%10", "unstable"),  # ferrocene drawn with ten bonds to iron
        ("Fc1ccc([I]c2ccccc2)cc1", "unrepresentable"),
    ],
)
def test_each_fault_has_its_reason(smiles, reason):
    with pytest.raises(Rejected) as caught:
        record(smiles)
    assert caught.value.reason == reason
    assert reason in REASONS


def test_what_selfies_cannot_write_is_a_row_in_smiles():
    assert record("Fc1ccc([I]c2ccccc2)cc1", notation="smiles")["heavy_atoms"] == 14


def test_the_counterion_does_not_count_against_the_limit():
    assert record("CCN.OS(=O)(=O)O", max_heavy_atoms=3)["smiles"] == "CCN"
    with pytest.raises(Rejected, match="too_many_atoms"):
        record("CCN.OS(=O)(=O)O", max_heavy_atoms=3, standardise=False)


def test_a_canonical_form_longer_than_the_limit_is_too_long():
    given_smiles = "CC(=O)O[Ag]"
    long = record(given_smiles, notation="smiles", standardise=False)["smiles"]
    assert len(long) > len(given_smiles)
    with pytest.raises(Rejected, match="too_long"):
        record(given_smiles, standardise=False, max_characters=len(given_smiles))


@given(st.text(st.characters(exclude_categories=())), st.booleans(), st.sampled_from(["smiles", "selfies"]))
def test_any_text_is_a_row_or_has_a_reason(text, standardise, notation):
    record_or_reason(text, notation=notation, standardise=standardise, max_characters=MAX_CHARACTERS)


@given(st.text("CNOSPcno[]()=#123+-.@H/\\", max_size=25), st.booleans())
def test_any_smiles_like_text_is_a_finite_row_or_has_a_reason(text, standardise):
    row = record_or_reason(text, standardise=standardise)
    assert row is None or all(abs(row[name]) < 1e6 for name in PROPERTIES)
