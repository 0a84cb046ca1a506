"""What README.md shows in Python runs as it stands there."""

import re
from pathlib import Path

import pytest

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text("utf-8"), re.DOTALL)


def test_there_is_something_to_run():
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_shown_in_python_runs_and_goes_on(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    first, calls = capsys.readouterr().out, Path("calls.csv").read_text()
    assert calls.count("\n") == 31
    exec(compile(block, "README.md", "exec"), {})
    assert (capsys.readouterr().out, Path("calls.csv").read_text()) == (first, calls)
