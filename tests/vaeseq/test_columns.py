"""Which column of a table is read, and when lines are no table."""

import pytest

from vaeseq.columns import in_table
from vaeseq.console import Line
from vaeseq.delimited import TEXT_NAMES
from vaeseq.errors import InputError

MOLECULES, SENTENCES = TEXT_NAMES["molecules"], TEXT_NAMES["sentences"]


def texts_of(*lines, **how):
    return [line.text for line in in_table(map(Line, lines), how.pop("usual", MOLECULES), **how)]


def reads(texts):
    return any(text in ("CCO", "CCN") for text in texts)


@pytest.mark.parametrize(
    "name", ["canonical smiles", "CanonicalSMILES", "canonical-smiles", "isosmiles", "[SMILES]", "(smiles)", " Mol "]
)
def test_case_spaces_and_marks_of_a_name_count_nothing(name):
    assert texts_of(f"compound,{name},IC50", "aspirin,CCO,5") == ["CCO"]


def test_of_pubchems_two_columns_the_one_with_stereo_is_read():
    assert texts_of("canonicalsmiles,isosmiles", "CC(N)F,C[C@H](N)F") == ["C[C@H](N)F"]


def test_a_column_may_be_named():
    table = ("smiles,drug", "CCO,CCN")
    assert texts_of(*table, column="drug") == ["CCN"]
    with pytest.raises(InputError, match=r"column 'Drug' must be in the table, which has.*\['smiles', 'drug'\]"):
        texts_of(*table, column="Drug")


@pytest.mark.parametrize("name", ["mol", "Structure", "molecule"])
def test_a_weak_name_beside_a_molecule_heads_no_column(name):
    lines = [f"CCO\t{name}", "CCN\tx"]
    assert texts_of(*lines, is_data=reads) == lines
    assert texts_of(f"id\t{name}", "1\tCCN", is_data=reads) == ["CCN"]
    assert texts_of("CCO\tsmiles", "x\tCCN", is_data=reads) == ["CCN"]


def test_a_table_without_a_usual_name_is_refused_with_its_columns():
    table = ["compound,drug,IC50", *["aspirin,CCO,5"] * 30]
    with pytest.raises(InputError, match=r"called smiles .* --column .* \['compound', 'drug', 'IC50'\]$") as refused:
        texts_of(*table, is_data=reads, ahead=16)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "lines",
    [
        ["nonsense, said", "CCO a, b"],  # no header, but a line that cannot be read
        ["nonsense\tx", *["worse\tx"] * 14, "CCN\tx"],
        ["CCO\tx", "nonsense\ty"],
        ["nonsense, said", "more of it"],
        ["nonsense, said"],
        ["drug", "aspirin,5"],
    ],
)
def test_lines_are_no_table_where_one_reads_or_the_next_has_no_cells(lines):
    assert texts_of(*lines, is_data=reads, ahead=16) == lines


def test_sentences_with_commas_are_no_table():
    lines = ["Yes, please.", "No, thanks.", "Well, well, well."]
    assert texts_of(*lines, usual=SENTENCES, ahead=16) == lines


def test_no_line_is_read_ahead_unless_it_may_be():
    read = []
    lines = (read.append(i) or Line("nonsense, said") for i in range(9))
    table = in_table(lines, MOLECULES, is_data=reads)
    assert next(table).text == "nonsense, said"
    assert read == [0]
