"""About 15,000 real molecules that come inside rdkit's wheel and need no download."""

import csv
from collections.abc import Iterator
from pathlib import Path

from rdkit import RDConfig

from vaeseq.errors import InputError

SCREENING = Path(RDConfig.RDDataDir) / "Pains" / "test_data" / "wehi_mols.csv"
NCI = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"


def builtin_molecules() -> Iterator[tuple[str, str]]:
    """Identifier and SMILES of 14,999 molecules, as their files write them and in their order.

    First the 10,000 screening compounds (``WEHI-...``) that test rdkit's PAINS filters, then the first 4,999 of the
    open NCI collection (``NSC-...``).

    Raises:
        InputError: This rdkit came without its data files.

    References:
        Baell & Holloway, 2010, https://doi.org/10.1021/jm901137j; Voigt et al., 2001, https://doi.org/10.1021/ci000150t
    """
    for path in (SCREENING, NCI):
        if not path.is_file():
            raise InputError(f"the builtin molecules need {str(path)!r}, which is not there; use the wheel of rdkit")
    with SCREENING.open(encoding="utf-8", newline="") as file:
        for smiles, name in csv.reader(file):
            yield name, smiles
    with NCI.open(encoding="utf-8") as file:
        for line in file:
            smiles, number = line.split()
            yield f"NSC-{number}", smiles
