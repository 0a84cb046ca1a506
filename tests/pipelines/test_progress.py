import io

import pipelines.progress
from pipelines.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(pipelines.progress, "_SECONDS", 0.0)
    with progress("toy", 1_500) as advance:
        for _ in range(2):
            advance(750)
    assert capsys.readouterr() == ("", "toy: 750 of 1,500\ntoy: 1,500 of 1,500\n")


def test_few_lines_for_many_calls(capsys):
    with progress("toy", 100_000) as advance:
        for _ in range(100_000):
            advance(1)
    assert len(capsys.readouterr().err.splitlines()) < 10


def test_a_bar_that_ends_full_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress("toy", 3) as advance:
        advance(1)
    assert "3/3" in terminal.getvalue()
