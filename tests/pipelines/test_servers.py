"""Tracking servers as they are: on PostgreSQL, slow, or read-only; and clocks that jump."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines import outputs, tracking

# MLflow and what it is built on warn about their own code.
pytestmark = pytest.mark.filterwarnings("ignore")

Told = dict[tuple[str, str], dict[tuple[str, int], float]]
POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/usr/bin"))
NOBODY = 65_534  # PostgreSQL refuses to run as root


@pytest.fixture
def root(
    tmp_path: Path, write_outputs: Callable[[Path], None], empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    write_outputs(tmp_path)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setattr(tracking, "_warned", set())
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def _in_files(root: Path) -> Told:
    """By domain and stage each metric at each step, as the files have them."""
    told = {}
    for domain in ("molecules", "sentences"):
        params, stages = outputs.recorded(domain, root)
        for stage in stages:
            points = outputs.stage_outputs(domain, stage, params, root).points
            told[domain, stage] = {(point.name, point.step): pytest.approx(point.value) for point in points}
    return told


def _in_mlflow(address: str) -> tuple[Told, list[dict[str, object]]]:
    """The same as MLflow has it, each point once; and all runs whole."""
    from mlflow import MlflowClient

    client, told = MlflowClient(address), {}
    experiments = {each.experiment_id: each.name for each in client.search_experiments()}
    runs = client.search_runs(list(experiments))
    for run in runs:
        if stage := run.data.tags.get("latentpath.stage"):
            points = [m for name in run.data.metrics for m in client.get_metric_history(run.info.run_id, name)]
            found = {(point.key, point.step): point.value for point in points}
            assert len(found) == len(points)
            key = experiments[run.info.experiment_id].removeprefix("latentpath/"), stage
            assert key not in told
            told[key] = found
    return told, sorted((run.to_dictionary() for run in runs), key=lambda run: run["info"]["run_id"])


def _recovered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no server took is sent to one that does."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracking.send_all(root=root)
    assert _in_mlflow(f"sqlite:///{root}/mlflow.db")[0] == _in_files(root)


@contextmanager
def _server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """An address where every request is answered so, and the requests that came."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path.partition('?')[0]}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def _refuse(request: BaseHTTPRequestHandler) -> None:
    """As a server that lets nobody write, and has nothing yet."""
    reading = request.command == "GET" or request.path.endswith("/search")
    status, code = (404, "RESOURCE_DOES_NOT_EXIST") if reading else (403, "PERMISSION_DENIED")
    _answer(request, status, {"error_code": code, "message": "this store is read-only"})


def _answer(request: BaseHTTPRequestHandler, status: int, said: object) -> None:
    body = json.dumps(said).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def test_a_read_only_server_costs_one_warning(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    with _server(_refuse) as (address, asked):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        live = tracking.Live("molecules", "train", root=root, every=0)
        live()
        tracking.mirror("molecules", "train", root=root)
        tracking.mirror_all(root=root)
        assert any(request.startswith("POST") for request in asked)
    said = capfd.readouterr().err
    assert said.startswith("warning: MLflow at ")
    assert "this store is read-only" in said
    assert said.count("\n") == 1
    _recovered(root, monkeypatch)


ATTEMPT = {"key": "latentpath.attempt", "value": "first"}


@pytest.mark.parametrize(
    "said",
    [
        5,
        {"experiment": 5},
        {"experiment": {"tags": [{"key": 1}]}},
        {"experiment": {"experiment_id": "1"}, "runs": [{}]},
        {"experiment": {"experiment_id": "1"}, "runs": [{"data": {"tags": [ATTEMPT]}}]},
    ],
)
def test_a_server_that_answers_with_nonsense_costs_one_warning(
    said: object, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    with _server(lambda request: _answer(request, 200, said)) as (address, _):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        tracking.mirror("molecules", "train", root=root)
        tracking.mirror_all(root=root)
    told = capfd.readouterr().err
    assert told.startswith("warning: MLflow at ")
    assert told.count("\n") == 1
    _recovered(root, monkeypatch)


def test_a_server_that_does_not_answer_is_asked_less_often_and_costs_one_warning(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    released = threading.Event()
    with _server(lambda _: released.wait()) as (address, asked):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        live = tracking.Live("molecules", "train", root=root, every=0)
        for _ in range(1000):  # as a training that goes on
            live()
        assert len(asked) == 1
        tracking.mirror("molecules", "train", root=root)
        assert len(asked) == 2
        released.set()
    said = capfd.readouterr().err
    assert said.startswith("warning: MLflow at ")
    assert said.count("\n") == 1
    _recovered(root, monkeypatch)


def test_a_server_that_is_slow_to_answer_each_time_is_given_up_and_costs_one_warning(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    run = {"info": {"run_id": "1", "experiment_id": "1", "status": "RUNNING"}, "data": {}}
    all_of_it = {"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}, "run": run}

    def slowly(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        _answer(request, 200, all_of_it)

    with _server(slowly) as (address, asked):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        tracking.mirror("molecules", "train", root=root, status="RUNNING")
        assert len(asked) > 8, "what time enough would be for"
        asked.clear()
        monkeypatch.setattr(tracking, "HURRY", 0.5)
        live = tracking.Live("molecules", "train", root=root, every=0)
        for _ in range(1000):  # as a training that goes on
            live()
        assert 0 < len(asked) < 5
    said = capfd.readouterr().err
    assert said.startswith("warning: MLflow at ")
    assert "got TimeoutError: not all was answered within" in said
    assert said.count("\n") == 1
    _recovered(root, monkeypatch)


def test_a_clock_that_jumps_back_loses_no_metric_and_sends_none_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    history = root / "reports/molecules/train/history.csv"
    whole, last = history.read_text(encoding="utf-8").splitlines(keepends=True), outputs.last_file
    now = time.time()
    for lines, moment in ((40, now), (80, now - 86_400), (len(whole), now - 3_600)):
        history.write_text("".join(whole[:lines]), encoding="utf-8")
        os.utime(history, (moment, moment))
        os.utime(last("molecules", "train", root), (moment, moment))
        tracking.mirror("molecules", "train", root=root, status="RUNNING")
    assert capfd.readouterr().err == ""
    _recovered(root, monkeypatch)


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of a database of a PostgreSQL that was started for it."""
    pytest.importorskip("psycopg")
    if not (POSTGRES / "initdb").is_file():
        pytest.skip("needs PostgreSQL's initdb and postgres")
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp())  # pytest's own is closed to others
    try:
        if other:
            os.chown(folder, NOBODY, NOBODY)
        made = [POSTGRES / "initdb", "-D", folder / "data", "-U", "latentpath", "--auth=trust", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **other)
        serving = [POSTGRES / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="]
        with subprocess.Popen(serving, stderr=subprocess.DEVNULL, cwd=folder, **other) as server:
            try:
                yield f"postgresql+psycopg://latentpath@/postgres?host={folder}"
            finally:
                server.send_signal(signal.SIGINT)  # which waits for no client
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def mlflow_server(postgres: str, tmp_path: Path) -> Iterator[str]:
    """The address of MLflow's own server on that database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", postgres, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--artifacts-destination", str(tmp_path / "artifacts")]
    log = tmp_path / "server.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=tmp_path) as server:
        try:
            deadline, address = time.monotonic() + 300, f"http://127.0.0.1:{port}"
            while not _healthy(address):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)
            yield address
        finally:
            server.terminate()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError):
        return False


@pytest.mark.slow
def test_a_server_on_postgresql_takes_every_run_once(
    root: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    tracking.Live("molecules", "train", root=root, every=0)()
    tracking.send_all(root=root)
    told, runs = _in_mlflow(mlflow_server)
    assert told == _in_files(root)
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    tracking.send_all(root=root)
    tracking.mirror("molecules", "train", root=root)
    assert _in_mlflow(mlflow_server) == (told, runs)
    assert capfd.readouterr().err == ""
