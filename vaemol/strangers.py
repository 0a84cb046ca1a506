"""SMILES from strangers, read in processes that can be killed."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vaemol.molecule import parse, settled, standardise
from vaemol.notation import to_smiles
from vaeseq.console import Line, Reading, given, given_file, in_table
from vaeseq.delimited import TEXT_NAMES
from vaeseq.errors import InputError, Rejected, shown
from vaeseq.parallel import ordered_map

if TYPE_CHECKING:
    from vaemol.space import MoleculeSpace

PARENTS = "salts removed, charges neutralised, as the model was taught"


def smiles_in(lines: Iterator[Line]) -> Iterator[str]:
    """The SMILES of ``molecules_in``, each by itself; blank lines are left out."""
    return (line.word for line in molecules_in(lines) if line.error or line.text.strip())


def molecules_in(lines: Iterator[Line]) -> Iterator[Line]:
    """The SMILES of a table's column, or of lines, each maybe before a ``name``; the rest beside it."""
    table = in_table(lines, TEXT_NAMES["molecules"])
    lines = (line if line.error or line.others else _named(line) for line in table)
    # A header of a file whose columns stand between spaces.
    return (line for i, line in enumerate(lines) if i or line.error or line.text.lower() not in TEXT_NAMES["molecules"])


def _named(line: Line) -> Line:
    smiles, *name = line.text.split(maxsplit=1) or [""]
    return Line(smiles, others=tuple(("name", its.strip()) for its in name))


def sets_in(space: "MoleculeSpace", smiles: Sequence[str], what: str) -> Iterator[Reading]:
    """The molecules of the arguments together, or of each line or row, as the space writes them, or why it cannot."""
    if smiles in ([], ["-"]):
        lines = in_table(given([], what), TEXT_NAMES["molecules"])
    else:
        lines = iter([Line(" ".join(smiles))])
    for line in lines:  # one by one: whoever writes them may wait for what comes of the first
        for _, texts in space.readings([line], several=True):
            read = texts if isinstance(texts, InputError) else [to_smiles(text, space.notation) for text in texts]
            yield line, read


def to_start_with(file: str | None, lead: str | None, *, parents: bool) -> tuple[list[str], str]:
    """Canonical SMILES of a file's molecules and last of a lead, which a search starts with; and of the lead by itself.

    A lead that is read as another molecule is told on standard error.

    Raises:
        InputError: The file has no molecule, or the lead is none.
    """
    words = list(smiles_in(given_file(file, "molecules"))) if file else []
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
