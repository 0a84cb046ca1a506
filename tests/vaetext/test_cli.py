import csv
import io
import json
import sys
from functools import partial

import pytest

from vaeseq.attributes import Neighbours, changed, direction, shifted, trait
from vaeseq.console import CHUNK
from vaeseq.walks import neighbourhoods
from vaetext.cli import main
from vaetext.ngram import NgramModel
from vaetext.paths import edits_to, homotopy, steady_homotopy
from vaetext.shipped import MODEL

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


def test_a_table_goes_from_command_to_command(vaetext):
    table = b'id,text,exact\n7,"I did not sell the house, did I?",yes\n'
    _, (row,), _ = vaetext("reconstruct", stdin=table)
    assert (row["id"], row["text"], row["exact_given"]) == ("7", ENDS[1], "yes")
    _, rows, _ = vaetext("posterior", "--count", 2, stdin=table)
    assert {row["id"] for row in rows} == {"7"}
    _, (row,), _ = vaetext("reconstruct", "--column", "exact", stdin=table)
    assert (row["text"], row["text_given"]) == ("yes", ENDS[1])
    assert "column 'x' must be in the table" in vaetext("reconstruct", "--column", "x", ENDS[0])[2]
    _, (row,), _ = vaetext("reconstruct", "text")
    assert row["text"] == "text", "arguments are no table"


def test_samples_are_as_long_as_asked(vaetext, space):
    lengths = [len(text.split()) for text in space.sample(256, seed=3)]
    least, most = sorted(lengths)[64], sorted(lengths)[128]
    code, rows, _ = vaetext("sample", "--count", 20, "--seed", 3, "--words", least, most)
    assert (code, len(rows)) == (0, 20)
    assert {least <= len(row["text"].split()) <= most for row in rows} == {True}
    assert "the first no larger" in vaetext("sample", "--words", 3, 2)[2]


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


@pytest.mark.parametrize("kind", ["slerp", "lerp", "density"])
def test_path_is_the_function(vaetext, space, kind):
    def walked(*arguments):
        _, rows, _ = vaetext("path", *ENDS, "--steps", 5, "--kind", kind, *arguments)
        return [(row["t"], row["text"]) for row in rows]

    assert walked() == steady_homotopy(space, *ENDS, steps=5, kind=kind)
    assert walked("--plain") == homotopy(space, *ENDS, steps=5, kind=kind)
    assert walked("--fill", 8) == homotopy(space, *ENDS, steps=5, kind=kind, most=8)
    drawn = walked("--plain", "--beams", 1, "--temperature", 0.8, "--seed", 3)
    assert drawn == homotopy(space, *ENDS, steps=5, kind=kind, beams=1, temperature=0.8, seed=3)
    greedy = homotopy(space, *ENDS, steps=5, kind=kind, beams=1)
    assert [a == b for a, b in zip(drawn, greedy, strict=True)] == [True, False, False, False, True]


def test_an_end_that_the_model_cannot_write_is_an_error_that_names_its_unknown_words(capsys):
    ends = "Wir schwurbeln quer durch das Weltall.", "The cat sleeps."
    code = main(["path", *ends, "--plain", "--steps", "3", "--format", "json", "--model", str(MODEL.folder)])
    out, err = capsys.readouterr()
    first, *others = json.loads(out)
    assert (code, [row["error"] for row in others]) == (1, ["", ""])
    said = f"no code was found that decodes to {ends[0]!r}; the vocabulary has no symbol for "
    said += "'Wir', 'schwurbeln', 'quer', 'durch', 'das', 'Weltall'"
    assert first["error"] == said
    assert err.splitlines() == [
        f"path 1 begins at {first['text']!r}: {said}",
        "error: 1 of 3 rows failed: see their error column",
    ]


@pytest.mark.parametrize("how", [[], ["--plain"], ["--plain", "--beams", 1, "--fill", 20]])
def test_only_plain_paths_of_one_beam_are_drawn(vaetext, how):
    code, rows, err = vaetext("path", *ENDS, "--temperature", 0.8, *how)
    assert (code, rows, len(err.splitlines())) == (1, [], 1)
    assert "temperature must be 0 but for --plain --beams 1 without --fill, got 0.8" in err


def test_pairs_come_from_standard_input(vaetext):
    code, rows, _ = vaetext("path", "--steps", 3, stdin=f"{ENDS[0]}\t{ENDS[1]}\nalone\n\t\n".encode())
    assert code == 1
    assert [row["path"] for row in rows] == [1, 1, 1, 2, 3]
    assert "two sentences" in rows[3]["error"]
    assert "empty" in rows[4]["error"]


def test_a_tab_within_a_sentence_is_a_space(vaetext, space):
    code, rows, _ = vaetext("path", "Take off\tthe black\n tie.", ENDS[1], "--steps", 3)
    assert code == vaetext("path", *ENDS, "--steps", 3)[0]
    assert [row["text"] for row in rows] == [point.text for point in steady_homotopy(space, *ENDS, steps=3)]
    assert vaetext("path", "\t".join(ENDS), "--steps", 3)[1] == rows, "one argument is a line"
    assert "two sentences" in vaetext("path", *ENDS, "Take off\tthe tie.")[1][0]["error"]


def test_a_model_that_is_none_of_the_paths_says_what_each_sentence_costs(vaetext, tmp_path):
    learnt = [ENDS[0], "Take off the tie.", "I did not sell it."]
    (tmp_path / "judge.txt").write_text("\n".join([*learnt[:2], "", learnt[2]]) + "\n")
    pairs = f"{ENDS[0]}\t{ENDS[1]}\nalone\n".encode()
    _, rows, _ = vaetext("path", "--steps", 4, "--judge", tmp_path / "judge.txt", stdin=pairs)
    assert list(rows[0]) == ["path", "t", "text", "nats_a_word", "error"]
    expected = NgramModel(learnt).nats_a_word([row["text"] for row in rows[:4]])
    assert [row["nats_a_word"] for row in rows[:4]] == pytest.approx(expected)
    assert [rows[4][name] for name in ("text", "nats_a_word")] == ["", ""]
    assert "nats_a_word" not in vaetext("path", *ENDS, "--steps", 2)[1][0]
    code, rows, err = vaetext("path", *ENDS, "--judge", tmp_path / "none.txt")
    assert (code, rows, "none.txt" in err) == (1, [], True)


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
        (("analogy", "a b", " a b", "c"), "START and END must differ, got 'a b' twice"),
    ):
        code, rows, err = vaetext(*arguments)
        assert (code, rows) == (1, [])
        assert err.startswith("error: ")
        assert said in err
        assert len(err.splitlines()) == 1
    assert main(["sample", "--model", str(tmp_path)]) == 1
    assert "config.json" in capsys.readouterr().err


def test_posterior_draws_anew_for_every_line(vaetext):
    code, rows, _ = vaetext("posterior", "--count", 4, stdin=f"{ENDS[0]}\n".encode() * (CHUNK + 1))
    assert code == 0
    assert [row["found"] for row in rows[:5]] != [row["found"] for row in rows[-5:]]


def test_posterior_is_the_function(vaetext, space):
    code, rows, _ = vaetext("posterior", *ENDS, "--count", 2, "--seed", 5)
    assert code == 0
    found = neighbourhoods(space, list(ENDS), samples=2, seed=5)
    assert [row["found"] for row in rows] == [text for its in found for text in (its.mean, *its.samples)]
    assert [row["of"] for row in rows] == ["mean", "draw", "draw"] * 2


def test_neighbours_are_of_the_file_and_a_bad_sentence_keeps_its_place(vaetext, space, tmp_path):
    among = tmp_path / "among.txt"
    among.write_text("Take off the tie.\nI sold the house.\nThe young woman enjoyed it.\n")
    code, rows, _ = vaetext("neighbours", "--among", among, "--count", 2, stdin=f"{ENDS[0]}\n\n{ENDS[1]}\n".encode())
    assert code == 1
    assert [row["text"] for row in rows] == [ENDS[0], ENDS[0], "", ENDS[1], ENDS[1]]
    (first,) = Neighbours(space, among.read_text().splitlines()).nearest([ENDS[0]], 2)
    assert [row["neighbour"] for row in rows[:2]] == [its.text for its in first]
    assert [row["similarity"] for row in rows[:2]] == pytest.approx([its.similarity for its in first])
    assert rows[2]["error"]
    among.write_text(f"{ENDS[0]}\n")
    code, rows, _ = vaetext("neighbours", "--among", among, ENDS[0])
    assert code == 1
    assert [row["error"] for row in rows] == [f"no other sentence stands in {among}"]


def test_shift_and_analogy_are_the_functions(vaetext, space, tmp_path):
    for name, text in (("without.txt", "Take off the tie."), ("with.txt", "Take off the black tie.")):
        (tmp_path / name).write_text(text + "\n")
    given = (
        "--lacking",
        tmp_path / "without.txt",
        "--having",
        tmp_path / "with.txt",
        "--strength",
        0,
        "--strength",
        -2,
    )
    code, rows, _ = vaetext("shift", ENDS[1], *given)
    assert code == 0
    along = direction(space, ["Take off the tie."], ["Take off the black tie."])
    found = shifted(space, [ENDS[1]], along, strengths=(0.0, -2.0), beams=16)
    assert [row["shifted"] for row in rows] == [text for (text,) in found]
    code, least, _ = vaetext("shift", ENDS[1], *given[:4], "--beams", 2)
    parting = trait(space, ["Take off the tie."], ["Take off the black tie."])
    assert [row["shifted"] for row in least] == changed(space, [ENDS[1]], parting, partial(edits_to, space), beams=2)
    assert not least[0]["strength"]
    how = ("--strength", -2, "--beams", 16)
    _, again, _ = vaetext("analogy", "Take off the tie.", "Take off the black tie.", ENDS[1], *how)
    assert [row["shifted"] for row in again] == [rows[1]["shifted"]]


def test_a_file_with_a_broken_line_is_named_with_the_line(vaetext, tmp_path):
    among = tmp_path / "among.txt"
    among.write_bytes(b"Take off the tie.\n\n\xff\n")
    code, _, err = vaetext("neighbours", ENDS[0], "--among", among)
    assert code == 1
    assert err.startswith("error: line 3 of ")
    among.write_bytes(b"Take off the tie.\n\n")
    assert vaetext("neighbours", ENDS[0], "--among", among)[0] == 0
