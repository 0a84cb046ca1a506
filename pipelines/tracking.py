"""MLflow, told what the files say; the only module that imports it.

``mirror`` reads the files of a stage and sends what the stage's run does not have yet, so it may be called as often as
one likes: while training and when it ends (``Live``), or over everything that is on disk (``mirror_all``). A server
that cannot be reached costs one warning and no stage; the next call sends what is missing.

One experiment a domain; in it one parent run for each set of params and data; under that one run for each stage.
"""

import json
import logging
import math
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from pipelines import begun, outputs, store
from pipelines.outputs import Outputs
from vaeseq.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Status = Literal["RUNNING", "FINISHED", "FAILED"]

HURRY = 60.0  # seconds that a stage is held up, by a server and by other processes that write there
PATIENCE = 600.0  # for these where no stage is to go on
NOTE = """**{domain}** from `{name}` (licence: {licence}).

[The report]({page}) is `index.html` under Artifacts. The runs below this one are the stages of the pipeline. All of it
was read from the pipeline's files and comes back with `python -m pipelines.sync` when this store is deleted."""

_warned: set[str] = set()


def mirror(
    domain: str,
    stage: str,
    *,
    root: Path = Path("."),
    status: Status = "FINISHED",
    params: dict[str, object] | None = None,
) -> None:
    """Send what MLflow does not have yet of one stage; never raises because of the tracking server.

    Args:
        domain: ``molecules`` or ``sentences``.
        stage: A key of ``outputs.SECTIONS``.
        root: The repository.
        status: What the stage's run is to show.
        params: Of the domain, as the stage has read them; None takes them as ``params.yaml`` has them now.
    """
    if status == "FAILED" and outputs.last_file(domain, stage, root).is_file():
        return  # the stage failed before it touched the files of an earlier run
    with _warning():
        found = outputs.stage_outputs(domain, stage, params or outputs.domain_params(domain, root), root)
        with _client(root, HURRY, HURRY) as client:
            _send(client, found, root, status)


def mirror_all(*, root: Path = Path(".")) -> None:
    """Send whatever MLflow does not have yet of all that is on disk; never raises because of the tracking server."""
    with _warning():
        send_all(root=root, seconds=HURRY)


def send_all(*, root: Path = Path("."), seconds: float = math.inf) -> list[str]:
    """Bring MLflow up to what is on disk, stages from DVC's cache and the report included; returns ``domain/stage``s.

    Args:
        root: The repository.
        seconds: That all requests of one stage may take.

    Raises:
        InputError: The tracking server cannot be used, or a file cannot be read.
    """
    sent, report = [], root / "reports" / "index.html"
    for domain in ("molecules", "sentences"):
        params, stages = outputs.recorded(domain, root)
        for stage in stages:
            found = outputs.stage_outputs(domain, stage, params, root)
            with _client(root, seconds, PATIENCE) as client:
                parent = _send(client, found, root, "FINISHED")
                if stage == stages[-1] and report.is_file():
                    _send_files(client, parent, {"index.html": report})
            sent.append(f"{domain}/{stage}")
    return sent


class Live:
    """Mirrors a stage that is still running, with the params that it began with; call it as often as you like.

    It sends every ``every`` seconds, or less often where sending is slow: at most a twentieth of the time goes into it.
    As a context it sends once more when the block ends: as failed where an exception ends it, else as finished. A stage
    that was over, or asked to stop, before anything was sent is left to ``mirror_all``, and one that is given up to
    ``sync``, for which the params are kept by the first call.
    """

    def __init__(self, domain: str, stage: str, *, root: Path = Path("."), every: float = 15.0) -> None:
        self.domain, self.stage, self.root, self.every = domain, stage, root, every
        self._params = outputs.domain_params(domain, root)
        self._next, self._sent, self._kept = time.monotonic() + every, False, False

    def __call__(self) -> None:
        """Send now, if it is time; the stage's history is there."""
        if not self._kept:
            begun.keep(self.domain, self._params, self.root)
            self._kept = True
        if self.due():
            started = time.monotonic()
            self._send("RUNNING")
            ended = time.monotonic()
            self._next = ended + max(self.every, 20 * (ended - started))

    def due(self) -> bool:
        """Whether it is time to send, which takes long where the server does not answer."""
        return time.monotonic() >= self._next

    def __enter__(self) -> Self:
        begun.forget_another(self.domain, self._params, self.root)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sent or isinstance(error, Exception):
            self._send("FAILED" if error else "FINISHED")

    def _send(self, status: Status) -> None:
        self._sent = True
        mirror(self.domain, self.stage, root=self.root, status=status, params=self._params)


@contextmanager
def _warning() -> Iterator[None]:
    """An ``InputError`` becomes one line on stderr; the same fault is not told twice."""
    try:
        yield
    except InputError as error:
        fault = str(error).partition(", got ")[0]
        if fault not in _warned:
            _warned.add(fault)
            print(f"warning: {error}; the files are complete without it", file=sys.stderr)


@contextmanager
def _client(root: Path, seconds: float = math.inf, patience: float = math.inf) -> Iterator["MlflowClient"]:
    """A client, for so long, while no other process writes there; ``InputError`` where the server cannot be used.

    Processes that start together on a store that does not exist yet break it for good, and two that look for the same
    run before either has made it make it twice.
    """
    for name, value in store.SETTINGS.items():
        os.environ.setdefault(name, value)
    from google.protobuf import json_format
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in ("mlflow", "alembic", "urllib3"):  # importing mlflow sets them
        logging.getLogger(name).setLevel(logging.ERROR)
    address = store.address(root)
    nonsense = (json_format.Error, LookupError, ValueError)  # what MLflow lets through of answers that are none of its
    try:
        with store.lock(address, root, patience):
            store.check_writable(address)
            yield store.Hurried(MlflowClient(address), seconds)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError, *nonsense) as error:
        raise InputError(store.complaint(address, error)) from error


def _send(client: "MlflowClient", found: Outputs, root: Path, status: Status) -> "Run":
    """Send one stage; returns the parent run."""
    experiment = _experiment(client, found.domain, root)
    parent = _parent(client, experiment, found)
    run = _child(client, experiment, parent, found, status)
    for each, params in ((parent, found.domain_params), (run, found.params)):
        _send_params(client, each, params)
        _send_data(client, each, found.data)
    _send_points(client, run, found)
    if status != "RUNNING":
        _send_files(client, run, found.files)
    for each in (run, parent):
        _set_status(client, each, status, found.ended)
    return parent


def _experiment(client: "MlflowClient", domain: str, root: Path) -> str:
    name = f"latentpath/{domain}"
    found = client.get_experiment_by_name(name)
    if found is None:
        ours = not os.environ.get("MLFLOW_TRACKING_URI")
        place = (root / "mlartifacts").resolve().as_uri() if ours else None
        return client.create_experiment(name, place)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _parent(client: "MlflowClient", experiment: str, found: Outputs) -> "Run":
    runs = client.search_runs([experiment], f"tags.`latentpath.key` = '{found.key}'")
    if runs:
        return runs[-1]  # the newest come first
    facts = {"name": "unknown data", "licence": "unknown"} | found.data
    tags = {"latentpath.key": found.key}
    run = client.create_run(experiment, found.started or None, tags, f"{facts['name']} {found.key[:8]}")
    page = f"#/experiments/{experiment}/runs/{run.info.run_id}/artifacts/index.html"
    client.set_tag(run.info.run_id, "mlflow.note.content", NOTE.format(page=page, domain=found.domain, **facts))
    return run


def _child(client: "MlflowClient", experiment: str, parent: "Run", found: Outputs, status: Status) -> "Run":
    """The stage's run; a new one where those that are there tell of other results, which changed code can give."""
    tags = {"latentpath.stage": found.stage, "mlflow.parentRunId": parent.info.run_id}
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = client.search_runs([experiment], wanted)
    for run in sorted(runs, key=lambda run: -int(run.data.tags["latentpath.attempt"])):
        failed_again = status == "FAILED" and run.info.status == "FINISHED"
        if not failed_again and not _contradicts(client, run, found):
            return run
    for run in runs:
        if run.info.status == "RUNNING":  # nobody else would end it
            client.set_terminated(run.info.run_id, "FAILED")
    tags["latentpath.attempt"] = str(len(runs) + 1)
    return client.create_run(experiment, found.started or None, tags, found.stage)


def _contradicts(client: "MlflowClient", run: "Run", found: Outputs) -> bool:
    """Whether the run holds another value for a param or a metric than the files; time may differ."""
    if any(found.params.get(name, value) != value for name, value in run.data.params.items()):
        return True
    known = _known(client, run, found)
    return any(
        not math.isclose(known.get((point.name, point.step), point.value), point.value, rel_tol=1e-6, abs_tol=1e-12)
        for point in found.points
        if not point.name.endswith(("seconds", "per_second"))
    )


def _known(client: "MlflowClient", run: "Run", found: Outputs) -> dict[tuple[str, int], float]:
    names = {point.name for point in found.points} & set(run.data.metrics)
    history = [metric for name in sorted(names) for metric in client.get_metric_history(run.info.run_id, name)]
    return {(metric.key, metric.step): metric.value for metric in history}


def _send_params(client: "MlflowClient", run: "Run", params: dict[str, str]) -> None:
    from mlflow.entities import Param

    new = [Param(name, value) for name, value in params.items() if name not in run.data.params]
    for first in range(0, len(new), 100):  # MLflow's limit for one call
        client.log_batch(run.info.run_id, params=new[first : first + 100])


def _send_points(client: "MlflowClient", run: "Run", found: Outputs) -> None:
    from mlflow.entities import Metric

    known = _known(client, run, found)
    new = [
        Metric(point.name, point.value, point.milliseconds, point.step)
        for point in found.points
        if (point.name, point.step) not in known
    ]
    for first in range(0, len(new), 1000):  # MLflow's limit for one call
        client.log_batch(run.info.run_id, metrics=new[first : first + 1000])


def _send_data(client: "MlflowClient", run: "Run", data: dict[str, object]) -> None:
    from mlflow.entities import Dataset, DatasetInput

    # MLflow never changes what it knows of a data set, so it is told once all of it is known.
    if "rows" in data and not run.inputs.dataset_inputs:
        facts = json.dumps(data, sort_keys=True)
        dataset = Dataset(data["name"], data["sha256"][:36], "local", facts, profile=facts)
        client.log_inputs(run.info.run_id, [DatasetInput(dataset)])
        client.set_tag(run.info.run_id, "latentpath.data", f"{data['name']} sha256:{data['sha256']}")


def _send_files(client: "MlflowClient", run: "Run", files: dict[str, Path]) -> None:
    digest = outputs.digest(files)
    if run.data.tags.get("latentpath.files") != digest:
        for name, path in files.items():
            client.log_artifact(run.info.run_id, str(path), str(Path(name).parent) if "/" in name else None)
        client.set_tag(run.info.run_id, "latentpath.files", digest)


def _set_status(client: "MlflowClient", run: "Run", status: Status, ended: int) -> None:
    if run.info.status == status:
        return
    if status == "RUNNING":
        client.update_run(run.info.run_id, status)
    else:
        client.set_terminated(run.info.run_id, status, ended)
