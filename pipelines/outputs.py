"""What a stage left behind, read from its files.

The files are the truth. What MLflow shows is made from here, and nothing is ever read back from MLflow.
"""

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.params import read_yaml
from vaeseq.errors import InputError

# Every stage of a domain in the order in which they run, with the sections of params.yaml that decide its result.
SECTIONS = {
    "fetch": ("data",),
    "prepare": ("data", "prepare"),
    "train": ("data", "prepare", "model", "train"),
    "prior": ("data", "prepare", "model", "train", "prior"),
    "evaluate": ("data", "prepare", "model", "train", "prior", "evaluate"),
    "interpolate": ("data", "prepare", "model", "train", "prior", "interpolate"),
    "optimize": ("data", "prepare", "model", "train", "prior", "optimize"),
}
_LONGEST_NAME = 250  # of a param or a metric, for MLflow
LARGEST = 16_000_000  # bytes; DVC keeps what is larger, MLflow gets what a person opens


@dataclass(frozen=True)
class Point:
    """One value of one metric.

    Attributes:
        name: As MLflow shows it; ``/`` opens a group.
        value: Always finite.
        step: Optimiser steps done, 0 where the stage has no steps.
        milliseconds: Since 1970.
    """

    name: str
    value: float
    step: int
    milliseconds: int


@dataclass(frozen=True)
class Outputs:
    """All that is told about one run of one stage.

    Attributes:
        domain: ``molecules`` or ``sentences``.
        stage: A key of ``SECTIONS``.
        domain_params: All params of the domain, flat, as text.
        params: Those that decide the result of this stage.
        data: What ``data_set`` gives.
        points: No two with the same name and step.
        files: Artifact path to file.
        started: Milliseconds since 1970; 0 where nothing has been written.
        ended: The same.
    """

    domain: str
    stage: str
    domain_params: dict[str, str]
    params: dict[str, str]
    data: dict[str, object]
    points: list[Point]
    files: dict[str, Path]
    started: int
    ended: int

    @property
    def key(self) -> str:
        """The same for two runs of a domain if and only if their params and the bytes of their data are the same."""
        text = json.dumps([self.domain, self.domain_params, self.data.get("sha256")], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def last_file(domain: str, stage: str, root: Path) -> Path:
    """The file that a stage writes last; DVC deletes it before the stage runs."""
    match stage:
        case "fetch":
            return root / "data" / "raw" / domain / "source.json"
        case "prepare":
            return root / "data" / "prepared" / domain / "summary.json"
    return root / "reports" / domain / f"{stage}.json"


def stage_outputs(domain: str, stage: str, params: dict[str, object], root: Path) -> Outputs:
    """Read the files of one stage; a file that is not there yet is left out.

    Args:
        domain: ``molecules`` or ``sentences``.
        stage: A key of ``SECTIONS``.
        params: The domain's params, sections by name.
        root: The repository.
    """
    last, history = last_file(domain, stage, root), root / "reports" / domain / stage / "history.csv"
    newest = max((_modified(path) for path in (last, history) if path.is_file()), default=0)
    rows = history_rows(history) if history.is_file() else []
    started = newest - int(1000 * max((row.get("seconds") or 0.0 for _, _, row in rows), default=0.0))
    # The same quantity is in the history and, for the state that was kept, in the stage's own figures.
    points = [
        *_history_points(rows, started),
        *_call_points(root / "reports" / domain / stage / "calls.csv", newest),
    ] + [Point(f"kept/{name}" if rows else name, value, 0, newest) for name, value in _figures(last)]
    decisive = {k: v for k, v in params.items() if k in SECTIONS[stage] or not isinstance(v, dict)}
    return Outputs(
        domain=domain,
        stage=stage,
        domain_params=flat(params),
        params=flat(decisive),
        data=data_set(domain, root),
        points=list({(point.name, point.step): point for point in reversed(points)}.values())[::-1],
        files=_files(domain, stage, root),
        started=started,
        ended=newest,
    )


def history_rows(path: Path) -> list[tuple[str, int, dict[str, float]]]:
    """Split, step and the finite numbers of each row of a training history.

    A last line without its end is still being written and is left out.

    Raises:
        InputError: The file is no such table.
    """
    text = path.read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    try:
        return [(row.pop("split"), int(row.pop("step")), dict(_numbers(row))) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} must be a table of numbers with split and step, got {error!r}; run train") from error


def _numbers(row: dict[str, str]) -> Iterator[tuple[str, float]]:
    for name, text in row.items():
        if text and math.isfinite(value := float(text)):
            yield name, value


def _history_points(rows: list[tuple[str, int, dict[str, float]]], started: int) -> Iterator[Point]:
    for split, step, row in rows:
        moment = started + int(1000 * row.get("seconds", 0.0))
        for name, value in row.items():
            yield Point(metric_name(f"{split}/{name}"), value, step, moment)


def _call_points(path: Path, newest: int) -> Iterator[Point]:
    """The best value of each search so far, a step an oracle call."""
    if path.is_file():
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            if row["best_so_far"]:
                name = f"{row['objective']}/{row['method']}/best_so_far/seed_{row['seed']}"
                yield Point(metric_name(name), float(row["best_so_far"]), int(row["call"]), newest)


def read_json(path: Path) -> dict[str, object]:
    """A file that holds one JSON object.

    Raises:
        InputError: It does not.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} must be JSON, got {error}; run the stage that writes it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must be a JSON object, got {content!r:.80}; run the stage that writes it again")
    return content


def _figures(path: Path) -> Iterator[tuple[str, float]]:
    if path.is_file():
        for name, value in _leaves(read_json(path), "/"):
            if isinstance(value, int | float) and math.isfinite(value):
                yield metric_name(name), float(value)


def metric_name(name: str) -> str:
    """A name that MLflow accepts; a part between slashes that it would not has a mark of what it was behind it."""
    accepted = re.sub(r"[^/]*[^\w\-. :/][^/]*", lambda part: _accepted(part[0], len(part[0])), name, flags=re.ASCII)
    return accepted if len(accepted) <= _LONGEST_NAME else _accepted(accepted, _LONGEST_NAME - 9)


def _accepted(part: str, most: int) -> str:
    replaced = re.sub(r"[^\w\-. :/]", "_", part[:most], flags=re.ASCII)
    return f"{replaced}_{hashlib.sha256(part.encode()).hexdigest()[:8]}"


def flat(params: dict[str, object]) -> dict[str, str]:
    """Nested params as ``section.name: text``; of a model that is gone on from its name alone, for its sizes count."""
    model = params.get("model")
    if isinstance(model, dict) and model.get("start"):
        params = params | {"model": {"start": model["start"]}}
    return {metric_name(name): _shown(value)[:500] for name, value in _leaves(params, ".")}


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _leaves(value: object, separator: str, prefix: str = "") -> Iterator[tuple[str, object]]:
    if not isinstance(value, dict):
        yield prefix, value
        return
    for name, child in value.items():
        yield from _leaves(child, separator, f"{prefix}{separator}{name}" if prefix else str(name))


def _files(domain: str, stage: str, root: Path) -> dict[str, Path]:
    last, reports = last_file(domain, stage, root), root / "reports" / domain / stage
    found = {last.name: last} | {str(path.relative_to(reports)): path for path in sorted(reports.rglob("*"))}
    if stage == "prepare":
        found["rejects.csv"] = last.with_name("rejects.csv")
    if stage == "prior":
        model = root / "models" / domain
        found |= {f"model/{path.relative_to(model)}": path for path in sorted(model.rglob("*"))}
    return {name: path for name, path in found.items() if path.is_file() and path.stat().st_size <= LARGEST}


def digest(files: dict[str, Path]) -> str:
    """One hash of the names and the contents of files."""
    lines = [f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}" for name, path in sorted(files.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000


def data_set(domain: str, root: Path) -> dict[str, object]:
    """Name, licence, sha256 and, where known, number of rows of the data behind a domain; empty before ``fetch``."""
    path = last_file(domain, "fetch", root)
    if not path.is_file():
        return {}
    source = read_json(path)
    hashes = sorted(file["sha256"] for file in source.get("files", []))
    sha256 = hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    facts = {"name": source["name"], "licence": source.get("licence", ""), "sha256": sha256}
    summary = last_file(domain, "prepare", root)
    if summary.is_file():
        facts["rows"] = read_json(summary).get("accepted")
    return facts


def domain_params(domain: str, root: Path) -> dict[str, object]:
    """The params of one domain as ``params.yaml`` has them now, plain values outside the domains included."""
    params = _yaml(root / "params.yaml")
    return {k: v for k, v in params.items() if not isinstance(v, dict)} | dict(params.get(domain, {}))


def recorded(domain: str, root: Path) -> tuple[dict[str, object], list[str]]:
    """The params that the files on disk were made with, and the stages whose files they explain.

    ``params.yaml`` may have been edited since the last run: what ``dvc.lock`` says is laid over it. A stage is left
    out when its last file is not there, or when an earlier stage has run again since.
    """
    params = domain_params(domain, root)
    complete = [stage for stage in SECTIONS if last_file(domain, stage, root).is_file()]
    lock = _yaml(root / "dvc.lock").get("stages", {})
    entries = {stage: lock[f"{stage}@{domain}"] for stage in complete if f"{stage}@{domain}" in lock}
    outdated = _outdated(entries)
    for entry in (entry for stage, entry in entries.items() if stage not in outdated):
        for name, value in entry.get("params", {}).get("params.yaml", {}).items():
            _lay(params, name.removeprefix(f"{domain}.").split("."), value)
    return params, [stage for stage in complete if stage not in outdated]


def _lay(params: dict[str, object], names: list[str], value: object) -> None:
    for name in names[:-1]:
        params = params.setdefault(name, {})
    params[names[-1]] = value


def _outdated(entries: dict[str, dict]) -> set[str]:
    """Stages that read another version of a file than the stage that wrote it has left."""
    written = {
        out["path"]: (stage, out.get("md5")) for stage, entry in entries.items() for out in entry.get("outs", [])
    }
    stale: set[str] = set()
    for stage, entry in entries.items():
        for dep in entry.get("deps", []):
            writer, md5 = written.get(dep["path"], (None, dep.get("md5")))
            if writer in stale or md5 != dep.get("md5"):
                stale.add(stage)
    return stale


def _yaml(path: Path) -> dict[str, object]:
    return (read_yaml(path) if path.is_file() else None) or {}
