"""Workers of a Dask cluster, in processes of their own, that are killed while they work.

The tasks are builtins or ours: workers cannot import a test module.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pipelines import prepare
from pipelines.fetch import SOURCES, fetch
from pipelines.params import DataParams, MoleculePrepareParams
from vaemol.scoring import scored
from vaeseq import cluster
from vaeseq.console import Line
from vaeseq.errors import InputError, Rejected
from vaeseq.parallel import ordered_map

distributed = pytest.importorskip("distributed")

# The scheduler gives a chunk up when it has cost one worker; the tests need not wait for four to start again.
IMPATIENT = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
# Python without the path files of its packages, one of which leads to ours.
LACKING = "import sys; sys.path += {path}; from distributed.cli.dask_{what} import main; main()"
HANG = "__import__('re').match('(a+)+b', 'a' * 64)"  # in C, and never gives way


class House:
    """One scheduler and its workers; a nanny starts each of them anew when it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._running = folder, []

    def start(self, *, workers: int = 2, environment: dict[str, str] | None = None, lacking: str = "") -> None:
        """Wait until all are there; ``lacking`` names those that have no latentpath."""
        self._environment, self._lacking = os.environ | (environment or {}), lacking
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "file")
        self.address = self._address(time.monotonic() + 60)
        self.workers = [
            self._start("worker", self.address, "--nthreads", "1", "--name", str(i)) for i in range(workers)
        ]
        self.client = distributed.Client(self.address, set_as_default=False)
        if workers:
            self.client.wait_for_workers(workers, timeout=60)

    def addresses(self) -> dict[str, str]:
        """Of the workers, by name."""
        return {str(its["name"]): address for address, its in self.client.scheduler_info(-1)["workers"].items()}

    def kill(self, worker: int) -> None:
        """A worker, its nanny with it, while it has something to do; on a busy machine it may be done already."""
        address, deadline = self.addresses()[str(worker)], time.monotonic() + 1
        while not self.client.processing()[address] and time.monotonic() < deadline:
            time.sleep(0.01)
        kill(self.workers[worker])

    def close(self) -> None:
        """Nothing is left."""
        self.client.close()
        for process in self._running:
            kill(process)

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["-m", f"distributed.cli.dask_{what}"]
        if what == self._lacking:
            command = [
                "-S",
                "-c",
                LACKING.format(path=[path for path in sys.path if "site-packages" in path], what=what),
            ]
        with (self._folder / f"{what}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command, "--no-dashboard", *arguments],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def _address(self, deadline: float) -> str:
        while time.monotonic() < deadline:
            with suppress(FileNotFoundError, json.JSONDecodeError):
                return json.loads((self._folder / "file").read_text(encoding="utf-8"))["address"]
            time.sleep(0.05)
        raise TimeoutError("the scheduler does not start")


def kill(process: subprocess.Popen[bytes]) -> None:
    """A process and all that it started, as on a machine that loses its power."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[House]:
    """Where the rows of this process are made."""
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house")
    try:
        house.start(**getattr(request, "param", {}))
        monkeypatch.setenv("LATENTPATH_DASK", house.address)
        yield house
    finally:
        house.close()


def test_a_worker_killed_midway_changes_no_byte(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smiles = [f"{'C' * i}c1ccc(O{'C' * j})cc1{'N' * k}" for i in range(1, 11) for j in range(14) for k in range(14)]
    (tmp_path / "own.smi").write_text("\n".join([*smiles, "nonsense", smiles[0]]), encoding="utf-8")
    source = DataParams(source=f"file:{tmp_path / 'own.smi'}")
    fetch("molecules", source, SOURCES, tmp_path / "raw")
    settings = MoleculePrepareParams(valid_fraction=0.1, test_fraction=0.1, workers=2)

    @contextmanager
    def killing(label: str, total: int) -> Iterator[object]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if done == 400:
                house.kill(0)

        yield advance
        assert done == total

    with monkeypatch.context() as patch:
        patch.setattr(cluster.Cluster, "chunk", 64)
        patch.setattr(prepare, "progress", killing)
        prepare.prepare_corpus(tmp_path / "raw", tmp_path / "cluster", settings)
    assert list(house.addresses()) == ["1"]
    monkeypatch.delenv("LATENTPATH_DASK")
    prepare.prepare_corpus(tmp_path / "raw", tmp_path / "here", settings)
    for path in sorted((tmp_path / "here").iterdir()):
        assert (tmp_path / "cluster" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("house", [{"environment": IMPATIENT}], indirect=True)
def test_scores_are_those_of_the_single_machine(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def lines() -> Iterator[Line]:
        for i in range(2_000):
            if i == 500:
                house.kill(1)
            yield Line("C" * (1 + i % 40) + "O" * (1 + i % 3))

    names = ["qed", "sa_score", "similarity:CCO"]
    monkeypatch.setattr(cluster.Cluster, "chunk", 64)
    spread = list(scored(lines(), names))
    assert list(house.addresses()) == ["0"]
    monkeypatch.delenv("LATENTPATH_DASK")
    again = (Line("C" * (1 + i % 40) + "O" * (1 + i % 3)) for i in range(2_000))
    assert spread == list(scored(again, names))


@pytest.mark.parametrize("house", [{"environment": IMPATIENT}], indirect=True)
def test_an_item_that_hangs_or_kills_its_worker_costs_itself_alone(house: House) -> None:
    items = [str(i) for i in range(20)]
    items[3], items[7], items[15] = HANG, HANG, "__import__('os')._exit(3)"
    before = house.addresses()
    results = [result for _, result in ordered_map(eval, items, chunk=5, seconds=3)]
    lost = {i: result.reason for i, result in enumerate(results) if isinstance(result, Rejected)}
    assert lost == {3: "timeout", 7: "timeout", 15: "crashed"}
    assert [result for i, result in enumerate(results) if i not in lost] == [i for i in range(20) if i not in lost]
    house.client.wait_for_workers(2, timeout=60)
    assert not set(before.values()) & set(house.addresses().values()), "a worker that hung is still there"


def test_a_worker_of_another_release_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_mark", lambda: {"rdkit": "1999.1"})
    with pytest.raises(InputError, match=r"workers must have latentpath .*1999"):
        list(ordered_map(abs, range(5)))


def test_a_worker_of_another_release_is_refused_later_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="workers must have latentpath"):
        cluster._chunk_done({"latentpath": "older"}, pickle.dumps((abs, [1])), 60)


@pytest.mark.parametrize("house", [{"lacking": "worker"}, {"lacking": "scheduler"}], indirect=True)
def test_a_cluster_without_latentpath_is_named(house: House) -> None:
    with pytest.raises(InputError, match=r"must have latentpath"):
        list(ordered_map(abs, range(5)))


def test_a_fault_of_our_own_is_not_hidden(house: House) -> None:
    with pytest.raises(TypeError):
        list(ordered_map(abs, ["no number"]))


@pytest.mark.parametrize("fed", [0, 50, 99])
def test_a_scheduler_that_goes_is_named(house: House, fed: int) -> None:
    def items() -> Iterator[float]:
        for i in range(100):
            if i == fed:
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


@pytest.mark.parametrize("house", [{"workers": 0}], indirect=True)
def test_a_cluster_without_workers_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_FIRST_WORKER", 1)
    with pytest.raises(InputError, match="must have workers"):
        list(ordered_map(abs, range(5)))
