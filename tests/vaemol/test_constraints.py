from functools import partial

import numpy as np
import pytest
from rdkit.Chem import MolToSmiles

from vaemol.constraints import all_of, constraint
from vaemol.molecule import parse, shared
from vaemol.oracles import oracle_of
from vaemol.surrogate import features
from vaeseq.errors import InputError

ASPIRIN, ETHANOL = "CC(=O)Oc1ccccc1C(=O)O", "CCO"
# Rhodanines are the first family of PAINS; an aldehyde is in the list of Brenk et al.
RHODANINE, ALDEHYDE = "O=C1NC(=S)SC1=Cc1ccccc1", "O=CCCC"
MOLECULES = [ASPIRIN, ETHANOL, RHODANINE, ALDEHYDE, "", "no molecule"]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("smarts:c1ccccc1", [True, False, True, False]),
        ("smarts:[CX3H1]=O", [False, False, False, True]),
        ("scaffold:Cc1ccccc1", [True, False, True, False]),
        ("heavy_atoms<=5", [False, True, False, True]),
        ("heavy_atoms >= 5", [True, False, True, True]),
        (f"similarity:{ASPIRIN}>=1", [True, False, False, False]),
        ("alerts:pains", [True, True, False, True]),
        ("alerts:brenk", [False, True, False, False]),
    ],
)
def test_what_holds_by_hand(text, held):
    assert constraint(text)(MOLECULES).tolist() == [*held, False, False]


def test_all_of_is_each_of_them():
    texts = ["smarts:c1ccccc1", "alerts:pains"]
    assert all_of(texts)(MOLECULES).tolist() == [True, *[False] * 5]
    assert all_of([])(MOLECULES).tolist() == [True] * 4 + [False] * 2
    assert all_of(texts)([]).shape == (0,)


def test_what_is_shared_is_left_as_it_was():
    texts = ["alerts:pains", "alerts:brenk", "scaffold:Cc1ccccc1", "smarts:c1ccccc1", "qed<=1", "sa_score<=9"]
    all_of(texts)(MOLECULES)
    features(MOLECULES[:4])
    assert shared(ASPIRIN) is shared(ASPIRIN)
    assert [MolToSmiles(shared(text)) for text in MOLECULES[:4]] == [MolToSmiles(parse(t)) for t in MOLECULES[:4]]
    assert shared("no molecule") is None


def test_what_is_dear_is_asked_last_and_only_of_what_holds_the_rest():
    asked = []

    def named(name):
        return lambda smiles: (asked.append((name, *smiles)), np.zeros(len(smiles)))[1]

    texts = ["command:dock<=1", "alerts:pains", "qed<=1", "alerts:brenk"]
    assert all_of(texts, named=named)(MOLECULES).tolist() == [False, True, *[False] * 4]
    assert asked == [("qed", *MOLECULES[:4]), ("command:dock", ETHANOL)]


def test_filters_of_a_folder(tmp_path):
    (tmp_path / "patterns.txt").write_text("[#8]C=O\n")
    assert constraint(f"filters:{tmp_path}")([ASPIRIN, ETHANOL]).tolist() == [False, True]


def test_a_value_that_is_not_there_holds_nothing():
    large = "C" * 50
    held = [constraint(f"penalised_log_p{side}0")([large]) for side in (">=", "<=")]
    assert not np.any(held)
    named = partial(oracle_of, max_heavy_atoms=50)
    assert all_of(["penalised_log_p>=0"], named=named)([large]).all()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["qed>=0.5", "qed<=0.4"], "exclude each other, got 'qed>=0.5' and 'qed<=0.4'"),
        (["qed<=0.4", "log_p<=1", "qed>=0.5"], "exclude each other"),
        (["qed>=1.01"], "that a molecule can hold, 0 to 1, got 'qed>=1.01'"),
        (["log_p<=1", "sa_score<=0.9"], "1 to 10, got 'sa_score<=0.9'"),
        ([f"similarity:{ASPIRIN}<=-.1"], "0 to 1"),
        (["zaleplon_mpo>=2"], "0 to 1"),
        (["qed>=much"], "end in a number"),
        (["qed>=nan"], "end in a number"),
        (["round"], "constraint must be"),
        (["smarts:(("], "pattern must be one SMARTS, got"),
        (["smarts:"], "constraint must be"),
        (["scaffold:CCO"], "scaffold must be"),
        (["scaffold:x"], "scaffold must be"),
        (["alerts:none"], "constraint must be"),
        (["weightiness>=1"], "objective must be"),
        (["filters:nowhere"], r"patterns\.txt"),
    ],
)
def test_what_is_no_constraint_is_said(texts, message):
    with pytest.raises(InputError, match=message):
        all_of(texts)


def test_windows_that_touch_leave_room():
    assert all_of(["rings>=1", "rings<=1"])([ASPIRIN, ETHANOL]).tolist() == [True, False]
    assert all_of(["qed>=0", "qed<=1", "sa_score>=1", "log_p>=-99"])([ASPIRIN]).all()
