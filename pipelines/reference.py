"""What samples of molecules are judged by: the test sets, the training set and the filters of MOSES.

Run as ``python -m pipelines.reference``, once: it takes its time, for ChemNet reads 350,000 molecules. Killed, it goes
on at the file that it was at.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.download import cache_folder, mirror_folder, obtain
from pipelines.readers import rows
from pipelines.sources import Table, load_sources
from vaemol import guacamol
from vaemol.filters import patterns_of
from vaemol.portrait import portrait
from vaemol.reference import Training, hashes, save_portrait, save_training

OUT, SEED = Path("data/reference/moses"), 0


def main() -> None:
    """Write ``data/reference/moses``."""
    OUT.mkdir(parents=True, exist_ok=True)
    patterns = [*patterns_of(_file("mcf.csv"), "smarts"), *patterns_of(_file("wehi_pains.csv"))]
    (OUT / "patterns.txt").write_text("\n".join(patterns) + "\n", encoding="utf-8")  # first: some need no more
    for name, file in (("test", "test.csv.gz"), ("scaffolds", "test_scaffolds.csv.gz")):
        if not (path := OUT / f"{name}.npz").exists():
            save_portrait(path, portrait(list(smiles_in(file))))
    if not (path := OUT / "training.npz").exists():
        smiles = list(smiles_in("train.csv.gz"))
        some = np.random.default_rng(SEED).permutation(len(smiles))[: 2 * guacamol.MOLECULES]  # not all are distinct
        save_training(path, Training(hashes(smiles), guacamol.sketch([smiles[i] for i in some])))


def _file(name: str) -> Path:
    source = load_sources(Path("data/sources.yaml"))["moses"]
    file = next(file for file in (*source.files, *source.reference) if file.path == f"moses/{name}")
    return obtain(file, mirror=mirror_folder(None), cache=cache_folder())


def smiles_in(name: str) -> Iterator[str]:
    """The molecules of one of its files."""
    table = Table(file=f"moses/{name}", format="csv", column="SMILES")
    return (row.text for row in rows(_file(name), table, "molecules"))


if __name__ == "__main__":
    from pipelines.stage import run

    run(main)
