"""What samples of molecules are judged by: the test sets, the training set and the filters of MOSES.

Run as ``python -m pipelines.reference``, once, in the folder that ``vaemol`` is called in: it takes its time, for
ChemNet reads 350,000 molecules. Killed, it goes on at the file that it was at. ``python -m pipelines.filters`` makes
the filters alone.
"""

from collections.abc import Iterator

import numpy as np

from pipelines import filters
from pipelines.filters import OUT, file_of
from pipelines.readers import rows
from pipelines.sources import Table
from vaemol import guacamol
from vaemol.portrait import portrait
from vaemol.reference import Training, hashes, save_portrait, save_training

SEED = 0


def main() -> None:
    """Write ``data/reference/moses``."""
    filters.main()
    for name, file in (("test", "test.csv.gz"), ("scaffolds", "test_scaffolds.csv.gz")):
        if not (path := OUT / f"{name}.npz").exists():
            save_portrait(path, portrait(list(smiles_in(file))))
    if not (path := OUT / "training.npz").exists():
        smiles = list(smiles_in("train.csv.gz"))
        some = np.random.default_rng(SEED).permutation(len(smiles))[: 2 * guacamol.MOLECULES]  # not all are distinct
        save_training(path, Training(hashes(smiles), guacamol.sketch([smiles[i] for i in some])))


def smiles_in(name: str) -> Iterator[str]:
    """The molecules of one of its files."""
    table = Table(file=f"moses/{name}", format="csv", column="SMILES")
    return (row.text for row in rows(file_of(name), table, "molecules"))


if __name__ == "__main__":
    from pipelines.stage import run

    run(main)
