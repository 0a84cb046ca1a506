"""The stages in the middle, run on a corpus of a few rows as DVC runs them: in a folder, by their literal paths."""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from ruamel.yaml import YAML
from safetensors import safe_open

from pipelines import evaluate, fetch, prepare, prior, train
from pipelines.unbroken import SAVE_SECONDS
from vaeseq import checkpoint
from vaeseq.errors import InputError
from vaeseq.manifold import grid
from vaeseq.space import LatentSpace

ROOT = Path(__file__).parents[2]
ROWS = "data/prepared/sentences/rows.parquet"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the prepared sentences of the tiny params."""
    folder = tmp_path_factory.mktemp("stages")
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "tests/tiny.yaml").read_text(encoding="utf-8"))
    params["sentences"]["data"]["rows"] = 400
    params["sentences"]["train"] |= {"steps": 200, "evaluate_every": 20, "evaluate_rows": 10, "batch_size": 8}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    before = Path.cwd()
    os.chdir(folder)
    fetch.main("sentences")
    prepare.main("sentences")
    os.chdir(before)
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, to work in."""
    folder = tmp_path / "run"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "checkpoints/sentences").glob("*.safetensors"))}


@pytest.mark.parametrize("signal", [1.0, 0.7])
def test_train_and_evaluate_write_what_the_report_reads(here: Path, signal: float) -> None:
    params = (here / "params.yaml").read_text(encoding="utf-8")
    blurred = params.replace("train: {", "train: {code_noise: 0.2, ").replace(
        "prior: {", f"prior: {{signal: {signal}, "
    )
    assert blurred.count("code_noise") == blurred.count("signal") == 2, "in both domains"
    (here / "params.yaml").write_text(blurred, encoding="utf-8")
    train.main("sentences")
    metrics = json.loads((here / "reports/sentences/train.json").read_text(encoding="utf-8"))
    history = _rows(here / "reports/sentences/train/history.csv")
    assert metrics["steps"] == 200
    assert [int(row["step"]) for row in history if row["split"] == "valid"] == list(range(20, 201, 20))
    assert not list((here / "work").rglob("state.safetensors")), "a run that is done is not one to resume"
    prior.main("sentences")
    costs = json.loads((here / "reports/sentences/prior.json").read_text(encoding="utf-8"))
    assert costs["fitted"] < costs.get("prior_of_training", math.inf)
    assert ("prior_of_training" in costs) == (signal == 1)
    assert LatentSpace.load(here / "models/sentences").vae.signal == signal
    evaluate.main("sentences")
    figures = json.loads((here / "reports/sentences/evaluate.json").read_text(encoding="utf-8"))
    assert set(figures) == {"train", "valid", "test", "prior", "prior_fitted"}
    for split in ("train", "valid", "test"):
        assert figures[split]["elbo"] == pytest.approx(-figures[split]["reconstruction"] - figures[split]["kl"])
        assert figures[split]["exact_reconstruction_of"] == figures[split]["rows"]
        given_back = figures[split].get("reconstruction_fitted", figures[split]["reconstruction"])
        assert ("reconstruction_fitted" in figures[split]) == (signal < 1)
        assert figures[split]["elbo_fitted"] == pytest.approx(-given_back - figures[split]["kl_fitted"], abs=1e-3)
    rows = _rows(here / "reports/sentences/evaluate/reconstructions.csv")
    test = [row for row in rows if row["split"] == "test"]
    exact = sum(row["original"] == row["reconstruction"] for row in test) / len(test)
    assert figures["test"]["exact_reconstruction"] == exact
    assert not (here / "reports/sentences/evaluate/manifold.csv").exists(), "the latent has 32 dimensions"


@pytest.mark.parametrize(("kind", "shown"), [("standard_normal", True), ("mixture", False)])
def test_a_plane_is_decoded_all_over_where_its_prior_fills_it_alike(here: Path, kind: str, shown: bool) -> None:
    params = (here / "params.yaml").read_text(encoding="utf-8")
    params = params.replace("steps: 200", "steps: 20").replace("latent: 32", f"latent: 2, prior: {kind}")
    (here / "params.yaml").write_text(params, encoding="utf-8")
    train.main("sentences")
    prior.main("sentences")
    evaluate.main("sentences")
    path = here / "reports/sentences/evaluate/manifold.csv"
    assert path.exists() == shown
    if shown:
        rows, space = _rows(path), LatentSpace.load(here / "models/sentences")
        assert [(int(row["row"]), int(row["column"])) for row in rows] == [(i, j) for i in range(6) for j in range(6)]
        assert [row["text"] for row in rows] == space.decode(grid(6))


def _with(here: Path, **sections: dict[str, object]) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((here / "params.yaml").read_text(encoding="utf-8"))
    for name, values in sections.items():
        params["sentences"][name] |= values
    with (here / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def test_sentences_of_a_frame_share_their_content(here: Path) -> None:
    _with(here, train={"steps": 20})
    train.main("sentences")
    plain = _weights(here)
    _with(here, model={"content": 8}, train={"group": "frame", "group_size": 2})
    train.main("sentences")
    assert LatentSpace.load(here / "checkpoints/sentences", "cpu").vae.content == 8
    assert _weights(here) != plain
    _with(here, train={"group": "scaffold"})
    with pytest.raises(InputError, match=r"sentences\.train\.group must be a column .* got 'scaffold'"):
        train.main("sentences")
    _with(here, model={"content": 0})
    with pytest.raises(InputError, match=r"must be given together, got 'scaffold' and 0"):
        train.main("sentences")


def test_a_model_is_gone_on_from_on_other_rows(here: Path) -> None:
    _with(here, train={"steps": 20})
    train.main("sentences")
    prior.main("sentences")
    (here / "models/sentences").rename(here / "begun")
    _with(here, data={"seed": 1}, train={"learning_rate": 1e-9})
    fetch.main("sentences")
    prepare.main("sentences")
    _with(here, model={"start": "begun", "decoder_hidden": 8})
    with pytest.raises(InputError, match=r"must be the model that the data were prepared for"):
        train.main("sentences")
    prepare.main("sentences")
    train.main("sentences")
    begun, found = (checkpoint.load(here / folder) for folder in ("begun", "checkpoints/sentences"))
    assert found.config == replace(begun.config, prior=begun.config.trained_prior, trained_prior=None)
    assert found.domain["max_length"] >= begun.domain["max_length"]
    for name in ("encoder", "decoder", "language"):
        for old, new in zip(*(getattr(model.vae, name).parameters() for model in (begun, found)), strict=True):
            torch.testing.assert_close(new, old, atol=1e-6, rtol=0)
    _with(here, train={"learning_rate": 1.0})  # steps that can only spoil it
    train.main("sentences")
    assert json.loads((here / "reports/sentences/train.json").read_text(encoding="utf-8"))["best_step"] == 0
    _with(here, prepare={"lower": True}, model={"start": None})
    prepare.main("sentences")
    _with(here, model={"start": "begun"})
    with pytest.raises(InputError, match=r"model\.start must be of lower True, as the data are, got False"):
        train.main("sentences")


def test_properties_are_learnt_and_told_of_every_split(here: Path) -> None:
    _with(here, train={"steps": 60, "properties": ["words", "characters"]})
    train.main("sentences")
    prior.main("sentences")
    evaluate.main("sentences")
    space = LatentSpace.load(here / "models/sentences", "cpu")
    assert space.properties == ("words", "characters")
    assert math.isfinite(space.vae.properties.edge)
    told = _rows(here / "reports/sentences/evaluate/properties.csv")
    kept = json.loads((here / "reports/sentences/evaluate.json").read_text())["properties"]
    assert [float(row["rmse"]) for row in told] == [kept[row["property"]][row["split"]]["rmse"] for row in told]
    assert [(row["property"], row["split"]) for row in told] == [
        (name, split) for split in ("train", "valid", "test") for name in space.properties
    ]
    rows = _rows(here / "reports/sentences/evaluate/predictions.csv")
    test = [row for row in rows if (row["split"], row["property"]) == ("test", "words")]
    assert [int(float(row["measured"])) for row in test] == [len(row["text"].split()) for row in test]
    predicted = space.predict([row["text"] for row in test]).mean[:, 0]
    assert [float(row["predicted"]) for row in test] == pytest.approx(predicted.tolist(), rel=1e-4)
    scarce = [float(i) if i % 30 == 0 else None for i in range(len(pq.read_table(here / ROWS)))]
    pq.write_table(pq.read_table(here / ROWS).append_column("scarce", pa.array(scarce)), here / ROWS)
    _with(here, train={"properties": ["scarce"], "steps": 5}, evaluate={"rows": 3})
    for stage in (train, prior, evaluate):
        stage.main("sentences")
    told = _rows(here / "reports/sentences/evaluate/properties.csv")
    assert [int(row["rows"]) for row in told if row["split"] == "train"] == [3], "of those that are measured"
    _with(here, train={"properties": ["words", "frames"]})
    with pytest.raises(InputError, match=r"train\.properties must be columns"):
        train.main("sentences")


def _saved_step(work: Path) -> int:
    for path in work.rglob("state.safetensors"):
        with safe_open(path, "pt") as file:
            return json.loads(file.metadata()["scalars"])["step"]
    return 0


def test_a_killed_stage_goes_on_to_the_same_weights(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    train.main("sentences")
    whole = _weights(here)
    shutil.rmtree(here / "checkpoints")
    capfd.readouterr()
    train.main("sentences")  # as where DVC was killed before it had noted that the stage is done
    assert _weights(here) == whole
    assert "resumed at step 200" in capfd.readouterr().err
    shutil.rmtree(here / "checkpoints")
    environment = os.environ | {
        "LATENTPATH_WORK": str(tmp_path / "work"),
        SAVE_SECONDS: "0",
        "PYTHONPATH": str(ROOT),
    }
    one_thread = "import torch; torch.set_num_threads(1)"  # as here: more would add in another order
    script = f"{one_thread}; from pipelines import train; train.main('sentences')"
    stage = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not _saved_step(tmp_path / "work") and time.monotonic() < deadline:
        time.sleep(0.01)
    stage.kill()
    stage.wait()
    assert not (here / "checkpoints").exists(), "it was to be killed midway"
    monkeypatch.setenv("LATENTPATH_WORK", str(tmp_path / "work"))
    assert 0 < _saved_step(tmp_path / "work") < 200
    train.main("sentences")
    assert _weights(here) == whole


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nowhere"], "usage: python -m pipelines.train"), (["molecules"], "error: 'params.yaml' must be")],
)
def test_a_stage_says_what_is_wrong_in_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.train", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def hosts() -> Iterator[list[tuple[list[str], str]]]:
    """Two hosts with a cable between them: what runs a command there, and the name of its end of the cable."""
    names, ends = [f"latentpath-{os.getpid()}-{i}" for i in (1, 2)], ["cable-1", "cable-2"]
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to make network namespaces, and ip of iproute2")
    try:
        cable = ["ip", "-n", names[0], "link", "add", ends[0], "type", "veth", "peer", ends[1], "netns", names[1]]
        subprocess.run(cable, check=True)
        for i, (name, end) in enumerate(zip(names, ends, strict=True), 1):
            for rest in (["addr", "add", f"10.77.0.{i}/24", "dev", end], ["link", "set", end, "up"]):
                subprocess.run(["ip", "-n", name, *rest], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield [(["ip", "netns", "exec", name], end) for name, end in zip(names, ends, strict=True)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def test_two_hosts_train_as_one(here: Path, tmp_path: Path, hosts: list[tuple[list[str], str]]) -> None:
    params = (here / "params.yaml").read_text(encoding="utf-8")
    (here / "params.yaml").write_text(params.replace("steps: 200", "steps: 40"), encoding="utf-8")
    shutil.copytree(here, tmp_path / "alone")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    launcher += ["--master-addr", "10.77.0.1", "--master-port", "29500"]
    running = [
        subprocess.Popen(
            [*at, *launcher, "--node-rank", str(rank), "-m", "pipelines.train", "sentences"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": end},
            cwd=here,
        )
        for rank, (at, end) in enumerate(hosts)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    os.chdir(tmp_path / "alone")
    train.main("sentences")
    curves = [_rows(folder / "reports/sentences/train/history.csv") for folder in (here, tmp_path / "alone")]
    assert len(curves[0]) == len(curves[1]) > 2
    for shared, own in zip(*curves, strict=True):
        for name in ("step", "epoch", "loss", "elbo", "reconstruction", "kl", "beta"):
            # bfloat16 where the machine has units for it: sums in another order differ in the third digit.
            assert shared[name] == own[name] or float(shared[name]) == pytest.approx(float(own[name]), rel=0.01), name
