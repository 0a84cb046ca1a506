"""Workers of a Dask cluster, in processes of their own, that are killed while they work.

The tasks are builtins or ours: workers cannot import a test module.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import prepare
from pipelines.fetch import fetch
from pipelines.params import DataParams, MoleculePrepareParams
from vaemol.scoring import scored
from vaeseq import cluster
from vaeseq.console import Line
from vaeseq.errors import InputError, Rejected
from vaeseq.parallel import ordered_map

pytest.importorskip("distributed")

Process = subprocess.Popen[bytes]
# The scheduler gives a chunk up when it has cost one worker; the tests need not wait for four to start again.
IMPATIENT = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}


class House:
    """One scheduler and two workers; a nanny starts each of them anew when it dies."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, os.environ | environment
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "file")
        while not (folder / "file").exists():
            assert self.scheduler.poll() is None
            time.sleep(0.05)
        self.address = json.loads((folder / "file").read_text(encoding="utf-8"))["address"]
        self.workers = [self._start("worker", self.address, "--nthreads", "1") for _ in range(2)]

    def _start(self, what: str, *arguments: str) -> Process:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *arguments]
        with (self._folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )


def kill(process: Process) -> None:
    """A process and all that it started, as on a machine that loses its power."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[House]:
    """Where the rows of this process are made."""
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house", getattr(request, "param", {}))
    monkeypatch.setenv("LATENTPATH_DASK", house.address)
    yield house
    for process in (*house.workers, house.scheduler):
        kill(process)


def test_a_worker_killed_midway_changes_no_byte(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smiles = [f"{'C' * i}c1ccc(O{'C' * j})cc1{'N' * k}" for i in range(1, 11) for j in range(14) for k in range(14)]
    (tmp_path / "own.smi").write_text("\n".join([*smiles, "nonsense", smiles[0]]), encoding="utf-8")
    source = DataParams(source=f"file:{tmp_path / 'own.smi'}")
    fetch("molecules", source, Path("data/sources.yaml"), tmp_path / "raw")
    settings = MoleculePrepareParams(valid_fraction=0.1, test_fraction=0.1, workers=2)

    @contextmanager
    def killing(label: str, total: int) -> Iterator[object]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if done == 400:
                kill(house.workers[0])

        yield advance
        assert done == total

    with monkeypatch.context() as patch:
        patch.setattr(cluster.Cluster, "chunk", 64)
        patch.setattr(prepare, "progress", killing)
        prepare.prepare_corpus(tmp_path / "raw", tmp_path / "cluster", settings)
    assert [worker.poll() is None for worker in house.workers] == [False, True]
    monkeypatch.delenv("LATENTPATH_DASK")
    prepare.prepare_corpus(tmp_path / "raw", tmp_path / "here", settings)
    for path in sorted((tmp_path / "here").iterdir()):
        assert (tmp_path / "cluster" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("house", [IMPATIENT], indirect=True)
def test_scores_are_those_of_the_single_machine(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def lines() -> Iterator[Line]:
        for i in range(2_000):
            if i == 500:
                kill(house.workers[1])
            yield Line("C" * (1 + i % 40) + "O" * (1 + i % 3))

    names = ["qed", "sa_score", "similarity:CCO"]
    monkeypatch.setattr(cluster.Cluster, "chunk", 64)
    spread = list(scored(lines(), names))
    assert house.workers[1].poll() is not None
    monkeypatch.delenv("LATENTPATH_DASK")
    again = (Line("C" * (1 + i % 40) + "O" * (1 + i % 3)) for i in range(2_000))
    assert spread == list(scored(again, names))


@pytest.mark.parametrize("house", [IMPATIENT], indirect=True)
def test_an_item_that_hangs_or_kills_its_worker_costs_itself_alone(house: House) -> None:
    hang, kill_ = "__import__('time').sleep(600)", "__import__('os')._exit(3)"
    items = [str(i) for i in range(20)]
    items[3], items[15] = hang, kill_
    results = [result for _, result in ordered_map(eval, items, chunk=5, chunk_seconds=6, row_seconds=1)]
    lost = {i: result.reason for i, result in enumerate(results) if isinstance(result, Rejected)}
    assert lost == {3: "timeout", 15: "crashed"}
    assert [result for i, result in enumerate(results) if i not in lost] == [i for i in range(20) if i not in lost]


def test_a_worker_of_another_release_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_releases", lambda: {"rdkit": "1999.1"})
    with pytest.raises(InputError, match=r"workers must have the releases .*1999"):
        list(ordered_map(abs, range(5)))


def double(x: int) -> int:
    return 2 * x


def test_workers_that_lack_what_is_asked_of_them_are_named(house: House) -> None:
    with pytest.raises(InputError, match="must have latentpath as it is here"):
        list(ordered_map(double, range(5)))


def test_a_fault_of_our_own_is_not_hidden(house: House) -> None:
    with pytest.raises(TypeError):
        list(ordered_map(abs, ["no number"]))


def test_a_scheduler_that_goes_is_named(house: House) -> None:
    def items() -> Iterator[float]:
        for i in range(100):
            if i == 50:
                kill(house.scheduler)
            yield 0.01

    with pytest.raises(InputError, match=r"scheduler .* is gone"):
        list(ordered_map(time.sleep, items(), chunk=10))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "http://127.0.0.1"])
def test_an_address_of_no_scheduler_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTPATH_DASK", address)
    monkeypatch.setattr(cluster, "_CONNECT", 1)
    with pytest.raises(InputError, match="LATENTPATH_DASK must be the address"):
        list(ordered_map(abs, range(5)))


def test_a_cluster_without_workers_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for worker in house.workers:
        kill(worker)
    monkeypatch.setattr(cluster, "_FIRST_WORKER", 1)
    with pytest.raises(InputError, match="must have workers"):
        list(ordered_map(abs, range(5)))
