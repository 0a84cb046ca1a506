"""The study over experiments that are commits with a ``dvc.lock``, as DVC keeps them, and over DVC itself."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipelines import study
from vaeseq.errors import InputError

ROOT = Path(__file__).parents[2]
FIGURES = {
    "elbo": -40.0,
    "reconstruction": 30.0,
    "kl": 10.0,
    "mutual_information": 5.5,
    "mutual_information_cap": 6.5,
    "active_units": 1.0,
    "exact_reconstruction": 0.25,
    "rows": 700,
}
Queue = Callable[..., dict[str, object]]


def _git(*arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Makes an experiment as ``dvc exp show --json`` tells of it, in a repository of its own."""
    monkeypatch.chdir(tmp_path)
    _git("init", "--quiet")

    def experiment(
        name: str,
        latent: int,
        *,
        domain: str = "sentences",
        seed: int = 0,
        rate: float | None = 10.0,
        steps: int = 40,
        metrics: dict[str, object] | None = None,
        **figures: float,
    ) -> dict[str, object]:
        train = {"seed": seed, "rate": rate, "steps": steps}
        ran = {"train": {f"{domain}.model": {"latent": latent}, f"{domain}.train": train}}
        stages = {f"{stage}@{domain}": {"params": {"params.yaml": ran.get(stage, {})}} for stage in study.STAGES}
        with Path("dvc.lock").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump({"schema": "2.0", "stages": stages}, file)
        _git("add", "dvc.lock")
        _git("commit", "--quiet", "--allow-empty", "--message", name)
        kept = {f"reports/{domain}/evaluate.json": {"data": {"test": FIGURES | figures}}}
        data = {"metrics": kept if metrics is None else metrics, "params": {"params.yaml": {"data": "moved on since"}}}
        return {"revs": [{"name": name, "rev": _git("rev-parse", "HEAD"), "data": data}], "name": name}

    return experiment


def _shown(*experiments: dict[str, object]) -> list[dict[str, object]]:
    return [{"rev": "workspace", "experiments": None}, {"rev": "abc", "experiments": list(experiments)}]


def test_each_model_counts_once_with_what_its_stages_ran_with(queue: Queue) -> None:
    error = {"reports/sentences/evaluate.json": {"error": {"type": "FileNotFoundError"}}}
    failed = {"revs": [{"name": "failed", "rev": "0" * 40, "data": None}], "name": "failed"}
    shown = _shown(queue("b", 20), queue("a", 5), queue("again", 5), queue("c", 64, metrics=error), failed)
    found = study.trials("sentences", shown)
    assert [(trial.experiment, trial.latent, trial.split) for trial in found] == [("a", 5, "test"), ("b", 20, "test")]
    assert found[0].params == {"model.latent": "5", "train.rate": "10.0", "train.seed": "0", "train.steps": "40"}
    assert study.trials("molecules", shown) == []


def test_figures_of_stages_that_an_experiment_did_not_run_are_not_its_own(queue: Queue) -> None:
    of_both = {f"reports/{domain}/evaluate.json": {"data": {"test": FIGURES}} for domain in study.DOMAINS}
    shown = _shown(queue("a", 5, metrics=of_both))
    assert len(study.trials("sentences", shown)) == 1
    assert study.trials("molecules", shown) == []


def test_a_line_differs_in_nothing_but_dimension_and_seed(queue: Queue) -> None:
    some = [queue("a", 2), queue("b", 5, seed=3), queue("c", 5, rate=None)]
    lines = study.named(study.trials("sentences", _shown(*some)))
    names = {name: [trial.experiment for trial in its] for name, its in lines.items()}
    assert names == {"rate 10": ["a", "b"], "plain bound, no rate": ["c"]}
    lines = study.named(study.trials("sentences", _shown(*some, queue("d", 2, steps=80))))
    assert set(lines) == {"rate 10, train.steps 40", "rate 10, train.steps 80", "plain bound, no rate, train.steps 40"}


def test_the_table_and_the_pictures_say_what_was_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [queue(f"e{latent}", latent, elbo=-40.0 - latent) for latent in (64, 2)]
    shown = _shown(*some, queue("m", 5, domain="molecules", rate=None))
    monkeypatch.setattr(study, "_dvc", lambda *_: json.dumps(shown))
    study.main()
    with Path("reports/study/study.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    told = [(row["domain"], row["latent"], row["rate"], row["elbo"], row["experiment"]) for row in rows]
    assert told == [
        ("molecules", "5", "", "-40.0", "m"),
        ("sentences", "2", "10.0", "-42.0", "e2"),
        ("sentences", "64", "10.0", "-104.0", "e64"),
    ]
    drawn = Path("reports/study/sentences.svg").read_bytes()
    assert all(word in drawn for word in (b"Mutual information", b"Exact reconstruction", b">rate 10<", b">64<"))
    study.main()
    assert Path("reports/study/sentences.svg").read_bytes() == drawn


def test_seeds_of_a_line_are_their_mean_and_a_band(queue: Queue) -> None:
    some = [queue(f"{latent}.{seed}", latent, seed=seed, kl=10.0 + seed) for latent in (2, 5) for seed in (0, 2)]
    axes = study.picture("sentences", study.named(study.trials("sentences", _shown(*some)))).axes[2]
    assert axes.get_title(loc="left") == "KL"
    assert axes.lines[0].get_ydata().tolist() == [11.0, 11.0]
    assert list(axes.lines[1].get_ydata()) == [10.0, 10.0], "the rate that was asked for"
    (band,) = axes.collections
    assert {y for path in band.get_paths() for _, y in path.vertices.tolist()} == {10.0, 12.0}


def test_without_experiments_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_dvc", lambda *_: json.dumps(_shown()))
    with pytest.raises(InputError, match="got none that ended well; run `make study`"):
        study.main()


def test_a_command_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'git show 0:dvc.lock' must succeed, and said 'fatal: "):
        study._said(["git", "show", "0:dvc.lock"])


@pytest.mark.slow  # two models, small as they are, each in a folder of its own
def test_dvc_runs_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True).split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "params.yaml").write_bytes((ROOT / "tests/tiny.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    _git("init", "--quiet")
    _git("add", ".")
    _git("commit", "--quiet", "--message", "tiny")
    ready = tmp_path / "work/ready"
    ready.parent.mkdir()
    ready.touch()
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    given = [f"READY={ready}", f"VENV={Path(sys.executable).parents[1]}", "LATENTS=2,3"]
    subprocess.run(["make", "study", *given], env=environment, check=True)
    with Path("reports/study/study.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["domain"], row["latent"], row["rate"]) for row in rows] == [
        (domain, latent, "10") for domain in study.DOMAINS for latent in ("2", "3")
    ]
    assert _git("status", "--porcelain") == ""
