import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.replicates import Replicates

SMILES = ["C", "CC", "CCC", "CCO"]


@pytest.fixture
def path(tmp_path):
    rows = {"smiles": [*SMILES, "C"], "source_pIC50": ["1", "", ">9", "4", "1"], "source_batch": ["7"] * 5}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def test_numbers_that_came_again_are_averaged_with_the_first(path):
    found = Replicates(["pIC50"])
    for key, value in (("C", "3"), ("C", "5"), ("CC", "2"), ("CCC", "8"), ("CCO", "<4"), ("CCO", "nan"), ("CCO", "")):
        found.add(key, {"pIC50": value, "batch": "9"})
    schema = pq.read_schema(path)
    assert found.average(path, "smiles") == 4
    table = pq.read_table(path)
    assert table.schema == schema
    assert [float(cell) for cell in table["source_pIC50"].to_pylist()] == [3, 2, 8, 4, 3]
    assert table["smiles"].to_pylist() == [*SMILES, "C"]
    assert set(table["source_batch"].to_pylist()) == {"7"}


def test_a_table_without_replicates_keeps_its_bytes(path):
    before, found = path.read_bytes(), Replicates(["pIC50", "elsewhere"])
    found.add("C", {"batch": "9"})
    found.add("C", {"pIC50": "inf"})
    assert found.average(path, "smiles") == 0
    assert path.read_bytes() == before
