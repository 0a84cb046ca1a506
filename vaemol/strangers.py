"""SMILES from strangers, read in processes that can be killed."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from vaemol.molecule import parse, settled, standardise
from vaemol.notation import to_smiles
from vaeseq.columns import in_table
from vaeseq.console import Line, Reading, given, given_file
from vaeseq.delimited import TEXT_NAMES, place_of
from vaeseq.errors import InputError, Rejected, shown
from vaeseq.parallel import ordered_map

if TYPE_CHECKING:
    from vaemol.space import MoleculeSpace

PARENTS = "salts removed, charges neutralised, as the model was taught"
LOOKED_AT = 16  # lines; where none of them reads as a molecule they may be a table
SETS = "the molecules of a line are one set, its name goes behind a tab; of a table --column names their column"
_SEVERAL = re.compile(r"\S[\s,;|]+\S")


def smiles_in(lines: Iterator[Line], column: str | None = None) -> Iterator[str]:
    """The SMILES of ``molecules_in``, each by itself; blank lines are left out."""
    return (line.word for line in molecules_in(lines, column) if line.error or line.text.strip())


def molecules_in(lines: Iterator[Line], column: str | None = None) -> Iterator[Line]:
    """The SMILES of a table's column, or of lines, each maybe before a ``name``; the rest beside it.

    Raises:
        InputError: They are a table without the column, or, where none is named, without one of a usual name.
    """
    usual = TEXT_NAMES["molecules"]
    table = in_table(lines, usual, column, _any_molecules, LOOKED_AT)
    lines = (line if line.error or line.others else _named(line) for line in table)
    # A header of a file whose columns stand between spaces.
    return (line for i, line in enumerate(lines) if i or line.error or place_of([line.text], usual) is None)


def _any_molecules(texts: Sequence[str]) -> bool:
    """Whether one of them is a molecule, or several with spaces between."""
    words = [text.split() for text in texts]
    entries = list(chain.from_iterable(words))
    read = {entry for entry, smiles in zip(entries, canonical_each(entries, workers=1), strict=True) if smiles}
    return any(its and read.issuperset(its) for its in words)


def _named(line: Line) -> Line:
    smiles, *name = line.text.split(maxsplit=1) or [""]
    return Line(smiles, others=tuple(("name", its.strip()) for its in name))


def sets_in(space: "MoleculeSpace", smiles: Sequence[str], what: str, column: str | None = None) -> Iterator[Reading]:
    """The molecules of the arguments together, or of each line or row, as the space writes them, or why it cannot.

    Raises:
        InputError: As ``vaeseq.console.given``, or a table has not the column.
    """
    lines = given(smiles, what)
    if column or smiles in ([], ["-"]):
        lines = in_table(lines, TEXT_NAMES["molecules"], column, _any_molecules)
    else:
        lines = iter([Line(" ".join(" ".join(smiles).split()))])
    for line, texts in space.readings(lines, several=True):
        if not isinstance(texts, InputError):
            yield line, [to_smiles(text, space.notation) for text in texts]
        else:
            yield line, InputError(f"{texts}; {SETS}") if _SEVERAL.search(line.text) and not line.others else texts


def to_start_with(
    file: str | None, lead: str | None, *, parents: bool, column: str | None = None
) -> tuple[list[str], str]:
    """Canonical SMILES of a file's molecules and last of a lead, which a search starts with; and of the lead by itself.

    A lead that is read as another molecule is told on standard error.

    Raises:
        InputError: The file has no molecule, or is a table without the column, or the lead is none.
    """
    words = list(smiles_in(given_file(file, "molecules"), column)) if file else []
    if file and not words:
        raise InputError(f"start must hold molecules, {file!r} has none")
    start = list(canonical_each([*words, lead] if lead else words, parents=parents))
    if lead and not start[-1]:
        raise InputError(f"lead must be readable SMILES, got {shown(lead)}")
    if lead and parents and next(canonical_each([lead])) != start[-1]:
        print(f"lead read as another ({PARENTS}): {shown(lead)} as {shown(start[-1])}", file=sys.stderr)
    return start, start[-1] if lead else ""


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
