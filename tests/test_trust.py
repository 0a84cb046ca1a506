"""The page of promises names tests that are there, every promise names one, and what is promised is run in CI."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/trust.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_is_named_is_there():
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    missing = [f"{file}::{name}" for file, name in named if f"\ndef {name}(" not in (ROOT / file).read_text("utf-8")]
    assert not missing


def test_every_promise_is_held_by_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "held by" not in line]
    assert len(rows) > 20
    assert [row for row in rows if not NAMED.search(row)] == []


def test_slow_tests_of_promises_are_run_in_ci_and_one_row_is_held_by_such_alone():
    in_ci = re.findall(r"^python -m pytest -m slow -rs (.+)$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    rows = [NAMED.findall(line) for line in PAGE.splitlines() if line.startswith("| ") and "held by" not in line]
    assert {file for row in rows for file, name in row if _slow(file, name)} <= {*" ".join(in_ci).split()}
    postgresql = ("tests/pipelines/test_servers.py", "test_a_server_on_postgresql_takes_every_run_once")
    assert [row for row in rows if all(_slow(*test) for test in row)] == [[postgresql]]


def _slow(file: str, name: str) -> bool:
    before = (ROOT / file).read_text(encoding="utf-8").partition(f"\ndef {name}(")[0]
    marks = before.rpartition("\n\n\n")[2]
    return "@pytest.mark.slow" in marks
