import math
from pathlib import Path

import pytest

from benchmarks import constrained
from benchmarks.constrained import TASKS, figures_of, judged, leads, over_seeds, searched
from pipelines.download import cache_folder, mirror_folder
from vaemol.modifiers import ecfp4, similarity
from vaemol.molecule import fingerprint, parse
from vaeseq.rounds import Call

LEAD = "CCOC(=O)c1ccccc1O"
NEAR, FAR, LONG = "CCCOC(=O)c1ccccc1O", "CCCCCC", "CCOC(=O)c1ccccc1OCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"


def calls(**values: float) -> list[Call]:
    names = {"lead": LEAD, "near": NEAR, "far": FAR, "long": LONG}
    return [Call(names[name], value, float(i)) for i, (name, value) in enumerate(values.items())]


def test_the_best_that_is_like_enough_counts_and_the_lead_never_does():
    task = TASKS["penalised_log_p_0.4"]
    found = judged(task, LEAD, calls(lead=1.0, near=2.5, far=9.0))
    assert (found["success"], found["improvement"], found["improvement_capped"]) == (True, 1.5, 1.5)
    assert found["similarity"] == similarity(parse(NEAR), LEAD, ecfp4)
    assert (found["calls"], found["seconds"]) == (3, 2.0)
    assert judged(task._replace(least=0.0), LEAD, calls(lead=1.0, near=2.5, far=9.0))["improvement"] == 8.0
    none = judged(task, LEAD, calls(lead=1.0, near=0.5, far=9.0))
    assert (none["success"], none["improvement"], none["similarity"]) == (False, 0.0, None)
    alone = judged(task, LEAD, calls(lead=1.0, far=math.nan))
    assert (alone["success"], alone["improvement"], alone["heavy_atoms"]) == (False, 0.0, None)


def test_what_has_grown_too_large_does_not_count_where_the_size_is_capped():
    found = judged(TASKS["penalised_log_p_0.2"], LEAD, calls(lead=1.0, near=2.0, long=9.0))
    assert (found["improvement"], found["improvement_capped"], found["heavy_atoms"]) == (8.0, 1.0, 41)


def test_a_wanted_value_is_reached_or_not():
    task = TASKS["qed_0.4"]
    assert not judged(task, LEAD, calls(lead=0.7, near=0.89))["success"]
    found = judged(task, LEAD, calls(lead=0.7, near=0.9))
    assert found["success"]
    assert found["similarity"] == similarity(parse(NEAR), LEAD, fingerprint)


def test_figures_are_over_all_molecules_and_similarity_over_the_improved():
    task = TASKS["penalised_log_p_0.4"]
    rows = [judged(task, LEAD, calls(lead=1.0, near=near)) for near in (3.0, 0.0)]
    found = figures_of(rows)
    assert (found["success"], found["improvement"], found["improvement_deviation"]) == (0.5, 1.0, 1.0)
    assert found["similarity"] == rows[0]["similarity"]
    assert figures_of(rows[1:])["similarity"] is None
    over = over_seeds([found, figures_of(rows[:1])])
    assert (over["success"], over["improvement"], over["seeds"]) == (0.75, 1.5, 2)
    assert over_seeds([found, figures_of(rows[1:])])["similarity"] is None


def test_a_search_begins_with_its_lead_is_bound_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def optimize(space, oracle, config, *, calls=(), start, admits, **how):
        asked.append((len(calls), start, admits([LEAD, NEAR, FAR]).tolist()))
        texts = [*start, NEAR][len(calls) :]
        yield from ([Call(text, float(oracle([text])[0]), 0.0)] for text in texts)

    monkeypatch.setattr(constrained, "optimize", optimize)
    first = searched(None, TASKS["qed_0.4"], LEAD, 0, tmp_path / "calls.csv")
    assert first == searched(None, TASKS["qed_0.4"], LEAD, 0, tmp_path / "calls.csv")
    assert asked == [(0, [LEAD], [True, True, False]), (2, [LEAD], [True, True, False])]


def test_the_molecules_are_those_of_the_papers():
    files = {task.file for task in TASKS.values()}
    folders = [folder for folder in (mirror_folder(None), cache_folder()) if folder]
    if not all(any((folder / "zinc250k" / file).is_file() for folder in folders) for file in files):
        pytest.skip("the molecules are not here")
    for file in files:
        assert len(leads(file)) == 800
        assert all(leads(file))
    assert leads("opt.test.logP-SA")[0] == "COc1cc2c(cc1OC)CC([NH3+])C2"
