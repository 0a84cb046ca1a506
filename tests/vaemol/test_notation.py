import re

import pytest
import selfies
from hypothesis import given
from hypothesis import strategies as st

from vaemol.molecule import canonical, parse
from vaemol.notation import SELFIES_PATTERN, SMILES_PATTERN, randomised, symbols, to_smiles, to_text
from vaeseq.errors import InputError, Rejected
from vaeseq.tokenizer import Tokenizer

ANY_TEXT = st.text(st.characters(exclude_categories=()))
BRACKETS = st.text("[]CBrl%(0123).", max_size=30)
NOTATIONS = pytest.mark.parametrize("notation", ["smiles", "selfies"])
MORPHINE = "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5"
MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    MORPHINE,
    "C/C=C/C=C\\Cl",
    "[2H]C([2H])([2H])Br",
    "C[N+](C)(C)CC(=O)[O-]",
    "O=[N+]([O-])c1cc[nH]c1",
    "C[S@](=O)c1ccccc1",
    "CC(=O)[O-].[Na+]",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
]


@NOTATIONS
@given(text=st.one_of(ANY_TEXT, BRACKETS))
def test_cutting_loses_nothing(notation, text):
    assert "".join(symbols(text, notation)) == text


def test_smiles_are_cut_into_atoms_bonds_and_ring_marks():
    assert symbols("C[C@@H](Cl)c1cc%12Br%(100)", "smiles") == [
        *("C", "[C@@H]", "(", "Cl", ")", "c", "1", "c", "c", "%12", "Br", "%(100)")
    ]


def test_selfies_are_cut_into_brackets_and_dots():
    assert symbols("[C][=Branch1].[Na+1]", "selfies") == ["[C]", "[=Branch1]", ".", "[Na+1]"]


@pytest.mark.parametrize(("notation", "pattern"), [("smiles", SMILES_PATTERN), ("selfies", SELFIES_PATTERN)])
@pytest.mark.parametrize("smiles", MOLECULES)
def test_the_tokenizer_cuts_alike(notation, pattern, smiles):
    text = to_text(smiles, notation)
    tokenizer = Tokenizer.of_symbols(symbols(text, notation), pattern)
    ids = tokenizer.encode(text)
    assert [tokenizer.symbol(i) for i in ids[1:-1]] == symbols(text, notation)
    assert tokenizer.decode(ids) == text


@NOTATIONS
@pytest.mark.parametrize("smiles", MOLECULES)
def test_text_gives_the_molecule_back(notation, smiles):
    smiles = canonical(parse(smiles))
    assert to_smiles(to_text(smiles, notation), notation) == smiles


@NOTATIONS
@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_random_order_of_atoms_is_the_same_molecule(notation, smiles):
    smiles = canonical(parse(smiles))
    texts = {to_text(randomised(smiles, seed), notation) for seed in range(20)}
    assert {to_smiles(text, notation) for text in texts} == {smiles}
    assert len(texts) > 1


@given(st.integers())
def test_a_seed_draws_one_order(seed):
    assert randomised(MORPHINE, seed) == randomised(MORPHINE, seed)


def test_no_molecule_has_no_random_order():
    with pytest.raises(Rejected, match="unparsable"):
        randomised("C(", 0)


@pytest.mark.parametrize("smiles", ["Fc1ccc([I]c2ccccc2)cc1", "C*", "C$C", "c1cccc1", "nonsense"])
def test_what_selfies_cannot_write_is_unrepresentable(smiles):
    with pytest.raises(Rejected, match="unrepresentable"):
        to_text(smiles, "selfies")


def test_a_molecule_that_selfies_gives_back_as_another_one_is_unrepresentable(monkeypatch):
    monkeypatch.setattr(selfies, "decoder", lambda text: "CCN")
    assert to_text("NCC", "selfies") == selfies.encoder("NCC")
    with pytest.raises(Rejected, match="unrepresentable"):
        to_text("CCO", "selfies")


@NOTATIONS
@given(text=st.one_of(ANY_TEXT, BRACKETS))
def test_any_text_is_a_molecule_or_nothing(notation, text):
    smiles = to_smiles(text, notation)
    assert smiles == "" or canonical(parse(smiles)) == smiles


@NOTATIONS
@pytest.mark.parametrize("text", ["<unk>", "C<unk>", "<unk>[C]", "[C]<unk>[O]", "[C]<unk>", "[", "[C", "[]", ""])
def test_an_unknown_symbol_never_goes_unseen(notation, text):
    assert to_smiles(text, notation) == ""


@pytest.mark.parametrize("text", ["[C]" * 1_100, "[C]" * 1_000_000])
def test_selfies_without_end_are_no_molecule(text):
    assert to_smiles(text, "selfies") == ""


def test_branches_within_branches_do_not_exhaust_the_stack():
    text = "[C][Branch1][Ring1]" * 500
    smiles = to_smiles(text, "selfies")
    assert smiles == "" or parse(smiles) is not None


ROBUST = sorted(selfies.get_semantic_robust_alphabet() - {"[=B+1]", "[=O+1]"})
SELDOM = ["[Si]", "[=Si]", "[#Se]", "[As]", "[Pt]", "[Cl+3]", "[I-1]", "[Zn+2]", "[=Sn]", "[SH1+1]", "[13C]", "[C@@H1]"]


@given(st.lists(st.sampled_from([*ROBUST, *SELDOM * 4]), min_size=1, max_size=30))
def test_every_selfies_is_a_molecule_that_rdkit_takes(pieces):
    text = "[C]" + "".join(pieces)
    assert to_smiles(text, "selfies") != ""


def test_decoding_under_the_valences_of_rdkit_leaves_no_trace():
    before = selfies.get_semantic_constraints()
    text = "[Si][=Branch1][C][=C][=Branch1][C][=C][=C]"  # six bonds at silicon: the library allows eight, rdkit four
    assert selfies.decoder(text) == "[Si](=C)(=C)=C"
    assert parse(selfies.decoder(text)) is None
    assert to_smiles(text, "selfies") != ""
    assert selfies.get_semantic_constraints() == before
    assert selfies.decoder(text) == "[Si](=C)(=C)=C"


def test_an_unknown_notation_is_named():
    with pytest.raises(InputError, match="notation must be one of smiles, selfies; got 'inchi'"):
        symbols("C", "inchi")


def test_the_patterns_hold_no_group_that_would_swallow_symbols():
    assert re.compile(SMILES_PATTERN).groups == re.compile(SELFIES_PATTERN).groups == 0


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("[C][C@H1][C]", "CCC"),
        ("[C][C@@][C]", "CCC"),
        ("[C][N+1][C]", "C[NH2+]C"),
        ("[C@H1]", "C"),
        ("[C][C@@H1][Branch1][C][N][O]", "C[C@@H](N)O"),
        ("[C][CH2]", "CC"),
        ("[C][NH1]", "CN"),
        ("[C][C][C][NH1][C][Ring1][C]", "CCCNC"),
        ("[C][N][Branch1][C][C][OH0]", "CN(C)[O]"),
    ],
)
def test_bonds_that_an_atom_of_its_own_hydrogens_lacks_are_hydrogens(text, smiles):
    assert to_smiles(text, "selfies") == smiles


def test_a_radical_that_could_not_come_back_is_refused():
    assert to_smiles(to_text("CN(C)[O]", "selfies"), "selfies") == "CN(C)[O]"
    for radical in ("C[N+]C", "[CH2]C", "C[NH]"):
        with pytest.raises(Rejected, match="unrepresentable"):
            to_text(radical, "selfies")
