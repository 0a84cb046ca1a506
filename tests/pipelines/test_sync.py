import subprocess
from pathlib import Path

import pytest

from pipelines import sync, tracking
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
