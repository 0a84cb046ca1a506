"""Rows that came again with other measurements: a measurement that was repeated counts as the mean of all."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.names import kept_as
from vaeseq.files import replacing

Numbers = dict[str, list[float]]


class Replicates:
    """Numbers of rows that were rejected because an earlier row is the same, by what they have in common.

    Args:
        names: The columns of the source that hold measurements.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._numbers: dict[str, Numbers] = {}

    def add(self, key: str, columns: Mapping[str, str]) -> None:
        """Another row of this key, with the columns that the source has."""
        for name in self._names:
            if (number := _number(columns.get(name))) is not None:
                self._numbers.setdefault(key, {}).setdefault(kept_as(name), []).append(number)

    def average(self, path: Path, key: str) -> int:
        """Put the means into the row table, and say how many of its rows have some.

        A cell that held no number holds the mean of the others then; one that no other row has a number for stays as
        it was written.

        Args:
            path: The row table.
            key: Its column of what rows have in common.
        """
        if not self._numbers:
            return 0
        settled, source = 0, pq.ParquetFile(path)
        with replacing(path) as partial, pq.ParquetWriter(partial, source.schema_arrow, compression="zstd") as writer:
            for batch in source.iter_batches():
                rows = batch.to_pylist()
                for row in rows:
                    for name, others in self._numbers.get(row[key], {}).items():
                        own = _number(row[name])
                        row[name] = repr(fmean(others if own is None else [own, *others]))
                    settled += row[key] in self._numbers
                writer.write_table(pa.Table.from_pylist(rows, source.schema_arrow))
        return settled


def _number(cell: object) -> float | None:
    try:
        found = float(str(cell))
    except ValueError:
        return None
    return found if math.isfinite(found) else None
