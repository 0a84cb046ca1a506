import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines import store, sync, tracking
from pipelines.resume import locked, place_of
from vaeseq.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")


def test_nothing_to_send_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sync.main()
    assert "no stage has run yet" in capsys.readouterr().out


def test_a_server_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    source = tmp_path / "data" / "raw" / "sentences" / "source.json"
    source.parent.mkdir(parents=True)
    source.write_text('{"name": "everyday"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setitem(store.SETTINGS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match="Connection refused"):
        sync.main()


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    metrics = tmp_path / "reports" / "molecules" / "evaluate.json"
    metrics.parent.mkdir(parents=True)
    metrics.write_text('{"test": ')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"evaluate\.json must be JSON"):
        sync.main()


PARAMS = "molecules:\n  train: {rate: 15}\n  evaluate: {rows: 9}\n"
HISTORY = "step,seconds,split,loss\n10,45,train,7.5\n20,90,train,5.25\n"


def begin(history=HISTORY):
    """A training that writes its history and is killed before it tells anybody."""
    path = Path("reports/molecules/train/history.csv")
    with suppress(KeyboardInterrupt), tracking.Live("molecules", "train", every=3600) as live:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(history)
        live()
        raise KeyboardInterrupt


@pytest.fixture
def given_up(tmp_path, empty_store, monkeypatch):
    """A training of 90 s that has left a history and no figures, and gives the stages that MLflow has after a sync."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("LATENTPATH_WORK", raising=False)
    source = Path("data/raw/molecules/source.json")
    source.parent.mkdir(parents=True)
    source.write_text(json.dumps({"name": "builtin", "files": [{"sha256": "ab" * 32}]}))
    Path("params.yaml").write_text(PARAMS)
    begin()

    def synced():
        sync.main()
        with tracking._client(Path(".")) as client:
            experiments = [experiment.experiment_id for experiment in client.search_experiments()]
            return {run.data.tags.get("latentpath.stage"): run for run in client.search_runs(experiments)}

    return synced


def test_a_training_that_was_given_up_is_sent_as_failed(given_up, capsys):
    found = given_up()
    assert "molecules/fetch, molecules/train (failed)" in capsys.readouterr().out
    assert (found["train"].info.status, found["fetch"].info.status) == ("FAILED", "FINISHED")
    assert found["train"].data.metrics["train/loss"] == 5.25
    assert found["train"].data.params["train.rate"] == "15"


def test_a_training_that_goes_on_is_left_to_who_trains(given_up):
    with locked(place_of("molecules")):
        assert "train" not in given_up()
    assert given_up()["train"].info.status == "FAILED"


def test_a_training_is_told_with_the_params_it_began_with_whatever_these_are_now(given_up):
    Path("params.yaml").write_text(PARAMS.replace("15", "20"))
    assert given_up()["train"].data.params["train.rate"] == "15"


@pytest.mark.parametrize(
    ("name", "moment"),
    [("params.yaml", 4e9), ("data/raw/molecules/source.json", 4e9), ("reports/molecules/train/history.csv", 1e3)],
)
def test_a_training_is_told_whatever_the_clock_says_of_its_files(given_up, name, moment):
    os.utime(name, (moment, moment))
    assert given_up()["train"].data.metrics["train/loss"] == 5.25


def test_a_training_of_other_rows_is_not_told(given_up):
    source = Path("data/raw/molecules/source.json")
    source.write_text(source.read_text().replace("ab", "cd"))
    assert "train" not in given_up()


def test_a_history_is_never_told_with_the_params_of_a_training_that_did_not_come_to_write_one(given_up):
    Path("params.yaml").write_text(PARAMS.replace("15", "20"))
    with pytest.raises(KeyboardInterrupt), tracking.Live("molecules", "train", every=3600):
        raise KeyboardInterrupt
    assert "train" not in given_up()
    begin(HISTORY.replace("5.25", "4.75"))
    found = given_up()["train"]
    assert (found.data.params["train.rate"], found.data.metrics["train/loss"]) == ("20", 4.75)


def test_the_report_is_told_where_the_tracking_server_is_not_there(tmp_path):
    (tmp_path / "bin").mkdir()
    for program, code in (("dvc", 0), ("python", 1)):
        (tmp_path / "bin" / program).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / "bin" / program).chmod(0o755)
    (tmp_path / ".ready").touch()
    command = ["make", "repro", f"VENV={tmp_path}"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "The report: " in done.stdout
