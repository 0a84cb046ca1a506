"""Tables cut into the cells of a column."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from vaeseq.columns import in_table
from vaeseq.console import Line
from vaeseq.delimited import distinct
from vaeseq.files import csv_line

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x1f\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\0"))


def lines_of(text: str) -> list[Line]:
    return [Line(line) for line in text.removesuffix("\n").split("\n")]


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1))
def test_what_we_write_is_read_again(rows):
    table = "".join(map(csv_line, [("id", "text"), *rows]))
    assert [(dict(line.others)["id"], line.text) for line in in_table(iter(lines_of(table)), ["text"])] == rows


def test_a_formula_on_a_line_of_its_own_is_read_without_its_mark():
    table = "".join(map(csv_line, [("id", "text"), ("a", "\n=1+1"), ("b", "\n\n-C")]))
    assert [line.text.strip() for line in in_table(iter(lines_of(table)), ["text"])] == ["=1+1", "-C"]


@given(st.lists(CELLS, min_size=1))
def test_lines_without_a_header_are_left_alone(texts):
    given = [Line("no header"), *map(Line, texts)]
    assert list(in_table(iter(given), ["text"])) == given


def test_a_column_by_itself_need_not_be_quoted():
    lines = ["text", "One, two; three.", '"Four, ""five""."', "", '"Six?" she asked.', '"Seven']
    found = [line.text for line in in_table(map(Line, lines), ["text"])]
    assert found == ["One, two; three.", 'Four, "five".', *lines[3:]]


def test_lines_that_cannot_be_read_keep_their_reason():
    bad = Line("", "line must be UTF-8 text")
    lines = [Line("text,id"), Line('a,"1'), bad, Line('b",2')]
    found = list(in_table(iter(lines), ["text"]))
    assert [bool(line.error) for line in found] == [True, True, False]
    assert found[1] == bad._replace(others=(("id", ""),))
    assert list(in_table(iter([bad, Line("a")]), ["text"])) == [bad, Line("a")]


def test_names_are_made_distinct():
    assert distinct(["a", " a", "", "a_2", "b"]) == ["a", "a_2", "column_3", "a_2_4", "b"]
    (line,) = in_table(map(Line, ["name,text,name,error", "1,x,2,no"]), ["text"])
    assert dict(line.others) == {"name": "1", "name_3": "2"}


def test_a_table_has_the_rows_that_the_library_reads():
    table = 'id,text\n1,"a\nb"\n2,"say ""no"", he said"\n3,plain\n'
    rows = list(csv.DictReader(io.StringIO(table)))
    found = list(in_table(iter(lines_of(table)), ["text"]))
    assert [line.text for line in found] == [row["text"].replace("\n", " ") for row in rows]


def test_rows_that_are_blank_short_or_broken_have_all_columns_too():
    found = list(in_table(map(Line, ["id,text,of", "", "7", "8,a,b,c", "9,x,y"]), ["text"]))
    assert [line.others for line in found] == [
        (("id", ""), ("of", "")),
        (("id", "7"), ("of", "")),
        (("id", ""), ("of", "")),
        (("id", "9"), ("of", "y")),
    ]
    assert [bool(line.error) for line in found] == [False, False, True, False]
