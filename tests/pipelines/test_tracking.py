import csv
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest

from pipelines import outputs, tracking
from vaeseq.errors import InputError

# MLflow and what it is built on warn about their own code.
pytestmark = pytest.mark.filterwarnings("ignore")

PARAMS = """
molecules:
  data: {source: builtin}
  prepare: {notation: selfies}
  model: {latent: 64}
  train: {rate: 15.0, learning_rate: 1e-3}
  evaluate: {rows: 10}
"""
HISTORY = ["step", "epoch", "seconds", "split", "loss", "elbo", "mutual_information"]


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_history(root, rows):
    path = root / "reports/molecules/train/history.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HISTORY)
        table.writerows(rows)


def history(steps, offset=0.0):
    return [
        [step, step / 10, step * 0.5, split, 10 / step + offset, -9 / step, "" if split == "train" else 1.5]
        for step in range(1, steps + 1)
        for split in ("train", "valid")
    ]


def write_stages(root, steps=20):
    (root / "params.yaml").write_text(PARAMS)
    files = [{"path": "a.csv", "sha256": "ab" * 32, "bytes": 3}]
    write_json(root / "data/raw/molecules/source.json", {"name": "builtin", "licence": "BSD", "files": files})
    write_json(root / "data/prepared/molecules/summary.json", {"accepted": 3, "rejected": {"<dup>": 1}})
    write_history(root, history(steps))
    write_json(root / "reports/molecules/train.json", {"elbo": -3.0, "rate": 15, "seconds": 9.0, "none": None})
    write_json(root / "reports/molecules/evaluate.json", {"test": {"elbo": -4.5, "rows": 10}, "prior": {"validity": 1}})
    (root / "models/molecules").mkdir(parents=True)
    (root / "models/molecules/README.md").write_text("a card")
    write_json(root / "reports/molecules/prior.json", {"fitted": 40.0})
    (root / "reports/index.html").write_text("<p>the report</p>")


def store(root):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{root}/mlflow.db")


def runs(root):
    client = store(root)
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def by_stage(root):
    return {run.data.tags.get("latentpath.stage", "parent"): run for run in runs(root)}


def curve(root, run, name):
    return sorted((point.step, point.value) for point in store(root).get_metric_history(run.info.run_id, name))


def artifacts(root, run, folder=None):
    return [file.path for file in store(root).list_artifacts(run.info.run_id, folder)]


@pytest.fixture
def root(tmp_path, empty_store, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracking, "_warned", set())
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    write_stages(tmp_path)
    return tmp_path


def test_the_stages_are_children_of_one_parent(root):
    tracking.mirror_all(root=root)
    found = by_stage(root)
    assert set(found) == {"parent", "fetch", "prepare", "train", "prior", "evaluate"}
    parent = found.pop("parent")
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert {run.info.status for run in (parent, *found.values())} == {"FINISHED"}
    assert found["train"].data.params == {
        "data.source": "builtin",
        "prepare.notation": "selfies",
        "model.latent": "64",
        "train.rate": "15.0",
        "train.learning_rate": "0.001",
    }
    assert found["evaluate"].data.metrics == {"test/elbo": -4.5, "test/rows": 10, "prior/validity": 1}
    assert found["prepare"].data.metrics["rejected/_dup__1c75fa71"] == 1
    assert [entry.dataset.name for entry in found["train"].inputs.dataset_inputs] == ["builtin"]
    assert parent.data.tags["latentpath.data"] == f"builtin sha256:{'ab' * 32}"
    assert "index.html" in artifacts(root, parent)
    assert artifacts(root, found["prior"], "model") == ["model/README.md"]


def test_a_rebuilt_store_shows_what_the_live_one_showed(root, empty_store):
    rows = history(600)
    (root / "reports/molecules/train.json").rename(root / "kept.json")
    for length in (200, 700, 1200):
        write_history(root, rows[:length])
        tracking.mirror("molecules", "train", root=root, status="RUNNING")
    assert by_stage(root)["train"].info.status == "RUNNING"
    (root / "kept.json").rename(root / "reports/molecules/train.json")
    tracking.mirror("molecules", "train", root=root)
    live = by_stage(root)["train"]
    shown = {name: curve(root, live, name) for name in live.data.metrics}
    assert len(shown["valid/mutual_information"]) == 600
    assert shown["kept/elbo"] == [(0, -3.0)]

    shutil.copy(empty_store, root / "mlflow.db")
    tracking.send_all(root=root)
    rebuilt = by_stage(root)["train"]
    assert {name: curve(root, rebuilt, name) for name in rebuilt.data.metrics} == shown
    assert rebuilt.data.params == live.data.params
    assert rebuilt.info.status == live.info.status == "FINISHED"


def test_the_curve_of_each_search_and_seed_is_told(tmp_path):
    path = tmp_path / "reports/molecules/optimize/calls.csv"
    path.parent.mkdir(parents=True)
    head = "objective,method,seed,call,smiles,value,best_so_far,seconds"
    rows = [
        "similarity:CC#N,genetic,3,1,C,,,0.1",
        "similarity:CC#N,genetic,3,2,CC,0.5,0.5,0.2",
        "qed,genetic,0,1,C,1,1,9",
    ]
    path.write_text("\n".join([head, *rows]) + "\n")
    points = outputs.stage_outputs("molecules", "optimize", {}, tmp_path).points
    assert [(point.name, point.step, point.value) for point in points] == [
        ("similarity:CC_N_b5cb4ff1/genetic/best_so_far/seed_3", 2, 0.5),
        ("qed/genetic/best_so_far/seed_0", 1, 1.0),
    ]


def test_sending_twice_changes_nothing(root):
    tracking.mirror_all(root=root)
    before = [(run.to_dictionary(), curve(root, run, "train/loss")) for run in runs(root)]
    tracking.mirror_all(root=root)
    tracking.mirror("molecules", "train", root=root)
    assert [(run.to_dictionary(), curve(root, run, "train/loss")) for run in runs(root)] == before


def test_other_params_get_another_parent(root):
    tracking.mirror("molecules", "evaluate", root=root)
    (root / "params.yaml").write_text(PARAMS.replace("15.0", "20.0"))
    tracking.mirror("molecules", "evaluate", root=root)
    assert len([run for run in runs(root) if "latentpath.key" in run.data.tags]) == 2
    rates = [run.data.params["train.rate"] for run in runs(root) if "latentpath.stage" in run.data.tags]
    assert sorted(rates) == ["15.0", "20.0"]


def test_other_results_of_the_same_params_get_another_run(root):
    tracking.mirror("molecules", "train", root=root, status="RUNNING")
    write_history(root, history(8, offset=0.5))
    tracking.mirror("molecules", "train", root=root, status="RUNNING")
    tracking.mirror("molecules", "train", root=root)
    found = {run.data.tags.get("latentpath.attempt"): run for run in runs(root)}
    ends = {number: (found[number].info.status, len(curve(root, found[number], "train/loss"))) for number in "12"}
    assert ends == {"1": ("FAILED", 20), "2": ("FINISHED", 8)}


def test_other_speed_is_no_other_result(root):
    tracking.mirror("molecules", "train", root=root)
    write_history(root, [[*row[:2], row[2] * 3, *row[3:]] for row in history(20)])
    tracking.mirror("molecules", "train", root=root)
    assert len([run for run in runs(root) if "latentpath.stage" in run.data.tags]) == 1


def test_a_failed_rerun_does_not_spoil_the_finished_one(root):
    tracking.mirror("molecules", "train", root=root)
    shutil.rmtree(root / "reports/molecules/train")
    (root / "reports/molecules/train.json").unlink()
    tracking.mirror("molecules", "train", root=root, status="FAILED")
    found = [run for run in runs(root) if "latentpath.stage" in run.data.tags]
    assert sorted(run.info.status for run in found) == ["FAILED", "FINISHED"]


def test_files_are_told_with_the_params_that_made_them(root):
    entry = {"params": {"params.yaml": {"molecules.train": {"rate": 7.0, "learning_rate": 0.001}}}}
    write_json(root / "dvc.lock", {"stages": {"train@molecules": entry}})
    tracking.mirror_all(root=root)
    assert by_stage(root)["train"].data.params["train.rate"] == "7.0"


def test_stages_that_an_earlier_stage_has_outrun_are_left_out(root):
    def lock(read):
        out, dep = {"path": "models/molecules", "md5": "new.dir"}, {"path": "models/molecules", "md5": read}
        its = {"deps": [dep], "params": {"params.yaml": {"molecules.evaluate": {"rows": 7}}}}
        write_json(root / "dvc.lock", {"stages": {"prior@molecules": {"outs": [out]}, "evaluate@molecules": its}})
        params, stages = outputs.recorded("molecules", root)
        return stages, params["evaluate"]["rows"]

    assert lock("new.dir") == (["fetch", "prepare", "train", "prior", "evaluate"], 7)
    assert lock("old.dir") == (["fetch", "prepare", "train", "prior"], 10)


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("step,split,loss,kl\n1,train,2.5,nan\n2,train,1.2")
    assert outputs.history_rows(path) == [("train", 1, {"loss": 2.5})]


@pytest.mark.parametrize("address", ["sqlite:////dev/null/mlflow.db", "http://me:secret@127.0.0.1:9"])
def test_a_server_that_is_not_there_costs_one_warning(root, monkeypatch, capfd, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    live = tracking.Live("molecules", "train", root=root, every=0)
    live()
    tracking.mirror("molecules", "train", root=root)
    tracking.mirror_all(root=root)
    shown = capfd.readouterr()
    assert shown.err.startswith("warning: MLflow at ")
    assert shown.err.count("\n") == 1
    assert "secret" not in shown.err
    assert shown.out == ""
    with pytest.raises(InputError, match=r"pipelines\.sync"):
        tracking.send_all(root=root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tracking.mirror_all(root=root)
    assert by_stage(root)["train"].data.metrics["train/loss"] == pytest.approx(10 / 20)


@pytest.mark.parametrize("every", [0, 3600])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ZeroDivisionError])
def test_a_stage_is_failed_or_finished_by_how_its_block_ends(root, monkeypatch, every, error):
    sent = []
    monkeypatch.chdir(root)
    monkeypatch.setattr(tracking, "mirror", lambda *_, **told: sent.append(told["status"]))
    with suppress(KeyboardInterrupt, ZeroDivisionError), tracking.Live("molecules", "train", every=every) as live:
        live()
        if error:
            raise error
    failed = ["FAILED"] if error else ["FINISHED"]
    assert sent == (["RUNNING", *failed] if every == 0 else failed * (error is ZeroDivisionError))


def test_a_training_that_breaks_is_failed_in_the_run_of_the_params_it_began_with(root):
    (root / "reports/molecules/train.json").unlink()

    def train():
        with tracking.Live("molecules", "train", root=root, every=0) as live:
            live()
            (root / "params.yaml").write_text(PARAMS.replace("15.0", "20.0"))
            live()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert sorted(run.info.status for run in runs(root)) == ["FAILED", "FAILED"], "parent and stage, no second parent"
    assert by_stage(root)["train"].data.params["train.rate"] == "15.0"


def test_live_sends_only_when_it_is_time(root, monkeypatch):
    sent = []
    monkeypatch.setattr(tracking, "mirror", lambda *_, **told: sent.append(told["status"]))
    for every, expected in ((3600, []), (0, ["RUNNING"])):
        live = tracking.Live("molecules", "train", root=root, every=every)
        assert live.due() == bool(expected)
        live()
        assert sent == expected


@pytest.mark.slow
def test_eight_processes_start_on_a_store_that_is_not_there(tmp_path):
    write_stages(tmp_path, steps=5)
    program = (
        f"from pathlib import Path; from pipelines import tracking; tracking.mirror_all(root=Path({str(tmp_path)!r}))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    processes = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    assert [process.communicate()[1] for process in processes] == [""] * 8
    found = runs(tmp_path)
    assert len(found) == 6
    assert {len(curve(tmp_path, run, "train/loss")) for run in found} == {0, 5}
