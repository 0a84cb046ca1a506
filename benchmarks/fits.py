"""Models of one's own file, as ``vaemol fit`` and ``vaetext fit`` make them, and how well they predict measured values.

Run as ``python -m benchmarks.fits [SET ...]`` on a machine that does nothing else: a fit trains for as long as its 15
minutes let it. A set is a part, each of its own model; a killed one begins anew.

*esol* and *lipophilicity* are measured values, split by scaffold. Beside the prediction from a code stands a random
forest of fingerprints that has learnt from the same rows (500 trees, a third of the bits at each branch). *zinc250k*,
*tatoeba* and *tatoeba_french* are so many random molecules and sentences as a user may have.

References:
    Wu et al. (2018), MoleculeNet, https://arxiv.org/abs/1703.00564
    Svetnik et al. (2003), Random Forest: a tool for QSAR (that third), https://doi.org/10.1021/ci034160g
"""

import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import RandomForestRegressor

from benchmarks.corpora import SOURCES
from benchmarks.parts import Parts, Row
from pipelines.cli import SCRATCH, START
from pipelines.columns import targets_of
from pipelines.download import cache_folder, mirror_folder, obtain
from pipelines.fit import fit
from pipelines.plan import Asked
from pipelines.readers import rows
from pipelines.resume import locked, work_folder
from pipelines.sources import load_sources
from vaemol.molecule import fingerprint, parse

SEED, MINUTES, TREES = 0, 15.0, 500


class Task(NamedTuple):
    """A user's file, made of a public set.

    Attributes:
        measured: The column to predict, if any.
        rows: So many at random; None is the file as it is.
        source: Another name of the public set than that of the task.
        column: Of the text, another than usual.
    """

    measured: str | None = None
    rows: int | None = None
    source: str | None = None
    column: str | None = None


TASKS = {
    "esol": Task("logSolubility"),
    "lipophilicity": Task("exp"),
    "zinc250k": Task(rows=5_000),
    "tatoeba": Task(rows=20_000),
    "tatoeba_french": Task(rows=20_000, source="tatoeba", column="french"),
}


def made(name: str, folder: Path) -> Row:
    """What a fit tells of its model, with its seconds."""
    task = TASKS[name]
    source = load_sources(SOURCES)[task.source or name]
    file = obtain(source.files[0], mirror=mirror_folder(None), cache=cache_folder())
    if task.rows:
        table = source.tables[0].model_copy(update={"column": task.column} if task.column else {})
        texts = list(dict.fromkeys(row.text for row in rows(file, table, source.domain)))
        chosen = np.random.default_rng(SEED).permutation(len(texts))[: task.rows]
        file = folder / f"{name}.txt"
        file.write_text("".join(f"{texts[i]}\n" for i in chosen), encoding="utf-8")
    into = folder / "fit"
    shutil.rmtree(into, ignore_errors=True)
    started = time.monotonic()
    start = START[source.domain]
    start, properties = None if start == SCRATCH else start, (task.measured,) if task.measured else ()
    asked = Asked(file, MINUTES, properties=properties, start=start, seed=SEED)
    told = fit(source.domain, asked, into)
    found = {key.removesuffix(f"_{task.measured}"): told[key] for key in told if key not in ("model", "report")}
    found["seconds"] = time.monotonic() - started
    if task.measured:
        found |= by_forest(into / "data/prepared/molecules/rows.parquet", task.measured)
    return found


def by_forest(table: Path, name: str) -> Row:
    """How well a random forest predicts a column of the test rows: R² and root mean squared error."""
    prepared = pq.read_table(table, columns=["smiles", "split"])
    smiles, split = (np.array(prepared[column].to_pylist()) for column in ("smiles", "split"))
    values = targets_of(table, [name])[:, 0]
    train, test = ((split == part) & ~np.isnan(values) for part in ("train", "test"))
    bits = np.array([list(fingerprint(parse(each))) for each in smiles], np.uint8)
    forest = RandomForestRegressor(TREES, max_features=1 / 3, n_jobs=-1, random_state=SEED)
    forest.fit(bits[train], values[train])
    errors = forest.predict(bits[test]) - values[test]
    return {
        "forest_r2": 1 - float(np.square(errors).mean() / values[test].var()),
        "forest_rmse": float(np.square(errors).mean() ** 0.5),
        "test_rows": int(test.sum()),
    }


def main(names: list[str]) -> None:
    """Write ``benchmarks/results/fits_cpu.json``."""
    parts = Parts(
        "fits_cpu",
        command="python -m benchmarks.fits",
        data={"name": ", ".join(TASKS)},
        seed=SEED,
        budget={"minutes": MINUTES},
    )
    for name in names or TASKS:
        settings = f"{name} {TASKS[name]} {MINUTES} {SEED} {TREES}"
        with locked(work_folder(f"fits-{name}", settings)) as folder:
            parts.take(name, settings, partial(made, name, folder))


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - TASKS.keys():
        sys.exit(f"SET must be of {', '.join(TASKS)}, got {', '.join(sorted(unknown))}")
    main(sys.argv[1:])
