import inspect

import numpy as np
import pytest

from pipelines.params import OptimizeParams
from vaemol import oracles
from vaemol.builtin import builtin_molecules
from vaemol.constraints import all_of
from vaemol.optimization import METHODS, optimize
from vaemol.oracles import FunctionOracle
from vaemol.pool import PoolTexts
from vaemol.rereadable import Rereadable
from vaeseq import retraining
from vaeseq.errors import InputError
from vaeseq.rounds import SearchConfig

SMALL = SearchConfig(budget=20, initial=8, batch=4, candidates=24)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """The model learns twice in a small search."""
    for name, value in {"EVERY": 8, "ROWS": 64, "HELD_OUT": 8, "STEPS": 2, "BATCH": 16}.items():
        monkeypatch.setattr(retraining, name, value)


@pytest.mark.parametrize("method", METHODS)
def test_molecules_are_paid_for_once_and_can_be_read_again(space, method):
    calls = [call for batch in optimize(space, oracles.qed, SMALL, climbing="pIC50", method=method) for call in batch]
    smiles = [call.text for call in calls]
    assert len(set(smiles)) == len(smiles) == SMALL.budget
    np.testing.assert_array_equal([call.value for call in calls], oracles.qed(smiles))
    if method in ("bayesian", "retraining", "random_prior"):  # the others propose what the model may not know
        assert len(space.texts(smiles)) == len(smiles)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_search_goes_on(space, method):
    whole = [call for batch in optimize(space, oracles.qed, SMALL, climbing="pIC50", method=method) for call in batch]
    rest = [
        call
        for batch in optimize(space, oracles.qed, SMALL, climbing="pIC50", method=method, calls=whole[:13])
        for call in batch
    ]
    assert [call[:2] for call in rest] == [call[:2] for call in whole[13:]]


@pytest.mark.parametrize("method", METHODS)
def test_a_search_may_start_from_a_pool(space, method):
    pool = ["OCC", "CCO", "nonsense", "C1CCCCC1Cl", "CCN", "CCCCCC(=O)N", "c1ccccc1Br", "CCOCC", "CC#N", "NCCO"]
    calls = [
        call
        for batch in optimize(space, oracles.qed, SMALL, climbing="pIC50", method=method, start=pool)
        for call in batch
    ]
    found = [call.text for call in calls]
    assert set(found[:8]) == set(PoolTexts(pool, 0).new(99, set()))
    assert len(set(found)) == len(found)
    assert (len(found) == 8) == (method == "random_prior")  # which has no more to give


@pytest.mark.parametrize("method", [name for name in METHODS if name != "random_prior"])
def test_a_single_lead_is_enough(space, method):
    how = {"method": method, "climbing": "pIC50", "start": ["CCCCCC(=O)N"]}
    found = [call.text for batch in optimize(space, oracles.qed, SMALL, **how) for call in batch]
    assert found[0] == "CCCCCC(N)=O"
    assert len(set(found)) == len(found) > 8


def test_a_lead_need_not_hold_what_the_others_must(space, capsys):
    lead, admits = "CC(=O)Oc1ccccc1C(=O)O", all_of(["alerts:brenk"])
    assert not admits([lead])[0]
    calls = [
        call
        for batch in optimize(space, oracles.qed, SMALL, method="genetic", start=[lead], lead=lead, admits=admits)
        for call in batch
    ]
    found = [call.text for call in calls]
    assert found[0] == lead
    assert len(found) > 1
    assert admits(found[1:]).all()
    assert "the search only starts with it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pool", "says"), [(["nonsense"], "readable SMILES, none"), (["CCO"], "what is required, none")]
)
def test_a_pool_of_no_use_is_said(space, pool, says):
    with pytest.raises(InputError, match=says):
        optimize(space, oracles.qed, SMALL, start=pool, admits=all_of(["log_p>=9"]))


@pytest.mark.parametrize("method", ["bayesian", "retraining", "ascent", "structural"])
def test_what_the_model_cannot_read_of_a_pool_is_said(space, method, capsys):
    how = {"method": method, "climbing": "pIC50"}
    optimize(space, oracles.qed, SMALL, start=["CCO", "CCBr", "CCN"], **how)
    assert capsys.readouterr().err == "the model cannot read 1 of the first 3 molecules\n"
    if method != "structural":  # which goes on by changes of graphs
        with pytest.raises(InputError, match=f"can read for {method}, none of them is"):
            optimize(space, oracles.qed, SMALL, start=["CCBr"], **how)


def test_an_unknown_method_is_said(space):
    with pytest.raises(InputError, match="bayesian, retraining, ascent, genetic, random_prior, got 'luck'"):
        optimize(space, oracles.qed, SMALL, method="luck")


@pytest.mark.parametrize("climbing", ["", "qed"])
def test_ascent_climbs_only_what_the_model_predicts(space, climbing):
    with pytest.raises(InputError, match=rf"must climb what the model predicts: pIC50; got '{climbing}'"):
        optimize(space, oracles.qed, SMALL, method="ascent", climbing=climbing)


def test_at_least_half_of_all_calls_are_decoded_from_codes(space, monkeypatch):
    decoded, molecules = set(), Rereadable.molecules

    def noted(self, z, **how):
        found = molecules(self, z, **how)
        decoded.update(found)
        return found

    monkeypatch.setattr(Rereadable, "molecules", noted)
    config, pool = SearchConfig(budget=50, initial=10, batch=8), [text for _, text in builtin_molecules()][::40]
    calls = [call for batch in optimize(space, oracles.qed, config, start=pool) for call in batch]
    assert len(calls) == config.budget
    assert not decoded & {call.text for call in calls[: config.initial]}
    assert config.budget / 2 <= sum(call.text in decoded for call in calls) < config.budget - config.initial


def test_changes_of_graphs_find_better_molecules_than_chance(space):
    oracle, pool = oracles.similarity_to("CC(=O)Oc1ccccc1C(=O)O"), [text for _, text in builtin_molecules()][::40]
    config, best = SearchConfig(budget=140, initial=20, batch=20), {}
    for method in ("structural", "genetic", "random_prior"):
        rounds = optimize(space, oracle, config, method=method, start=pool)
        best[method] = max(call.value for calls in rounds for call in calls)
    assert min(best["structural"], best["genetic"]) > best["random_prior"]


def test_the_method_is_that_of_the_command_line_and_of_the_stage():
    assert inspect.signature(optimize).parameters["method"].default == OptimizeParams().method == "structural"


def test_a_function_that_raises_costs_its_molecule_a_value_not_the_run_its_calls(space):
    def no_rings(smiles):
        if any("1" in text for text in smiles):
            raise RuntimeError
        return [len(text) for text in smiles]

    calls = [call for batch in optimize(space, FunctionOracle(no_rings), SMALL) for call in batch]
    assert len(calls) == SMALL.budget
    assert {np.isnan(call.value) for call in calls if "1" in call.text} == {True}
    assert all(call.value == len(call.text) for call in calls if "1" not in call.text)
