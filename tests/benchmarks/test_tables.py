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
    monkeypatch.setattr(tables, "ROWS", {"thing": (("a.b", "what", "nats"),)})
    assert tables.table("thing") == "Not yet measured.\n"
    result = {"figures": {"a": {"b": 0.12345}}, "machine": {"gpu": None, "cores": 2, "processor": "P"}}
    result |= {"command": "make it", "data": {"name": "set"}, "seed": 0, "date": "2026-01-01"}
    (tmp_path / "thing.json").write_text(json.dumps(result), encoding="utf-8")
    assert "| what | 0.123 | nats |" in tables.table("thing")
    assert "`make it`, data `set`, seed 0, 2 CPU cores, P, 2026-01-01." in tables.table("thing")


@pytest.mark.parametrize(
    ("value", "text"),
    [(200, "200"), (1.0, "1"), (0.98765, "0.988"), (-45.67, "-45.7"), (30.0, "30"), (1734.08, "1,734")],
)
def test_three_digits_are_shown(value: float, text: str) -> None:
    assert tables.shown(value) == text
