"""SMILES from strangers, read in processes that can be killed."""

import csv
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

from vaemol.molecule import parse, settled, standardise
from vaemol.notation import to_smiles
from vaeseq.console import Line
from vaeseq.errors import InputError, Rejected
from vaeseq.parallel import ordered_map


def smiles_in(lines: Iterator[Line]) -> Iterator[str]:
    """The SMILES of a csv table with a column ``smiles``, or of lines that have one each, maybe before a name.

    Raises:
        InputError: Such a table cannot be cut into cells.
    """
    first = next(lines)
    header = first.text.lower().replace('"', "").split(",")
    if "smiles" in header:
        place = header.index("smiles")
        lines = (Line("".join(row[place : place + 1])) for row in _cells(line.text for line in lines) if row)
    else:
        lines = chain([first], lines)
    return (line.word for line in lines if line.error or line.text.strip())


def _cells(lines: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines)
    except csv.Error as error:
        raise InputError(f"a table of molecules cannot be read: {error}") from error


def parent(smiles: str) -> str:
    """Canonical SMILES of the organic parent of a molecule; '' where there is none."""
    if (mol := parse(smiles)) is None:
        return ""
    try:
        return settled(standardise(mol)[0])[0]
    except Rejected:
        return ""


def canonical_each(texts: Iterable[str], *, parents: bool = False, workers: int | None = None) -> Iterator[str]:
    """The canonical SMILES of each; '' of what is no molecule, and of what hangs or crashes, which costs itself alone.

    Args:
        texts: Read ahead, in order.
        parents: Of its organic parent, as preparing leaves it: a salt loses its counter-ion, charges are neutralised.
        workers: Processes, see ``vaeseq.parallel.ordered_map``.
    """
    read = parent if parents else partial(to_smiles, notation="smiles")
    for _, found in ordered_map(read, texts, workers=workers, preload=(to_smiles.__module__,)):
        yield "" if isinstance(found, Rejected) else found
