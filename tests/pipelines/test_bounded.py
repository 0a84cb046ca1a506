"""Small files that say much: what is read of them stays small."""

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import rowtable
from pipelines.lines import LINE_LIMIT
from pipelines.prepare import survey
from pipelines.readers import RawRow, rows
from pipelines.rowtable import RowTable
from pipelines.sources import Raw, Table
from vaeseq.errors import InputError

READ = """
import resource, sys
from pathlib import Path
from pipelines.readers import rows
from pipelines.sources import Table
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in rows(Path(sys.argv[1]), Table(file="x", format="parquet"), "molecules"))
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd", store_schema=False, write_batch_size=16)
    return path


def read(path: Path, format_: str = "parquet") -> list[RawRow]:
    return list(rows(path, Table(file=path.name, format=format_), "molecules"))


def read_alone(path: Path) -> tuple[int, int]:
    """How many rows there are, and by how many MB a process grows that reads them one by one."""
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True)
    count, megabytes = map(int, done.stdout.split())
    return count, megabytes


@pytest.mark.parametrize("of", ["text", "bytes", "list"])
def test_a_long_cell_that_many_rows_name_is_held_once(tmp_path: Path, of: str) -> None:
    long = b"C" * LINE_LIMIT if of == "bytes" else "C" * LINE_LIMIT
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 4096), pa.array([long]))
    if of == "list":
        many = pa.ListArray.from_arrays(range(4097), many)
    path = parquet(tmp_path / "bomb.parquet", smiles=["C"] * 4096, note=many)
    assert path.stat().st_size < 10_000
    count, megabytes = read_alone(path)
    assert count == 4096
    assert megabytes < 200, "all rows by themselves are 4 GB"


@pytest.mark.parametrize("long", ["x" * (LINE_LIMIT + 1), "é" * (LINE_LIMIT + 1), b"x" * (LINE_LIMIT + 1)])
def test_an_endless_cell_of_parquet_is_cut_and_rejected(tmp_path: Path, long: str | bytes) -> None:
    path = parquet(tmp_path / "a.parquet", smiles=["C", "CC", "CCC"], id=["1", "2", "3"], note=[long, long[:9], None])
    first, second, third = read(path)
    assert first == RawRow(1, None, "C", {}, "too_long")
    assert second == RawRow(2, "2", "CC", {"note": str(long[:9])})
    assert third == RawRow(3, "3", "CCC", {"note": ""})
    path = parquet(tmp_path / "b.parquet", smiles=[long, long[:9]])
    assert [(len(row.text), row.reason) for row in read(path)] == [(1_000, "too_long"), (len(str(long[:9])), None)]


def test_what_is_neither_text_nor_of_fixed_width_is_left_out_of_parquet(tmp_path: Path) -> None:
    others = {
        "a": [["x"], None],
        "b": [{"c": "x"}] * 2,
        "b.c": ["1", "2"],
        "wide": pa.array([b"x" * 2_000] * 2, pa.binary(2_000)),
    }
    path = parquet(
        tmp_path / "a.parquet", smiles=["C", "CC"], n=[1, 2], d=pa.array(["x", "y"]).dictionary_encode(), **others
    )
    assert [row.columns for row in read(path)] == [{"n": "1", "d": "x"}, {"n": "2", "d": "y"}]


def test_long_texts_of_many_rows_come_a_few_at_a_time(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", smiles=[f"{i:06}" + "C" * 299_994 for i in range(1_500)])
    count, megabytes = read_alone(path)
    assert count == 1_500
    assert megabytes < 350, "all rows by themselves are 450 MB, twice"


def wide(format_: str, count: int) -> bytes:
    names = ["smiles", *(f"c{i}" for i in range(count - 1))]
    if format_ == "csv":
        return "\n".join([",".join(names), "C"]).encode()
    if format_ == "sdf":  # a record for each tag
        return "".join(f"\n\n\nM  END\n> <{name}>\nx\n\n$$$$\n" for name in names).encode()
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table({name: ["C"] for name in names}), stream)
    return stream.getvalue().to_pybytes()


@pytest.mark.parametrize("format_", ["csv", "sdf", "parquet"])
def test_a_table_of_too_many_columns_is_refused(tmp_path: Path, format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaeseq.delimited.MOST_COLUMNS", 100)
    tables = (Table(file="wide", format=format_),)
    raw = Raw(name="wide", domain="molecules", licence="", attribution="", tables=tables, files=())
    (tmp_path / "wide").write_bytes(wide(format_, 100))
    assert len(survey(tmp_path, raw)[1]) in (99, 100)
    (tmp_path / "wide").write_bytes(wide(format_, 102))
    with pytest.raises(InputError, match=r"at most 100 columns, got 10[12]"):
        survey(tmp_path, raw)


@pytest.mark.parametrize("row", [{f"c{i}": "" for i in range(1_000)}, {"c": "x" * 64_000}])
def test_rows_are_written_before_they_fill_the_memory(
    tmp_path: Path, row: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rowtable, "_HELD", 640_000)
    with RowTable(tmp_path, list(row)) as table:
        for i in range(100):
            table.accept(RawRow(i, None, "C", row), {"text": "C"}, "train")
    assert pq.read_table(table.path).num_rows == 100
    assert 9 <= pq.ParquetFile(table.path).num_row_groups <= 12


def test_blank_lines_of_a_record_count(tmp_path: Path) -> None:
    (tmp_path / "a.sdf").write_bytes(gzip.compress(b"t" + b"\n" * (LINE_LIMIT + 9) + b"M  END\n$$$$\nu\n\n\nM  END\n"))
    assert [(row.id, row.reason) for row in read(tmp_path / "a.sdf", "sdf")] == [("t", "too_long"), ("u", None)]


def _deadly(text: str, notation: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return text


def test_a_header_that_kills_its_reader_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaemol.notation.to_smiles", _deadly)
    (tmp_path / "a.csv").write_text("CCO\nCCN\n")
    assert [row.text for row in read(tmp_path / "a.csv", "csv")] == ["CCN"]
