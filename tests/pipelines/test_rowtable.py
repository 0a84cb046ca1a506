import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.rowtable import shared_scaffolds


@pytest.mark.parametrize(
    ("train", "test", "shared"),
    [("ab", "cd", 0), ("abc", "bcc", 2), (["", "a"], ["", "b"], 0), (["", "a"], ["", "a"], 1)],
)
def test_a_scaffold_is_shared_that_both_train_and_test_rows_have(train, test, shared, tmp_path):
    rows = [*((scaffold, "train") for scaffold in train), *((scaffold, "test") for scaffold in test), ("d", "valid")]
    scaffolds, splits = zip(*rows, strict=True)
    pq.write_table(pa.table({"scaffold": scaffolds, "split": splits}), tmp_path / "rows.parquet")
    assert shared_scaffolds(tmp_path / "rows.parquet") == shared
