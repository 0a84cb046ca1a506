import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines import sync, tracking
from pipelines.resume import locked
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
    monkeypatch.setitem(tracking.SETTINGS, "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match="Connection refused"):
        sync.main()


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    metrics = tmp_path / "reports" / "molecules" / "evaluate.json"
    metrics.parent.mkdir(parents=True)
    metrics.write_text('{"test": ')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"evaluate\.json must be JSON"):
        sync.main()


@pytest.fixture
def given_up(tmp_path, empty_store, monkeypatch):
    """A training of 90 s that has left a history and no figures, and gives the stages that MLflow has after a sync."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("LATENTPATH_WORK", raising=False)
    written = {
        "params.yaml": "molecules:\n  train: {rate: 15}\n",
        "data/raw/molecules/source.json": json.dumps({"name": "builtin", "files": [{"sha256": "ab" * 32}]}),
        "reports/molecules/train/history.csv": "step,seconds,split,loss\n10,45,train,7.5\n20,90,train,5.25\n",
    }
    for moment, (name, content) in zip((1_000, 1_100, 1_200), written.items(), strict=True):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
        os.utime(name, (moment, moment))

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
    with locked(Path("work/train-molecules-0123")):
        assert "train" not in given_up()
    assert given_up()["train"].info.status == "FAILED"


@pytest.mark.parametrize("name", ["params.yaml", "data/raw/molecules/source.json"])
def test_a_training_is_not_told_with_params_or_data_that_came_after_it_began(given_up, name):
    os.utime(name, (1_111, 1_111))
    assert "train" not in given_up()


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
