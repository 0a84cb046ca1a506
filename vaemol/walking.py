"""What one line of input comes to: the rows of a path through the space, or of proposals."""

import sys
from argparse import Namespace
from collections.abc import Container

from vaemol.constraints import Constraint
from vaemol.interpolation import interpolate
from vaemol.oracles import Oracle
from vaemol.proposals import Asked, few, lacks_of, ranked
from vaemol.space import MoleculeSpace
from vaeseq.console import Line, Row
from vaeseq.ends import tell_missed_ends
from vaeseq.errors import InputError


def path_rows(
    space: MoleculeSpace, arguments: Namespace, number: int, pair: Line, ends: list[str] | InputError
) -> list[Row]:
    """The points of a path, or one row with what is wrong with its ends."""
    try:
        if isinstance(ends, InputError):
            raise ends
        if len(ends) != 2:
            raise InputError(f"a path needs two molecules, got {pair.text[:80]!r}")
        how = {name: getattr(arguments, name) for name in ("steps", "kind", "beams", "draws", "seed")}
        points = interpolate(space, *ends, **how, most=arguments.fill)
    except InputError as error:
        return [{"path": number, "error": str(error)}]
    return tell_missed_ends(number, ends, [{"path": number, **point._asdict()} for point in points], "smiles")


def proposal_rows(
    space: MoleculeSpace,
    holds: Constraint,
    asked: Asked,
    rank: Oracle | None,
    known: Container[str] | None,
    seed: int,
    number: int,
    given: list[str] | InputError,
) -> list[Row]:
    """The proposals for a set of molecules, or one row with why there are none."""
    try:
        if isinstance(given, InputError):
            raise given
        rows = ranked(space, given, holds, asked, rank, seed=seed)
    except InputError as error:
        return [{"set": number, "error": str(error)}]
    told = [{"set": number, "known": known is not None and row.smiles in known, **row._asdict()} for row in rows]
    if len(given) != 2:
        if len(told) < asked.count:
            print(f"set {number}: {len(told)} of {asked.count} molecules: {few(len(given))}", file=sys.stderr)
        return [row | {"step": ""} for row in told]
    path = sorted(told, key=lambda row: row["step"])
    tell_missed_ends(number, given, path, "smiles")
    for lack in lacks_of([row["smiles"] for row in path], given, holds):
        print(f"path {number}: {lack}", file=sys.stderr)
    return told
