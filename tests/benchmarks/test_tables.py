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
    assert "not yet" not in tables.table("thing")
    assert "`make it`, data `set`, seed 0, 2 CPU cores, P, 2026-01-01." in tables.table("thing")


def test_a_matrix_has_a_row_for_each_model_and_empty_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    columns = (("{}.nats", "bound", "nats"), ("{}.kl", "KL", "nats"))
    found = {"first_one": {"nats": 3.0, "kl": 0.5}, "linear": {"kl": 1.25}, "cap": 7.0}
    found |= {"pace": {"first_one": 2.0}, "first_one_of_seed_1": {"nats": 4.0}}
    seeds = {"first_one": {"nats": {"mean": 3.0, "least": 2.5, "most": 4.0}}}
    matrices = {"all": tables.Matrix("file", "model", columns)}
    matrices |= {"seeds": tables.Matrix("file", "model", columns, under="over_seeds")}
    matrices |= {"rates": tables.Matrix("file", "rate", (("kl_{}", "KL", "nats"),), rows=("5",))}
    monkeypatch.setattr(tables, "MATRICES", matrices)
    _write(tmp_path / "file.json", found | {"over_seeds": seeds, "kl_5": 4.9})
    assert tables.table("all").splitlines()[:5] == [
        "| model | bound, nats | KL, nats |",
        "|---|---:|---:|",
        "| first one | 3 | 0.5 |",
        "| linear |  | 1.25 |",
        "",
    ]
    assert tables.table("seeds").splitlines()[2] == "| first one | 3 (2.5 to 4) |  |"
    assert tables.table("rates").splitlines()[2] == "| 5 | 4.9 |"
    _write(tmp_path / "file.json", {"pace": {"first_one": 2.0}})
    assert tables.table("all") == tables.table("seeds") == "Not yet measured.\n"


def _write(path: Path, figures: dict[str, object]) -> None:
    result = {"figures": figures, "machine": {"gpu": None, "cores": 2, "processor": "P"}}
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
