import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pipelines import optimize
from pipelines.params import domain_params
from vaemol.molecule import parse, tanimoto
from vaemol.notation import SELFIES_PATTERN, symbols, to_text
from vaemol.oracles import oracle_of
from vaemol.properties import properties
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer

TINY = Path(__file__).parents[1] / "tiny.yaml"
SMILES = ["CCO", "CCCO", "CC(=O)Oc1ccccc1C(=O)O", "NC1CCCC1O", "c1ccncc1", "CCOC(=O)C#N", "CN1CCCCC1", "CCCl"]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder with params, prepared rows and an untrained model of molecules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTPATH_WORK", str(tmp_path / "elsewhere"))
    Path("params.yaml").write_text(
        TINY.read_text().replace("budget: 30", "budget: 12").replace("batch: 10", "batch: 4")
    )
    prepared = Path("data/prepared/molecules")
    prepared.mkdir(parents=True)
    measured = [properties(parse(smiles)) | {"source_pIC50": str(i)} for i, smiles in enumerate(SMILES)]
    rows = [{"smiles": smiles} | its for smiles, its in zip(SMILES, measured, strict=True)]
    splits = ["train"] * 7 + ["test"]
    pq.write_table(pa.Table.from_pylist([*rows, *rows]).append_column("split", [splits * 2]), prepared / "rows.parquet")
    written = {symbol for smiles in SMILES for symbol in symbols(to_text(smiles, "selfies"), "selfies")}
    tokenizer = Tokenizer.of_symbols(written, SELFIES_PATTERN)
    config = VAEConfig(
        tokenizer.size, 6, 8, EncoderConfig("bilstm", 16), DecoderConfig("lstm", 24), properties=("pIC50",)
    )
    torch.manual_seed(0)
    vae = SequenceVAE.build(config)
    with torch.no_grad():  # an untrained model is nearly deaf to z
        for parameter in vae.parameters():
            parameter.mul_(4)
    domain = {"name": "molecules", "notation": "selfies", "max_length": 20}
    checkpoint.save(Path("models/molecules"), Checkpoint(vae, config, tokenizer, domain), card="a test's model")
    return tmp_path


def table(name):
    with Path("reports/molecules/optimize", name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kept_calls(house):
    return next((house / "elsewhere").rglob("calls.csv"))


def test_every_run_spends_its_budget_and_its_best_is_shown(house):
    optimize.main("molecules")
    rows = table("calls.csv")
    assert list(rows[0]) == ["objective", "method", "seed", "call", "smiles", "value", "best_so_far", "seconds"]
    runs = {(row["objective"], row["method"]) for row in rows}
    assert runs == {(o, m) for o in ("qed", "penalised_log_p") for m in ("structural", "random_prior")}
    for run in runs:
        mine = [row for row in rows if (row["objective"], row["method"]) == run]
        assert [int(row["call"]) for row in mine] == list(range(1, 13))
        best = [float(row["best_so_far"]) for row in mine if row["best_so_far"]]
        assert best == sorted(best)
    best = table("best.csv")
    assert [int(row["rank"]) for row in best if row["objective"] == "qed"] == list(range(1, 11))
    for row in best:
        assert float(row["value"]) == pytest.approx(oracle_of(row["objective"])([row["smiles"]])[0], abs=1e-4)
        alike = {known: tanimoto(row["smiles"], known) for known in SMILES[:7]}
        assert float(row["nearest_training_similarity"]) == pytest.approx(max(alike.values()), abs=1e-4)
        assert alike[row["nearest_training"]] == max(alike.values())
    figures = json.loads(Path("reports/molecules/optimize.json").read_text())
    assert figures["qed"]["calls"] == figures["qed"]["random_calls"] == 12
    assert figures["qed"]["best"] == pytest.approx(float(best[0]["value"]), abs=1e-4)
    assert figures["qed"]["best"] >= figures["qed"]["best_at_start"]
    assert figures["qed"]["best_training"] == max(properties(parse(smiles))["qed"] for smiles in SMILES[:7])
    assert figures["penalised_log_p"]["best_training"] is None


def test_shifts_are_quantiles_of_training_rows_draws_and_the_best(house):
    optimize.main("molecules")
    rows = {(row["objective"], row["property"], row["molecules"]): row for row in table("shifts.csv")}
    assert len(rows) == 2 * 6 * 3
    weights = {
        "training": [properties(parse(smiles))["molecular_weight"] for smiles in SMILES[:7] * 2],
        "random": [
            properties(parse(row["smiles"]))["molecular_weight"]
            for row in table("calls.csv")
            if (row["objective"], row["method"]) == ("qed", "random_prior")
        ],
        "best": [float(row["molecular_weight"]) for row in table("best.csv") if row["objective"] == "qed"],
    }
    for group, values in weights.items():
        row = rows["qed", "molecular_weight", group]
        assert int(row["count"]) == len(values)
        assert [float(row[q]) for q in ("q05", "q50", "q95")] == pytest.approx(
            np.quantile(values, [0.05, 0.5, 0.95]), rel=1e-4
        )
    medians = json.loads(Path("reports/molecules/optimize.json").read_text())["qed"]["median"]
    assert medians["best"]["molecular_weight"] == float(rows["qed", "molecular_weight", "best"]["q50"])


def change(was, now):
    text = Path("params.yaml").read_text()
    assert was in text
    Path("params.yaml").write_text(text.replace(was, now))


def test_a_search_may_start_from_the_best_training_rows_which_are_not_found(house):
    change("[qed, penalised_log_p]", "[qed]\n    start: training")
    change("initial: 10", "initial: 4")
    optimize.main("molecules")
    rows, methods = table("calls.csv"), ("structural", "random_prior")
    calls = {method: [row for row in rows if row["method"] == method] for method in methods}
    ranked = sorted(SMILES[:7], key=lambda smiles: -properties(parse(smiles))["qed"])
    assert {row["smiles"] for row in calls["structural"][:4]} == set(ranked[:4])
    assert {row["smiles"] for row in calls["random_prior"][:4]} != set(ranked[:4])
    best = [row["smiles"] for row in table("best.csv")]
    assert best
    assert not set(best) & set(SMILES[:7])
    figures = json.loads(Path("reports/molecules/optimize.json").read_text())["qed"]
    assert figures["best_at_start"] == pytest.approx(figures["best_training"], abs=1e-4)
    assert figures["best"] == pytest.approx(float(table("best.csv")[0]["value"]), abs=1e-4)
    assert figures["calls"] == 12


def test_the_start_is_as_many_calls_as_there_were_rows_for_it(house, monkeypatch):
    change("[qed, penalised_log_p]", "[qed]\n    start: training")
    change("[sa_score<=9]", "['smarts:C=O']")
    change("budget: 12", "budget: 3")
    counts = []
    monkeypatch.setattr(optimize, "figures", lambda *of: counts.append(of[-1]) or {})
    optimize.main("molecules")
    assert counts == [2], "aspirin and the nitrile are the training rows that hold it"


def test_each_seed_is_a_run_of_its_own_and_figures_are_over_all(house):
    change("[qed, penalised_log_p]", "[qed]\n    seeds: 2")
    optimize.main("molecules")
    rows = [row for row in table("calls.csv") if row["method"] == "structural"]
    tens = []
    for seed in "01":
        values = sorted((float(row["value"]) for row in rows if row["seed"] == seed), reverse=True)
        assert len(values) == 12
        tens.append(sum(values[:10]) / 10)
    figures = json.loads(Path("reports/molecules/optimize.json").read_text())["qed"]
    assert figures["calls"] == 24
    assert figures["top_10"] == pytest.approx(sum(tens) / 2, abs=1e-5)
    assert [figures["top_10_least"], figures["top_10_most"]] == pytest.approx(sorted(tens), abs=1e-5)
    best = [row["smiles"] for row in table("best.csv")]
    assert len(set(best)) == len(best) == 10
    assert figures["best"] == pytest.approx(max(float(row["value"]) for row in rows), abs=1e-5)


def test_a_front_is_what_no_other_call_beats(house):
    change("[qed, penalised_log_p]", "[qed]\n    front: [qed, 'min:sa_score']")
    optimize.main("molecules")
    assert {row["objective"] for row in table("calls.csv")} == {"qed"}
    calls = [row for row in table("front_calls.csv") if row["method"] == "structural"]
    assert len(calls) == 12
    values = {row["smiles"]: (float(row["qed"]), float(row["min:sa_score"])) for row in calls}
    kept = {
        smiles
        for smiles, own in values.items()
        if not any(all(a >= b for a, b in zip(its, own, strict=True)) and its != own for its in values.values())
    }
    front = table("front.csv")
    assert {row["smiles"] for row in front} == kept
    assert [float(row["qed"]) for row in front] == sorted((float(row["qed"]) for row in front), reverse=True)
    for row in front:
        assert float(row["min:sa_score"]) == pytest.approx(-float(row["sa_score"]), abs=2e-4)
    figures = json.loads(Path("reports/molecules/optimize.json").read_text())["front"]
    assert (figures["on_front"], figures["calls"], figures["random_calls"]) == (len(kept), 12, 12)
    assert {row["objective"] for row in table("shifts.csv")} == {"qed", "front"}


@pytest.mark.parametrize(
    ("front", "says"),
    [("[qed]", "must be of several"), ("[qed, qed]", "each once"), ("[qed, log_p]\n    method: ascent", "climbs one")],
)
def test_a_front_that_is_none_is_said(house, front, says):
    change("    method: structural\n", "")
    change("budget: 12", f"budget: 12\n    front: {front}")
    with pytest.raises(InputError, match=says):
        optimize.main("molecules")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.9])
def test_a_killed_run_goes_on(house, share, monkeypatch):
    optimize.main("molecules")
    rows, log = table("calls.csv"), kept_calls(house)
    content = log.read_bytes()
    log.write_bytes(content[: int(share * len(content))])
    shutil.rmtree("reports")
    asked, named = [], optimize.objective_in

    def counting(space, name, **how):
        oracle = named(space, name, **how)
        return counted(oracle, asked) if name == "qed" else oracle

    monkeypatch.setattr(optimize, "objective_in", counting)
    optimize.main("molecules")
    # The cut may leave the name of one call that is made again.
    assert 0 <= len(asked) - (24 - content[: int(share * len(content))].count(b'"qed"')) <= 1
    columns = ("objective", "method", "call", "smiles", "value", "best_so_far")
    assert [[row[name] for name in columns] for row in table("calls.csv")] == [
        [row[name] for name in columns] for row in rows
    ]


def counted(oracle, asked):
    def count(smiles):
        asked.extend(smiles)
        return oracle(smiles)

    return count


def test_other_settings_model_code_or_rows_to_start_from_start_afresh(house, monkeypatch, tmp_path):
    def work(**other):
        return optimize._work(domain_params("molecules").optimize.model_copy(update=other))

    begun = work()
    assert work() == begun
    assert begun.parent == house / "elsewhere"
    assert work(max_heavy_atoms=20) != begun
    assert work(seeds=3, objectives=("log_p",), method="genetic") == begun, "each call says which search it is of"
    filtered = work(require=(f"filters:{tmp_path}",))
    (tmp_path / "patterns.txt").write_text("C")
    assert work(require=(f"filters:{tmp_path}",)) != filtered
    on_rows = work(start="training")
    with optimize.ROWS.open("ab") as rows:
        rows.write(b"another")
    assert work(start="training") != on_rows
    assert work() == begun, "no row decides it"
    Path("models/molecules/another.json").write_text("{}")
    assert work() != begun
    Path("models/molecules/another.json").unlink()
    written = [tmp_path / f"{name}.py" for name in ("vaemol", "vaeseq", "pipelines.optimize", "pipelines.findings")]
    (tmp_path / "pipelines.columns.py").touch()
    monkeypatch.setattr(optimize, "code_of", lambda *packages: [tmp_path / f"{package}.py" for package in packages])
    keys = set()
    for changed in (None, *written):
        for path in written:
            path.write_text(f"# {path == changed}")
        keys.add(work())
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("objectives", "method", "says"),
    [
        ("[qed, zaleplon]", "structural", r"objective must be .*, got 'zaleplon'; is it zaleplon_mpo"),
        ("['property:pIC50', 'min:sa_score']", "ascent", "ascent must climb what .*: pIC50; got 'min:sa_score'"),
    ],
)
def test_a_wrong_objective_is_named_before_the_first_search(house, objectives, method, says):
    change("[qed, penalised_log_p]", objectives)
    change("method: structural", f"method: {method}")
    with pytest.raises(InputError, match=says):
        optimize.main("molecules")
    assert not list((house / "elsewhere").rglob("calls.csv"))


def test_a_program_may_take_as_long_as_the_parameters_say(house, monkeypatch):
    limits, named = [], optimize.objective_in
    change("budget: 12", "budget: 12\n    seconds: 0.5")
    monkeypatch.setattr(optimize, "objective_in", lambda *of, **how: limits.append(how["seconds"]) or named(*of, **how))
    optimize.main("molecules")
    assert set(limits) == {0.5}


def test_a_program_is_asked_once_for_a_molecule_whatever_asks(house):
    noted = "import sys\nfor t in sys.stdin: print(t, end='', file=open('log', 'a')) or print(len(t))"
    Path("program.py").write_text(noted)
    change("[qed, penalised_log_p]", "['command:python3 program.py']")
    change("[sa_score<=9]", "['command:python3 program.py>=4']")
    optimize.main("molecules")
    assert len(asked := Path("log").read_text().split()) == len(set(asked)) >= 12


def test_sentences_have_nothing_to_optimise(house):
    with pytest.raises(InputError, match="domain must be molecules, got 'sentences'"):
        optimize.main("sentences")
    shutil.rmtree("models")
    with pytest.raises(InputError, match="models/molecules"):
        optimize.main("molecules")
