import math

import pytest

from benchmarks import pmo
from vaeseq.calls import auc_top
from vaeseq.rounds import Call


def test_the_figures_of_a_task_are_of_its_calls_each_from_the_pool_and_kept(tmp_path, monkeypatch):
    values = [0.1 * (i % 9) for i in range(300)]
    calls = [Call("C" * (i + 1), math.nan if i == 5 else value, float(i)) for i, value in enumerate(values)]
    asked = {}

    def searched(space, oracle, config, *, calls, **how):
        asked.update(how, config=config, value=oracle(["CCO"])[0])
        yield made[len(calls) :]

    made = calls
    monkeypatch.setattr(pmo, "optimize", searched)
    monkeypatch.setattr(pmo, "pool", lambda: ["CC"])
    found = pmo.figures_of(None, "qed", "structural", 3, tmp_path)
    assert (asked["method"], asked["seed"], asked["start"], asked["config"]) == ("structural", 3, ["CC"], pmo.CONFIG)
    assert asked["value"] == pytest.approx(0.4068, abs=1e-4)
    assert found["auc_top10"] == pytest.approx(auc_top(calls, 10, 10_000))
    assert found["auc_top10_at_1000"] == pytest.approx(auc_top(calls, 10, 1_000)) != found["auc_top10"]
    assert (found["top10"], found["best"], found["calls"]) == (pytest.approx(0.8), "C" * 9, 300)
    assert (tmp_path / "calls.csv").read_text().count("\n") == 301
    assert pmo.figures_of(None, "qed", "structural", 3, tmp_path) == found


def test_sums_are_of_the_means_over_seeds():
    runs = {
        "one": [{"auc_top10": 0.2, "auc_top10_at_1000": 0.1, "top10": 0.5}] * 2,
        "two": [{"auc_top10": value, "auc_top10_at_1000": 0.0, "top10": 1.0} for value in (0.4, 0.8)],
    }
    found = pmo.summed(runs)
    assert (found["tasks"], found["seeds"]) == (2, 2)
    assert found["sum_auc_top10_2_tasks"] == pytest.approx(0.2 + 0.6)
    assert found["sum"] == pytest.approx({"auc_top10": 0.8, "auc_top10_at_1000": 0.1, "top10": 1.5})
