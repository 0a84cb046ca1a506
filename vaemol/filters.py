"""The medicinal chemistry filters of MOSES, by which its molecules were chosen and samples are judged.

References:
    Polykovskiy et al., 2020, https://arxiv.org/abs/1811.12823;
    https://github.com/molecularsets/moses/blob/master/moses/metrics/utils.py (``mol_passes_filters``)
"""

import csv
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from rdkit import Chem, DataStructs
from rdkit.Chem import Mol
from rdkit.DataStructs import ExplicitBitVect

from vaemol.metrics import Fraction
from vaemol.molecule import parse
from vaeseq.errors import InputError
from vaeseq.parallel import ordered_map

# What to do where something of a reference is broken or missing, and where its filters alone are.
AGAIN = "make it again: python -m pipelines.reference writes data/reference/moses"
ALONE = "make it again: python -m pipelines.filters writes data/reference/moses/patterns.txt"
LARGEST_RING = 7  # atoms
_FOREIGN = Chem.MolFromSmarts("[!#1!#6!#7!#8!#9!#16!#17!#35,!+0]")  # or charged


def passes(mol: Mol, patterns: tuple[str, ...]) -> bool:
    """No pattern, no charged atom, none but H, C, N, O, F, S, Cl and Br, and no ring of more than seven atoms.

    Args:
        mol: Any molecule.
        patterns: SMARTS of what it must not hold, its hydrogens taken as atoms.

    Raises:
        InputError: A pattern is no SMARTS.
    """
    if any(len(ring) > LARGEST_RING for ring in mol.GetRingInfo().AtomRings()) or mol.HasSubstructMatch(_FOREIGN):
        return False
    whole = Chem.AddHs(mol)
    bits = Chem.PatternFingerprint(whole)
    held = (pattern for pattern, needed in _screened(patterns) if DataStructs.AllProbeBitsMatch(needed, bits))
    return not any(map(whole.HasSubstructMatch, held))


def share_passing(smiles: Sequence[str], patterns: tuple[str, ...], *, workers: int | None = None) -> Fraction:
    """Molecules that ``passes``, of all; in processes, see ``vaeseq.parallel.ordered_map``."""
    found = ordered_map(functools.partial(_passes, patterns=patterns), smiles, workers=workers, preload=(__name__,))
    return Fraction(sum(passed is True for _, passed in found) / max(1, len(smiles)), len(smiles))


def patterns_of(path: Path, column: str | None = None) -> Iterator[str]:
    """The SMARTS in a CSV file, of a named column, or of the first where there is no header.

    Raises:
        InputError: There is no such column.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = filter(None, csv.reader(file))
        names = next(rows) if column else [None]
        if column not in names:
            raise InputError(f"{str(path)!r} must have a column {column!r}, got {names}")
        yield from (row[names.index(column)].strip() for row in rows)


def kept_patterns(folder: Path) -> tuple[str, ...]:
    """Those of a folder of ``vaemol.reference``.

    Raises:
        InputError: It holds none.
    """
    try:
        return tuple((folder / "patterns.txt").read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"reference {str(folder)!r} must hold 'patterns.txt', got {error}; {ALONE}") from error


def _passes(smiles: str, patterns: tuple[str, ...]) -> bool:
    mol = parse(smiles)
    return mol is not None and passes(mol, patterns)


@functools.cache
def _screened(patterns: tuple[str, ...]) -> list[tuple[Mol, ExplicitBitVect]]:
    """Each pattern, and the bits of what holds it: one look at them spares three of four searches."""
    found = [(smarts, Chem.MolFromSmarts(smarts)) for smarts in patterns]
    for smarts, pattern in found:
        if pattern is None:
            raise InputError(f"patterns must be SMARTS, got {smarts!r}")
    return [(pattern, Chem.PatternFingerprint(pattern)) for _, pattern in found]
