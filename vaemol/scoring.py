"""Many molecules to a table of what they are worth, in processes that can be killed."""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from vaemol.commanded import SECONDS, CommandOracle
from vaemol.molecule import parse, settled
from vaemol.oracles import Oracle, oracle_of
from vaemol.properties import PROPERTIES
from vaemol.record import REASONS
from vaeseq.asking import in_pieces
from vaeseq.console import Line, Row, chunks
from vaeseq.errors import Rejected
from vaeseq.parallel import ordered_map

if TYPE_CHECKING:
    from vaeseq.calls import Answers


def scored(
    lines: Iterable[Line],
    names: Sequence[str],
    *,
    max_heavy_atoms: int = 38,
    seconds: float = SECONDS,
    answers: "Answers | None" = None,
    workers: int | None = None,
) -> Iterator[Row]:
    """A row for each line, in order: ``smiles``, canonical, a column of each name, ``error``, and its ``others``.

    A line that is no molecule, or that hangs or crashes its process, keeps its text and has the reason in ``error``.

    Args:
        lines: SMILES, and behind a space whatever there is; read as they are needed.
        names: Of ``vaemol.properties.PROPERTIES``, or objectives as ``vaemol.oracles.oracle_of`` takes them.
        max_heavy_atoms: Of ``penalised_log_p``.
        seconds: That a program may take for each molecule.
        answers: What programs said before, and now say.
        workers: Processes of this machine, see ``vaeseq.parallel.ordered_map``.

    Raises:
        InputError: There is no such property or objective.
    """
    how = {"max_heavy_atoms": max_heavy_atoms, "seconds": seconds}
    oracles = {name: oracle_of(name, **how) for name in names if name not in PROPERTIES}
    # A program that runs for hours is no matter of a worker that is given up after a minute.
    programs = {name: each for name, each in oracles.items() if isinstance(each, CommandOracle)}
    programs = {name: in_pieces(answers.of(name, each) if answers else each) for name, each in programs.items()}
    own = [name for name in names if name not in programs]
    score = functools.partial(_score, names=own, oracles={name: oracles[name] for name in own if name in oracles})
    for chunk in chunks(ordered_map(score, lines, workers=workers, preload=("vaemol.scoring",))):
        rows = [
            ({"smiles": its.text, "error": REASONS.get(row.reason, row.reason)} if isinstance(row, Rejected) else row)
            | {"others": its.others}
            for its, row in chunk
        ]
        good = [row for row in rows if not row["error"]]
        for name, program in programs.items():
            for row, value in zip(good, program([str(row["smiles"]) for row in good]), strict=True):
                row[name] = value
        yield from rows


def noting_values(rows: Iterable[Row], names: Sequence[str], valued: dict[str, bool]) -> Iterator[Row]:
    """The same rows; of each name it is noted in ``valued`` whether any molecule that could be read has a value."""
    for row in rows:
        if not row["error"]:
            valued |= {name: valued.get(name, False) or math.isfinite(row[name]) for name in names}
        yield row


def _score(line: Line, names: Sequence[str], oracles: Mapping[str, Oracle]) -> Row:
    mol = parse(line.word)
    if mol is None:
        raise Rejected(line.error or "unparsable")
    smiles, mol = settled(mol)
    values = {name: oracles[name]([smiles])[0] if name in oracles else PROPERTIES[name](mol) for name in names}
    return {"smiles": smiles, **values, "error": ""}
