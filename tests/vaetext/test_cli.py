import csv
import io
import json
import sys

import pytest

from vaetext.cli import main
from vaetext.paths import homotopy

ENDS = "Take off the black tie.", "I did not sell the house, did I?"


@pytest.fixture
def vaetext(model, capsys, monkeypatch):
    """Runs a command on the small model: exit code, rows, messages."""

    def run(command, *arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([command, "--model", str(model), "--format", "json", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, json.loads(out or "[]"), err

    return run


def test_sample_is_the_function(vaetext, space):
    code, rows, _ = vaetext("sample", "--count", 20, "--seed", 3)
    assert code == 0
    assert [row["text"] for row in rows] == space.sample(20, seed=3)


def test_encode_then_decode_is_reconstruct(vaetext, space, tmp_path):
    path = tmp_path / "codes.csv"
    assert vaetext("encode", *ENDS, "--output", path, "--format", "csv")[0] == 0
    _, decoded, _ = vaetext("decode", path)
    _, reconstructed, _ = vaetext("reconstruct", *ENDS)
    assert [row["text"] for row in decoded] == space.reconstruct(ENDS)
    assert [row["reconstruction"] for row in reconstructed] == space.reconstruct(ENDS)
    assert [row["exact"] for row in reconstructed] == [row["word_edits"] == 0 for row in reconstructed]


def test_bad_rows_are_kept_and_the_others_go_on(vaetext):
    lines = b"Take off the tie.\n\na\0b\n" + b"\xff\n" + b"x " * 20_000 + "\nT\u00e9l\u00e9 \U0001f642\n".encode()
    code, rows, err = vaetext("encode", stdin=lines)
    assert code == 1
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, True, False]
    assert "4 of 6 rows failed" in err


@pytest.mark.parametrize("kind", ["slerp", "lerp"])
def test_path_is_the_function(vaetext, space, kind):
    code, rows, _ = vaetext("path", *ENDS, "--steps", 5, "--kind", kind)
    assert code == 0
    assert [(row["t"], row["text"]) for row in rows] == homotopy(space, *ENDS, steps=5, kind=kind)


def test_pairs_come_from_standard_input(vaetext):
    code, rows, _ = vaetext("path", "--steps", 3, stdin=f"{ENDS[0]}\t{ENDS[1]}\nalone\n\t\n".encode())
    assert code == 1
    assert [row["path"] for row in rows] == [1, 1, 1, 2, 3]
    assert "two sentences" in rows[3]["error"]
    assert "empty" in rows[4]["error"]


def test_a_text_like_a_formula_is_safe_in_csv(model, capsys):
    assert main(["reconstruct", "--model", str(model), "=1+1"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["text"] == "'=1+1"


def test_optimize_resumes_from_its_calls(vaetext, tmp_path):
    calls = tmp_path / "calls.csv"
    arguments = ("--objective", "words:house,tie", "--budget", 12, "--initial", 6, "--batch", 3, "--calls", calls)
    code, rows, _ = vaetext("optimize", *arguments)
    assert code == 0
    assert [row["call"] for row in rows] == list(range(1, 13))
    calls.write_bytes(calls.read_bytes()[:-20])
    assert [row["text"] for row in vaetext("optimize", *arguments)[1]] == [row["text"] for row in rows]


def test_what_is_wrong_is_one_line(vaetext, tmp_path, capsys):
    for arguments, said in (
        (("optimize", "--objective", "poetry"), "objective must be"),
        (("encode",), "sentences must be given"),
        (("decode", tmp_path / "none.csv"), "none.csv"),
    ):
        code, rows, err = vaetext(*arguments)
        assert (code, rows) == (1, [])
        assert err.startswith("error: ")
        assert said in err
        assert len(err.splitlines()) == 1
    assert main(["sample", "--model", str(tmp_path)]) == 1
    assert "config.json" in capsys.readouterr().err
