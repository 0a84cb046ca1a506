"""``rows.parquet`` and ``rejects.csv``, written row by row in constant memory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.lines import SHOWN
from pipelines.names import FIRST, kept_as
from pipelines.readers import RawRow
from vaeseq.files import csv_line

_GROUP = 16_384  # rows held before they are written
_HELD, _CELL = 256_000_000, 64  # so are as many bytes, about: of a cell these, and what its text has
_TYPES = {str: pa.string(), int: pa.int32(), float: pa.float32()}
_FIRST = list(zip(FIRST, (pa.int64(), pa.string(), pa.string(), pa.string()), strict=True))


class RowTable:
    """The accepted rows in order, and the rejected ones with their reasons.

    Attributes:
        accepted: How many rows, by split.
        rejected: How many rows, by reason.
    """

    def __init__(self, folder: Path, source_columns: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "rows.parquet"
        self.accepted: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self._source_columns = {name: kept_as(name) for name in source_columns}
        self._buffer: list[dict[str, object]] = []
        self._held = 0
        self._writer: pq.ParquetWriter | None = None
        self._rejects = (folder / "rejects.csv").open("w", encoding="utf-8", newline="")
        self._rejects.write(csv_line(["source_line", "source_id", "text", "reason"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
        self._rejects.close()

    def accept(self, row: RawRow, record: Mapping[str, object], split: str) -> None:
        """Add one row."""
        source = {new: row.columns.get(name) for name, new in self._source_columns.items()}
        first = {"source_line": row.line, "source_id": row.id, "split": split}
        whole = {**first, **record, **source}
        self._buffer.append(whole)
        self._held += sum(_CELL + len(cell) if isinstance(cell, str) else _CELL for cell in whole.values())
        self.accepted[split] += 1
        if len(self._buffer) >= _GROUP or self._held >= _HELD:
            self._flush()

    def reject(self, row: RawRow, reason: str) -> None:
        """Keep one row that cannot be used."""
        self._rejects.write(csv_line([row.line, row.id, row.text[:SHOWN], reason]))
        self.rejected[reason] += 1

    def _flush(self) -> None:
        if not self._buffer:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, self._schema(self._buffer[0]), compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._buffer, self._writer.schema))
        self._buffer.clear()
        self._held = 0

    def _schema(self, row: Mapping[str, object]) -> pa.Schema:
        source = [(new, pa.string()) for new in self._source_columns.values()]
        known = dict(_FIRST + source)
        own = [(name, _TYPES[type(value)]) for name, value in row.items() if name not in known]
        return pa.schema(_FIRST + own + source)


def texts(path: Path, split: str | None = None) -> Iterator[str]:
    """The texts of ``rows.parquet`` in order, of one split or of all."""
    for text, own in _columns(path, "text", "split"):
        if split in (None, own):
            yield text


def splits(path: Path) -> Iterator[str]:
    """The split of each row of ``rows.parquet``."""
    return (split for (split,) in _columns(path, "split"))


def _columns(path: Path, *names: str) -> Iterator[tuple[str, ...]]:
    for batch in pq.ParquetFile(path).iter_batches(columns=names):
        yield from zip(*(batch[name].to_pylist() for name in names), strict=True)


def shared_scaffolds(path: Path) -> int:
    """How many scaffolds both train and test rows have; a molecule without rings has none."""
    train, test = (
        {*pq.read_table(path, columns=["scaffold"], filters=[("split", "=", of)])["scaffold"].unique().to_pylist()}
        for of in ("train", "test")
    )
    return len((train & test) - {""})
