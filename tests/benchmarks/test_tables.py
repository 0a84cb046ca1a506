import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import tables

ROOT = Path(__file__).parents[2]


def test_the_tables_are_those_of_the_result_files() -> None:
    subprocess.run([sys.executable, "-m", "benchmarks.tables", "--check"], cwd=ROOT, check=True)


def test_a_table_shows_the_figures_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    monkeypatch.setattr(tables, "ROWS", {"thing": (("a.b", "what", "nats"), ("a.c", "not yet", "nats"))})
    assert tables.table("thing") == "Not yet measured.\n"
    _write(tmp_path / "thing.json", {"a": {"b": 0.12345}})
    assert "| what | 0.123 | nats |" in tables.table("thing")
    assert "| not yet |" not in tables.table("thing")
    assert "\nNot yet measured: not yet.\n" in tables.table("thing")
    told = (
        "`make it`, data `set`, seed 0; budget: steps 4,000, batch size 64, seconds 12.3, method plain; 2 CPU cores, P"
    )
    assert f"{told}, 2026-01-01." in tables.table("thing")
    _write(tmp_path / "thing.json", {"a": {"b": 0.12345, "c": 1.0}}, {})
    assert "`make it`, data `set`, seed 0; 2 CPU cores, P, 2026-01-01." in tables.table("thing")
    assert "Not yet" not in tables.table("thing")


def test_a_matrix_has_a_row_for_each_model_and_empty_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    columns = (("{}.nats", "bound", "nats"), ("{}.kl", "KL", "nats"))
    found = {"first_one": {"nats": 3.0, "kl": 0.5}, "linear": {"kl": 1.25}, "cap": 7.0}
    found |= {"pace": {"first_one": 2.0}, "first_one_of_seed_1": {"nats": 4.0}}
    seeds = {"first_one": {"nats": {"mean": 3.0, "least": 2.5, "most": 4.0}}}
    matrices = {"all": tables.Matrix("file", "model", columns)}
    matrices |= {"seeds": tables.Matrix("file", "model", columns, under="over_seeds")}
    rates = (("kl_{}", "KL", "nats"), ("active_{}", "active", "fraction"))
    matrices |= {"rates": tables.Matrix("file", "rate", rates, rows=("5", "10"), labels={"10": "ten"})}
    monkeypatch.setattr(tables, "MATRICES", matrices)
    _write(tmp_path / "file.json", found | {"over_seeds": seeds, "kl_5": 4.9})
    assert tables.table("all").splitlines()[:5] == [
        "| model | bound, nats | KL, nats |",
        "|---|---:|---:|",
        "| first one | 3 | 0.5 |",
        "| linear |  | 1.25 |",
        "",
    ]
    assert tables.table("seeds").splitlines()[2:5] == ["| first one | 3 (2.5 to 4) |", "", "Not yet measured: KL."]
    assert tables.table("rates").splitlines()[:5] == [
        "| rate | KL, nats |",
        "|---|---:|",
        "| 5 | 4.9 |",
        "",
        "Not yet measured: ten; active.",
    ]
    _write(tmp_path / "file.json", {"pace": {"first_one": 2.0}})
    assert tables.table("all") == tables.table("seeds") == "Not yet measured.\n"


BUDGET = {"steps": 4_000, "batch_size": 64, "seconds": 12.345, "method": "plain"}


def _write(path: Path, figures: dict[str, object], budget: dict[str, object] = BUDGET) -> None:
    result = {"figures": figures, "machine": {"gpu": None, "cores": 2, "processor": "P"}, "budget": budget}
    result |= {"command": "make it", "data": {"name": "set"}, "seed": 0, "date": "2026-01-01"}
    path.write_text(json.dumps(result), encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (200, "200"),
        (1.0, "1"),
        (0.98765, "0.988"),
        (-45.67, "-45.7"),
        (30.0, "30"),
        (999.7, "1,000"),
        (1734.08, "1,734"),
    ],
)
def test_three_digits_are_shown(value: float, text: str) -> None:
    assert tables.shown(value) == text


def test_perplexities_have_two_decimals() -> None:
    assert tables.shown(96.864, "perplexity, lower is better") == "96.86"


@pytest.mark.parametrize(
    ("place", "value"), [("qed_0.4.success", 1), ("a.b", 2), ("a.c", None), ("a.c.d", None), ("x", None), ("n", None)]
)
def test_a_place_may_have_a_name_with_a_dot(place: str, value: object) -> None:
    figures = {"qed_0.4": {"success": 1}, "qed_0": {"success": 3}, "a": {"b": 2}, "n": None}
    assert tables.at(figures, place) == value
