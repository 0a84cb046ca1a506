"""What README.md shows in Python runs as it stands there."""

import re
from pathlib import Path

import pytest

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text("utf-8"), re.DOTALL)


def test_a_search_that_goes_on_is_among_them():
    assert any("calls.csv" in block for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_shown_in_python_runs_and_runs_again_alike(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    seen = []
    for _ in range(2):
        exec(compile(block, "README.md", "exec"), {})
        seen.append((capsys.readouterr().out, {path.name: path.read_text() for path in tmp_path.iterdir()}))
    assert seen[0] == seen[1]
    assert seen[0][0]
    if "calls.csv" in block:
        assert seen[0][1]["calls.csv"].count("\n") == 31
