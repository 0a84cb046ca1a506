import csv
import gzip
import io
import json
import math
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq import console
from vaeseq.columns import in_table
from vaeseq.console import Line
from vaeseq.delimited import MOST_COLUMNS
from vaeseq.errors import InputError
from vaeseq.files import unmarked

HEAVY = ("torch", "rdkit", "botorch", "numpy", "matplotlib", "selfies", "tokenizers")


@pytest.fixture
def stdin(monkeypatch):
    def give(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


@pytest.mark.parametrize("module", ["vaemol.cli", "vaetext.cli"])
@pytest.mark.parametrize("arguments", [["--help"], ["optimize", "--help"], ["sample", "--count", "x"]])
def test_help_and_usage_load_nothing_heavy(module, arguments):
    code = f"""
import sys
from {module} import main
try:
    main({arguments!r})
except SystemExit as error:
    print(error.code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == f"{0 if '--help' in arguments else 2} []"


def test_arguments_come_before_standard_input(stdin):
    stdin(b"c\nd\n")
    assert list(console.given(["a", "b"], "texts")) == [Line("a"), Line("b")]
    assert list(console.given(["-"], "texts")) == [Line("c"), Line("d")]


def test_every_line_is_accounted_for(stdin, monkeypatch):
    monkeypatch.setattr(console, "LONGEST_LINE", 10)
    stdin(b"\xef\xbb\xbfa\r\n\n\xff\n" + b"x" * 95 + b"\nexactly_9\nlast")
    lines = list(console.given([], "texts"))
    assert [line.text for line in lines] == ["a", "", "\N{REPLACEMENT CHARACTER}", "", "exactly_9", "last"]
    assert [bool(line.error) for line in lines] == [False, False, True, True, False, False]
    assert "at most 10 bytes" in lines[3].error


SDF = b"water\n  RDKit\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0 0.0 0.0 O\nM  END\n$$$$\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(b"CCO\n", mtime=0), "a gzip file: unpack it"),
        (b"PAR1\x15\x04", "a Parquet file: write it as csv"),
        (b"PK\x03\x04\x14", "a spreadsheet or zip file"),
        (SDF, "an SD file: write its molecules as SMILES"),
        (SDF.replace(b"\n", b"\r\n").replace(b"V2000", b"V3000"), "an SD file"),
    ],
)
def test_what_is_no_lines_is_refused_in_one_line(tmp_path, monkeypatch, content, says):
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"mine' must be lines of text or a csv table, got {says}"):
        console.given_file(str(path), "molecules")
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(InputError, match=says):
            console.given([], "molecules")


def test_a_sentence_on_molecules_is_no_sd_file(tmp_path):
    (tmp_path / "a.txt").write_text("It has a V2000 block.\n12 engines V3000 were sold\nM  ENDS\nI own a V2000\n")
    assert len(list(console.given_file(str(tmp_path / "a.txt"), "sentences"))) == 4


def test_a_table_of_too_many_columns_is_refused():
    header = ",".join(["smiles", *map(str, range(MOST_COLUMNS))])
    with pytest.raises(InputError, match="at most 10,000 columns, got 10,001"):
        in_table(iter([Line(header), Line("C")]), ["smiles"])
    assert [line.text for line in in_table(iter([Line(header)]), ["text"])] == [header]


def test_no_input_is_named(stdin, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)  # as `<&-` leaves it
    with pytest.raises(InputError, match="molecules must be given"):
        console.given([], "molecules")
    stdin(b"")
    with pytest.raises(InputError, match="molecules must be given"):
        console.given([], "molecules")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InputError, match="codes must be given"):
        console.given_file(str(tmp_path / "empty.csv"), "codes")


def emitted(rows, columns, **options):
    out = io.StringIO()
    kept, sys.stdout = sys.stdout, out
    try:
        code = console.emit(iter(rows), columns, Namespace(**({"output": None, "format": None} | options)))
    finally:
        sys.stdout = kept
    return code, out.getvalue()


STARTS = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")  # of what a spreadsheet takes for a formula
some_text = st.builds(
    str.__add__, st.sampled_from(["", "'", "'=", *STARTS]), st.text(st.characters(exclude_categories=["Cs"]))
)


@given(texts=st.lists(some_text, max_size=4))
def test_json_gives_every_text_back_and_csv_holds_no_formula(texts):
    rows = [{"text": text} for text in texts]
    _, written = emitted([rows[:1], rows[1:]], ["text"], format="json")
    assert [row["text"] for row in json.loads(written)] == texts
    _, written = emitted([rows[:1], rows[1:]], ["text"])
    cells = [row[0] if row else "" for row in csv.reader(io.StringIO(written, newline=""))][1:]
    assert len(cells) == len(texts)
    assert [unmarked(cell) for cell in cells] == texts
    for cell in cells:
        if cell.startswith(STARTS):
            float(cell)  # a number is none


def test_numbers_are_no_formulas():
    rows = [{"a": -0.1, "b": math.nan, "c": True, "d": 3, "e": None}]
    assert emitted([rows], list("abcde")) == (0, "a,b,c,d,e\n-0.1,,1,3,\n")
    assert json.loads(emitted([rows], list("abcde"), format="json")[1]) == [
        {"a": -0.1, "b": None, "c": True, "d": 3, "e": None}
    ]


def test_rows_with_an_error_are_written_and_counted(capsys):
    code, written = emitted([[{"a": 1}, {"error": "no"}], [{"a": 2, "error": ""}]], ["a", "error"])
    assert (code, written) == (1, "a,error\n1,\n,no\n2,\n")
    assert capsys.readouterr().err == "error: 1 of 3 rows failed: see their error column\n"


def broken():
    yield [{"a": 1}]
    raise InputError("broken")


def test_other_columns_of_the_first_rows_stand_behind_the_first(capsys):
    given = [[("a", [("id", "1"), ("of", "x")]), ("b", [("by", "2")])], [("c", [("late", "3"), ("id", "4")])]]
    rows = [[{"text": text, "others": others} for text, others in chunk] for chunk in given]
    console.emit(rows, ["text", "of"], Namespace(output=None, format=None), carried=True)
    assert capsys.readouterr().out == "text,id,of_given,by,of\na,1,x,,\nb,,,2,\nc,4,,,\n"


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "out.json"
    emitted([[{"a": 1}]], ["a"], output=str(path))
    assert json.loads(path.read_text()) == [{"a": 1}]
    with pytest.raises(InputError, match="broken"):
        emitted(broken(), ["a"], output=str(tmp_path / "other.csv"))
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="broken"):
        console.emit(broken(), ["a"], Namespace(output=str(tmp_path / "paid.csv"), format=None), live=True)
    assert (tmp_path / "paid.csv").read_text() == "a\n1\n"


def test_a_column_that_is_called_others_is_one_like_any(capsys):
    rows = [[{"text": "a", "others": [("others", "x")]}]]
    console.emit(rows, ["text"], Namespace(output=None, format=None), carried=True)
    assert capsys.readouterr().out == "text,others\na,x\n"


@pytest.mark.parametrize(
    ("name", "says"),
    [("x.xlsx", "must end in one of csv, json"), ("no/x.csv", "folder that is"), ("", "a file that can")],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_asked_for(tmp_path, name, says):
    asked = iter([[{"a": 1}]])
    with pytest.raises(InputError, match=says):
        emitted(asked, ["a"], output=str(tmp_path / name))
    assert len(list(asked)) == 1


def test_the_name_of_a_file_is_no_text(tmp_path):
    (tmp_path / "mine.smi").touch()
    with pytest.raises(InputError, match="got the name of a file"):
        console.given([str(tmp_path / "mine.smi")], "molecules")
    assert [line.text for line in console.given(["CCO", "no.smi"], "molecules")] == ["CCO", "no.smi"]
    long = "Mr. Smith said so. " * 20 + "So?"
    assert [line.text for line in console.given([long], "sentences")] == [long]


def test_a_link_stays_and_a_pipe_is_written_into(tmp_path):
    target, link, pipe = tmp_path / "there.csv", tmp_path / "link.csv", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to(target)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for place in (link, pipe):
        emitted([[{"text": "a"}]], ["text"], output=str(place))
    assert link.is_symlink()
    assert target.read_text() == "text\na\n"
    assert pipe.is_fifo()
    assert os.read(reader, 100) == b"text\na\n"
    os.close(reader)


def test_nothing_is_written_before_the_first_rows_are_there():
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with pytest.raises(InputError):
            console.emit((_ for _ in [1] if fail()), ["a"], Namespace(output=None, format=None))
    assert out.getvalue() == ""


def fail():
    raise InputError("all of it is wrong")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("no such thing"), 1, "error: no such thing\n"),
        (FileNotFoundError(2, "No such file", "x.csv"), 1, "error: [Errno 2] No such file: 'x.csv'\n"),
        (KeyboardInterrupt(), 130, ""),
        (MemoryError("9 TiB"), 1, "error: memory must hold what is asked for, ask for less: 9 TiB\n"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(error, code, said, capsys):
    def command(arguments):
        raise error

    parser = ArgumentParser()
    parser.set_defaults(command=command)
    assert console.run(parser, []) == code
    assert capsys.readouterr() == ("", said)
