"""A model of one's own file: what is asked, what follows from the rows, and the whole of it on a small file."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from pipelines import cli, fit, plan
from pipelines.fit import GOING_ON
from pipelines.params import InterpolateParams, load_params
from pipelines.plan import COVERED, SEARCH, SETTINGS, Asked, covered, settings_of
from pipelines.start import SHIPPED
from vaemol.constraints import all_of
from vaemol.shipped import MODEL
from vaemol.space import MoleculeSpace
from vaeseq import training
from vaeseq.errors import InputError

ROOT = Path(__file__).parents[2]
SMALL = {"embedding": 8, "encoder_hidden": 8, "decoder_hidden": 12, "language_hidden": 8}


@pytest.mark.parametrize("domain", ["molecules", "sentences"])
def test_settings_are_those_of_the_pipeline(domain: str) -> None:
    params = getattr(load_params(ROOT / "params.yaml"), domain)
    settings = SETTINGS[domain] | {
        "train": SETTINGS[domain]["train"] | ({"learning_rate": GOING_ON} if params.model.start else {})
    }
    for section, values in settings.items():
        for name, value in values.items():
            assert getattr(getattr(params, section), name) == value, f"{section}.{name}"
    assert InterpolateParams(**settings["interpolate"]) == params.interpolate.model_copy(update={"named": ()})
    if domain == "molecules":
        assert tuple(SEARCH["require"]) == params.optimize.require


def test_less_time_is_less_of_all() -> None:
    short, usual = (settings_of("molecules", Asked(Path("mine.smi"), minutes), None) for minutes in (3.0, 15.0))
    assert (short["prior"]["steps"], short["interpolate"]["pairs"], short["interpolate"]["random"]) == (300, 2, 1)
    assert settings_of("molecules", Asked(Path("mine.smi"), 60.0), None) == usual


def test_a_corpus_of_few_words_is_cut_into_words_and_one_without_spaces_is_not() -> None:
    chance = random.Random(0)
    assert covered(["the cat sees a dog", "a dog"]) == 1.0
    assert covered([]) == 1.0
    unbroken = ["".join(chance.choices("一二三四五六七八九十", k=12)) for _ in range(20_000)]
    assert covered(unbroken) < COVERED


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    chains = [a + b + c + "c1ccccc1" for a in "CNO" for b in "CNO" for c in ("", "C", "N", "CC", "CO", "CN")]
    rows = [f"{smiles},{i}" for i, smiles in enumerate([*chains, *(f"C{smiles}C" for smiles in chains)])]
    path.write_text("\n".join(["smiles,pIC50", *rows, "C(C,5"]) + "\n", encoding="utf-8")
    return path


def test_a_file_becomes_a_model_and_a_report(
    molecules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "LEAST", 5)
    monkeypatch.setitem(SETTINGS["molecules"], "interpolate", {"pairs": 1, "random": 1})
    monkeypatch.setitem(SETTINGS["molecules"], "model", SMALL)
    scratch = ["fit", "mine.csv", "--minutes", "0.01", "--start", "none"]
    assert cli.vaemol([*scratch, "--output", "told.csv"]) == 0
    with (tmp_path / "told.csv").open(encoding="utf-8") as file:
        (told,) = csv.DictReader(file)
    assert (told["model"], told["report"]) == ("mine-molecules/models/molecules", "mine-molecules/reports/index.html")
    assert int(told["rows"]) + int(told["rejected"]) == 109
    assert int(told["rejected"]) > 0
    assert any(MoleculeSpace.load(tmp_path / told["model"], "cpu").sample(3))
    page = (tmp_path / told["report"]).read_text(encoding="utf-8")
    assert "vaemol sample --model models/molecules" in page
    assert "vaetext" not in page
    train = YAML(typ="safe").load((tmp_path / "mine-molecules/params.yaml").read_text())["molecules"]["train"]
    assert train["steps"] == 5
    assert 0 < train["rate"] < SETTINGS["molecules"]["train"]["rate"], "so short molecules have less to say"
    capfd.readouterr()
    assert cli.vaemol(scratch) == 0
    assert "train" not in capfd.readouterr().err, "what is done is not done again"

    (tmp_path / "mine.txt").write_text("A line.\n" * 9)
    assert cli.vaetext(["fit", "mine.txt", "--start", told["model"]]) == 1
    assert "start must be a model of sentences, got one of 'molecules'" in capfd.readouterr().err
    start = ["--start", told["model"], "--into", "again"]
    assert cli.vaemol(["fit", "mine.csv", "--minutes", "0.01", "--output", "again.json", *start]) == 0
    again = json.loads((tmp_path / "again.json").read_text())[0]
    assert again["rate"] == pytest.approx(max(0.1, float(told["kl"])), abs=1.0), "it goes on at the rate that it has"
    assert not (tmp_path / "again/trial.yaml").read_text().startswith("sentences")


def test_assay_data_are_learnt_by_the_model_of_the_package_and_optimised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings = ("c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccsc1", "c1ccoc1", "C1CCNCC1", "C1CCCC1", "c1cncnc1", "C1CCOC1")
    texts = [
        chain + ring for ring in rings for chain in ("C", "CC", "CO", "CCC", "CCO", "CNC", "COC", "CCCC", "N", "NC")
    ]
    lines = ["smiles,pIC50", *(f"{smiles},{i % 7}" for i, smiles in enumerate(texts))]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "LEAST", 5)
    monkeypatch.setattr(plan, "SEARCH", SEARCH | {"budget": 20, "initial": 10})
    monkeypatch.setitem(SETTINGS["molecules"], "interpolate", {"pairs": 1, "random": 1})
    assert cli.vaemol(["fit", "mine.csv", "--minutes", "0.01", "--property", "pIC50", "--output", "told.json"]) == 0
    (told,) = json.loads((tmp_path / "told.json").read_text())
    assert {"r2_pIC50", "rmse_pIC50", "coverage_90_pIC50"} <= told.keys()
    assert told["exact_reconstruction"] > 0, "five steps from scratch give nothing back"
    folder = tmp_path / "mine-molecules"
    params = YAML(typ="safe").load((folder / "params.yaml").read_text())["molecules"]
    assert params["model"] == {"start": "shipped"}, "no path of the machine"
    assert params["optimize"]["require"] == SEARCH["require"]
    assert MoleculeSpace.load(tmp_path / told["model"], "cpu").latent == MoleculeSpace.load(MODEL.folder, "cpu").latent
    rows = pq.read_table(folder / "data/prepared/molecules/rows.parquet").to_pylist()
    learnt, held_out = ({row["scaffold"] for row in rows if (row["split"] == "train") == of} for of in (True, False))
    assert held_out
    assert not learnt & held_out
    found = json.loads((folder / "reports/molecules/optimize.json").read_text())["property:pIC50"]
    assert found["calls"] == 20
    assert found["best_training"] == max(float(row["source_pIC50"]) for row in rows if row["split"] == "train")
    page = (folder / "reports/index.html").read_text(encoding="utf-8")
    assert "A prediction is no measurement" in page
    assert "Only molecules that hold <code>sa_score&lt;=3.5</code> (easy to make), " in page
    with (folder / "reports/molecules/optimize/calls.csv").open(encoding="utf-8") as file:
        assert all_of(SEARCH["require"])([row["smiles"] for row in csv.DictReader(file)]).all()
    assert "Test rows have scaffolds that no training row has" in page
    assert "<caption>pIC50, predicted</caption>" in page
    assert "vaemol predict SMILES --model models/molecules" in page


def test_sentences_that_go_on_from_a_model_have_one_rate_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "LEAST", 5)
    monkeypatch.setitem(SETTINGS["sentences"], "interpolate", {"pairs": 1, "random": 1, "beams": 2})
    monkeypatch.setitem(SETTINGS["sentences"], "model", SMALL)
    lines = [f"{who} {does} {what}." for who in "abcd" for does in "efgh" for what in "ijklmnop"]
    (tmp_path / "mine.txt").write_text("\n".join(lines) + "\n")
    assert cli.vaetext(["fit", "mine.txt", "--minutes", "0.01"]) == 0
    assert (
        cli.vaetext(
            ["fit", "mine.txt", "--minutes", "0.01", "--start", "mine-sentences/models/sentences", "--into", "on"]
        )
        == 0
    )
    for folder, starts in (("mine-sentences", True), ("on", False)):
        train = YAML(typ="safe").load((tmp_path / folder / "params.yaml").read_text())["sentences"]["train"]
        assert bool(train["rate_start"]) == starts
        assert train["steps"] == 5
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(("behind", "least"), [(False, 0.3), (True, 0.02)])
def test_the_pace_is_that_of_training(behind: bool, least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a clock on which a step takes ``least`` seconds to ask for, and as long to do: a GPU does it meanwhile."""
    state, now, idle_from = SimpleNamespace(step=0), 0.0, 0.0

    def train(state: SimpleNamespace, _: None, *, record_every: int = 50, stop: Callable[[], bool]) -> Iterator[None]:
        nonlocal now, idle_from
        stopped = False
        while not stopped:
            now += least
            idle_from = max(now, idle_from) + least
            state.step += 1
            stopped = stop()
            if not behind or stopped or state.step % record_every == 0:
                now = max(now, idle_from)
                yield

    monkeypatch.setattr(training, "fit", train)
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=lambda: now))
    assert fit._pace(state, None) == pytest.approx(least if behind else 2 * least, rel=0.05)
    assert behind or state.step == fit.WARM + fit.PACED


@pytest.mark.parametrize(
    ("content", "says"),
    [("smiles\nC(C\n", "every split must hold a row"), ("a,b\n1,2\n", "column"), ("", "must hold rows")],
)
def test_a_file_that_is_of_no_use_says_why(
    tmp_path: Path, content: str, says: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(content)
    assert cli.vaemol(["fit", "bad.csv"]) == 1
    err = capfd.readouterr().err
    assert says in err
    assert "Traceback" not in err


def test_sentences_are_cut_as_the_model_that_is_gone_on_from_cuts_them() -> None:
    assert plan._read_by("sentences", SHIPPED["sentences"].folder) == {
        "lower": False,
        "cut": "bpe",
        "vocabulary": 4_000,
    }


@pytest.mark.parametrize(
    ("options", "split"),
    [([], "random"), (["--property", "pIC50"], "scaffold"), (["--property", "pIC50", "--split", "random"], "random")],
)
def test_assay_data_are_split_by_scaffold_unless_another_split_is_asked_for(options: list[str], split: str) -> None:
    asked = Asked(Path("mine.csv"), properties=("pIC50",) if options else (), split="random" if options[2:] else None)
    assert plan.settings_of("molecules", asked, None)["prepare"]["split"] == split


def test_a_seed_is_that_of_every_part_and_what_is_to_be_low_is_sought_low() -> None:
    asked = Asked(Path("mine.csv"), properties=("min:IC50", "solubility"), seed=7)
    settings = plan.settings_of("molecules", asked, None)
    assert {name for name, its in settings.items() if its.get("seed") != 7} == {"model"}
    assert settings["train"]["properties"] == ["IC50", "solubility"]
    assert settings["optimize"]["objectives"] == ["min:property:IC50", "property:solubility"]
    assert "optimize" not in plan.settings_of("sentences", asked, None)


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """How rows are prepared that are told."""

    def read_as(rows: int, *properties: str) -> dict[str, object]:
        monkeypatch.setattr(plan, "survey", lambda *_: ([rows], ["assay", "note"]))
        monkeypatch.setattr(plan.Raw, "load", lambda _: None)
        return plan.read_as("molecules", Asked(Path("mine.csv"), properties=properties), None, tmp_path)

    return read_as


def test_more_is_held_out_of_few_molecules_and_of_measured_ones(fetched: Callable[..., dict[str, object]]) -> None:
    assert fetched(5_000) == {"mean_of": []}
    tenths = {"valid_fraction": 0.1, "test_fraction": 0.1}
    assert fetched(100) == {"mean_of": []} | tenths
    assert fetched(5_000, "min:assay", "qed") == {"mean_of": ["assay"]} | tenths


def test_properties_are_known_before_anything_is_prepared(fetched: Callable[..., dict[str, object]]) -> None:
    with pytest.raises(
        InputError, match=r"column of 'mine\.csv', assay, note, or one that is computed, qed, .*; got 'asay'$"
    ):
        fetched(9, "asay", "note")
    with pytest.raises(InputError, match="asked for once each, got 'assay', 'assay'"):
        fetched(9, "assay", "min:assay")


STAGE = """
import pipelines.stage, os, pathlib, sys, time
from pipelines.signals import asked_to_stop
with asked_to_stop() as asked:
    pathlib.Path("began").write_text(str(os.getpid()))
    end = time.monotonic() + 120
    while not asked() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.5)
    pathlib.Path("saved").touch()
sys.exit(1)
"""


@pytest.mark.parametrize("to", ["the fit alone", "its whole group"])
def test_a_stage_ends_with_its_fit_and_saves_what_it_is_at(to: str, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/__init__.py").write_text(f"__path__.append({str(ROOT / 'pipelines')!r})\n")
    (tmp_path / "pipelines/held.py").write_text(STAGE)
    run = "import pathlib; from pipelines.fit import run_stage; run_stage('held', '', pathlib.Path())"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    above = subprocess.Popen([sys.executable, "-c", run], cwd=tmp_path, env=environment, start_new_session=True)
    _until((tmp_path / "began").exists)
    if to == "the fit alone":
        above.terminate()
    else:
        os.killpg(above.pid, signal.SIGINT)
    _until((tmp_path / "saved").exists)
    above.wait(60)


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert done()
