"""What training takes from columns of the row table: rows that belong together, and properties to predict."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipelines.names import kept_as
from pipelines.params import MoleculeParams, SentenceParams
from vaeseq.errors import InputError, shown
from vaeseq.groups import Groups

LEAST = 10  # numbers of a property that say anything


def groups_of(domain: str, params: MoleculeParams | SentenceParams, content: int, table: Path) -> Groups | None:
    """Rows with the same value in the column that the parameters name, if they name one.

    ``content`` is how much of a code a group shares.

    Raises:
        InputError: There is no such column, or the model has no content for a group to share.
    """
    column = params.train.group
    if bool(column) != bool(content):
        raise InputError(
            f"{domain}.train.group and {domain}.model.content must be given together, got {column!r} and {content!r}"
        )
    if not column:
        return None
    names = pq.read_schema(table).names
    if column not in names:
        raise InputError(f"{domain}.train.group must be a column of {str(table)!r}: {names}, got {column!r}")
    return Groups.named(pq.read_table(table, columns=[column])[column].to_pylist(), params.train.group_size)


def targets_of(table: Path, names: Sequence[str]) -> np.ndarray | None:
    """Columns of a row table as numbers ``(rows, names)``, nan where a cell is none; None where no name is given.

    A name is that of a column of the source, kept as ``pipelines.names`` has it, or else of the table.

    Raises:
        InputError: A column is missing, too few train rows have a number in it, or its name is one that tables of
            predictions have.
    """
    if not names:
        return None
    if taken := sorted({"smiles", "text", "inside", "error"} & set(names)):
        raise InputError(f"train.properties must not be called {', '.join(taken)}; rename the column")
    known = pq.read_schema(table).names
    columns = [kept if (kept := kept_as(name)) in known else name for name in names]
    if missing := [column for column in columns if column not in known]:
        raise InputError(f"train.properties must be columns of {str(table)!r}: {known}, got {missing}")
    rows = pq.read_table(table, columns=[*dict.fromkeys(("split", *columns))])
    train = np.asarray(rows["split"]) == "train"
    targets = np.stack([_numbers(rows[column].to_pylist()) for column in columns], axis=1)
    counts = (~np.isnan(targets[train])).sum(axis=0)
    if few := {name: count for name, count in zip(names, counts.tolist(), strict=True) if count < LEAST}:
        place = int(counts.argmin())
        cells = zip(rows[columns[place]].to_pylist(), np.isnan(targets[:, place]), strict=True)
        other = next((cell for cell, missing in cells if missing and str(cell or "").strip()), None)
        raise InputError(
            f"train.properties must have {LEAST} numbers in the train rows of {str(table)!r}, got {few}"
            + (f"; {shown(other)} is none, but 7.9 is one" if other else "")
        )
    return targets


def _numbers(cells: Sequence[object]) -> np.ndarray:
    def number(cell: object) -> float:
        try:
            return float(cell)
        except (TypeError, ValueError):
            return math.nan

    with np.errstate(over="ignore"):
        found = np.array([number(cell) for cell in cells]).astype(np.float32)
    return np.where(np.isfinite(found), found, np.float32(math.nan))
