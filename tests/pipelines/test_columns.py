"""Properties to predict, as columns of the row table."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.columns import targets_of
from pipelines.readers import RawRow
from pipelines.rowtable import RowTable
from vaeseq.errors import InputError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = {
        "split": ["train", "train", "valid", "train"] * 5,
        "qed": [0.1, 0.2, 0.3, 0.4] * 5,
        "log_p": [1.0, 2.0, 3.0, 4.0] * 5,
        "source_log_p": ["7", "", ">5", " 8.5 "] * 5,
        "source_note": ["a", "1e39", "12", "inf"] * 5,
        "source_error": [1.0] * 20,
    }
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def test_a_name_is_of_the_source_before_it_is_of_the_table(table: Path) -> None:
    found = targets_of(table, ("log_p", "qed"))
    nan = math.nan
    np.testing.assert_array_equal(found, np.array([[7, 0.1], [nan, 0.2], [nan, 0.3], [8.5, 0.4]] * 5, np.float32))
    assert targets_of(table, ()) is None


def test_a_column_called_as_the_table_calls_a_place_is_that_of_the_source(tmp_path: Path) -> None:
    places = {"line": "9", "line_": "8", "id": "7", "source_id": "6"}
    with RowTable(tmp_path, list(places)) as made:
        for i in range(10):
            made.accept(RawRow(i, str(i), "CC", places), {"text": "CC"}, "train")
    found = targets_of(made.path, ("line", "line_", "id", "source_id"))
    np.testing.assert_array_equal(found, np.array([[9, 8, 7, 6]] * 10, np.float32))
    kept = pq.read_table(made.path)
    assert kept["source_line"].to_pylist() == list(range(10))
    assert kept["source_id"].to_pylist() == [str(i) for i in range(10)]


def test_a_column_that_is_not_there_or_holds_too_few_numbers_is_said(table: Path) -> None:
    with pytest.raises(InputError, match=r"must be columns of .*'source_note', 'source_error'\], got \['pKi'\]"):
        targets_of(table, ("qed", "pKi"))
    with pytest.raises(InputError, match=r"must not be called error; rename the column"):
        targets_of(table, ("error", "qed"))
    with pytest.raises(
        InputError, match=r"must have 10 numbers in the train rows of .*, got \{'note': 0\}; 'a' is none, but 7.9 is"
    ):
        targets_of(table, ("note", "qed"))
    blank = pa.table({"split": ["train"] * 20, "pKi": [None, " "] * 10, "comma": ["7,9"] * 20})
    pq.write_table(blank, table)
    with pytest.raises(InputError, match=r"got \{'pKi': 0\}$"):
        targets_of(table, ("pKi",))
    with pytest.raises(InputError, match=r"got \{'comma': 0\}; '7,9' is none, but 7.9 is one$"):
        targets_of(table, ("comma",))
