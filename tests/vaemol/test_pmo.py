"""The tasks of PMO: against TDC's own functions, by hand, and by laws."""

import pickle
from math import exp, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaemol.molecule import parse
from vaemol.notation import randomised
from vaemol.oracles import oracle_of
from vaemol.pmo import TASKS, Target
from vaemol.properties import qed

MOLECULES = (
    "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(C)(=O)=O)cc2)cc1",
    "CC(=O)NP(=O)(NC)c1cc(F)c(F)cc1Cl",
    "Nc1ccc(N)c(C(=O)O)c1",
    "CCN(C(C)=O)c1cccc(-c2ccnc3c(C=CF)cnn23)c1",
    "Nc1cc2c3c4c1c1cc3c(cc1O)NC2N(C=O)C4",
    "CC1CCC(C(C)C)C(O)C1",
    "NS(=O)(=O)C1CCC(N2NC3(N(F)F)CC2c2ccc(F)c3c2)=CC1F",
    "COc1cccc(F)c1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C(=O)O)CC2",
    "CCCOc1cc2ccnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C",
    "CCOC(=O)C(CCc1ccccc1)NC(C)C(=O)N1c2ccccc2CC1C(=O)O",
    "CN(C)C/C=C/C(=O)Nc1cc2c(Nc3ccc(F)c(Cl)c3)ncnc2cc1OC1CCOC1",
    "CC(C)NCC(O)c1ccc(O)c(O)c1",
)
# What TDC's functions give for these molecules, in this order (its commit as in vaemol/pmo.py, rdkit 2026.09.1).
PUBLISHED = """
albuterol_similarity     .228956 .248889 .208333 .304348 .305221 .258065 .294737 .222222 .252252 .281346 .181333 .805031
amlodipine_mpo           .360237 .006890 .006544 .388322 .006256 .003627 .123545 .450330 .144801 .473160 .143576 .005900
celecoxib_rediscovery    .868421 .116505 .123596 .198276 .113043 .010101 .183333 .152778 .196970 .144928 .127517 .099010
deco_hop                 .284945 .525664 .517444 .546883 .541347 .500819 .521094 .525308 .226210 .514258 .845485 .517600
fexofenadine_mpo         .047101 .069591 .422091 .042956 .432035 .000103 .422674 .695330 .260561 .620079 .580702 .304174
isomers_c7h8n2o2         .000000 .090718 1.      .000000 .000017 .000000 .000000 .000000 .000000 .000000 .000000 .000001
isomers_c9h10n2o2pf2cl   .000051 1.      .153355 .000008 .049787 .000710 .000177 .000000 .000000 .000000 .000000 .014949
median1                  .029161 .040410 .025031 .030091 .041990 .400000 .080902 .059829 .034582 .064220 .067267 .065795
median2                  .132824 .068330 .073537 .109834 .110132 .042862 .120855 .140894 .139494 .119368 .119623 .073521
mestranol_similarity     .077114 .065395 .069204 .099792 .141058 .135266 .171278 .209524 .129870 .197022 .127854 .199134
osimertinib_mpo          .010776 .066060 .526295 .014291 .330219 .000153 .338668 .727393 .024861 .537013 .171636 .243050
perindopril_mpo          .070280 .093658 .084397 .090911 .074172 .007694 .101255 .380562 .005010 .601722 .106540 .102526
qed                      .681887 .656340 .512390 .734932 .464909 .617949 .607700 .477453 .386900 .600950 .457293 .563272
ranolazine_mpo           .075197 .011537 .002733 .090851 .026923 .005005 .008238 .035715 .479023 .057760 .304138 .005904
scaffold_hop             .386139 .372114 .359693 .404178 .395813 .334571 .365209 .371577 1.      .354879 .144288 .359929
sitagliptin_mpo          .000000 .003055 .000001 .000002 .110530 .000000 .629250 .000000 .000000 .000034 .000000 .006583
thiothixene_rediscovery  .218750 .093220 .096154 .186047 .109375 .055556 .155556 .258741 .194444 .178082 .166667 .106195
troglitazone_rediscovery .137681 .083333 .095238 .115942 .153226 .064815 .129496 .167742 .176871 .145695 .143750 .115044
valsartan_smarts         .000000 .000000 .000000 .000000 .950267 .000000 .000000 .000000 .000000 .000000 .000000 .000000
zaleplon_mpo             .334223 .000018 .000000 .734014 .006699 .000285 .136016 .000000 .000475 .000003 .000066 .004143
"""


def value(task, smiles):
    return TASKS[task](parse(smiles))


@pytest.mark.parametrize("line", PUBLISHED.split("\n")[1:-1], ids=lambda line: line.split()[0])
def test_a_task_is_the_oracle_of_tdc(line):
    task, *published = line.split()
    assert [value(task, smiles) for smiles in MOLECULES] == pytest.approx([float(x) for x in published], abs=1e-6)


def test_every_task_is_in_the_table():
    assert [line.split()[0] for line in PUBLISHED.split("\n")[1:-1]] == list(TASKS)
    assert len(TASKS) == 20
    assert TASKS["qed"] is qed


@pytest.mark.parametrize("task", TASKS)
def test_a_value_is_between_0_and_1(task):
    values = [value(task, smiles) for smiles in (*Target, "C", "[H][H]", "[Na+].[Cl-]", "C" * 60, "FP(F)(F)(F)F")]
    assert all(isinstance(x, float) and 0 <= x <= 1 for x in values)


@given(st.sampled_from(MOLECULES + tuple(Target)), st.integers(0, 1_000))
def test_the_order_of_the_atoms_changes_nothing(smiles, seed):
    again = randomised(smiles, seed)
    assert [value(task, again) for task in TASKS] == pytest.approx([value(task, smiles) for task in TASKS], abs=1e-9)


@pytest.mark.parametrize("task", [task for task in TASKS if task.endswith(("_rediscovery", "_similarity"))])
def test_the_best_of_what_is_looked_for_is_itself(task):
    target = Target[task.split("_")[0].upper()]
    values = {smiles: value(task, smiles) for smiles in (*MOLECULES, *Target)}
    assert [smiles for smiles, its in values.items() if its == 1] == [target]


# Where a molecule and what is asked of it are known, all that is left is arithmetic.
@pytest.mark.parametrize(
    ("task", "smiles", "expected"),
    [
        ("amlodipine_mpo", Target.AMLODIPINE, sqrt(exp(-((3 - 2) ** 2) / 2 / 0.5**2))),  # 2 rings of 3
        ("perindopril_mpo", Target.PERINDOPRIL, sqrt(exp(-((2 - 0) ** 2) / 2 / 0.5**2))),  # no aromatic ring of 2
        ("sitagliptin_mpo", Target.SITAGLIPTIN, exp(-(1**2) / 2 / 0.1**2) ** (1 / 4)),  # all is right but likeness
        # C17H15N5O of C19H17N3O2: 2, 2, 2 and 1 atoms amiss, and 3 of all
        ("zaleplon_mpo", Target.ZALEPLON, sqrt(exp(-(4 + 4 + 4 + 1 + (3 / 2) ** 2) / 2) ** (1 / 5))),
        ("isomers_c7h8n2o2", "Nc1ccc(N)c(C(=O)O)c1", 1),
        ("isomers_c7h8n2o2", "Nc1ccccc1C(=O)O", exp(-(1 + 1 + (2 / 2) ** 2) / 2) ** (1 / 5)),  # without an NH
        ("isomers_c9h10n2o2pf2cl", "CC(=O)NP(=O)(NC)c1cc(F)c(F)cc1Cl", 1),
        ("deco_hop", Target.HOPPED, (1 + 0 + 0 + 1) / 4),
        ("scaffold_hop", Target.HOPPED, (1 + 1 + 0) / 3),
        ("scaffold_hop", "C", (0 + 0 + 1) / 3),
        ("valsartan_smarts", Target.SITAGLIPTIN, 0),  # all is right but the pattern
    ],
)
def test_values_by_hand(task, smiles, expected):
    assert value(task, smiles) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_an_objective_that_travels_between_processes(task):
    smiles = [MOLECULES[2], "", MOLECULES[6], "C1CC"]
    oracle = pickle.loads(pickle.dumps(oracle_of(task)))
    expected = [value(task, smiles[0]), np.nan, value(task, smiles[2]), np.nan]
    np.testing.assert_array_equal(oracle(smiles), expected)
    np.testing.assert_array_equal(oracle(smiles[::-1]), expected[::-1])


def test_the_readme_names_every_task():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert [task for task in TASKS if f"`{task}`" not in readme] == []
