"""How good paths between molecules are, whoever made them."""

import csv
from collections.abc import Iterable, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from statistics import fmean, median
from typing import NamedTuple

from vaemol.filters import share_passing
from vaemol.interpolation import JUMP, measures, of_known
from vaemol.strangers import canonical_each
from vaeseq.console import Line
from vaeseq.errors import InputError, shown


class PathFigures(NamedTuple):
    """Over all paths, neighbours that are one molecule counted once; see ``vaemol.interpolation.PathMeasures``.

    Attributes:
        paths: How many.
        both_ends_exact: Share of paths that begin and end at the molecules asked for.
        validity: Share of all steps that are molecules, each counted.
        filters: Share of the molecules between the ends that pass the filters of MOSES, each once a path.
        spearman_median: Of the rank correlation of place and similarity to the first end; -1 is best.
        neighbour_tanimoto_mean: Of all paths' means; higher is smoother.
        paths_without_jump: Share of paths of molecules alone whose neighbours all have a similarity of at least .3.
        distinct_interior_median: Of the distinct molecules between the ends.
        steps_median: Of the steps, both ends included.
    """

    paths: int
    both_ends_exact: float
    validity: float
    filters: float
    spearman_median: float | None
    neighbour_tanimoto_mean: float | None
    paths_without_jump: float
    distinct_interior_median: float
    steps_median: float


def pairs_in(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """SMILES of the two ends of each path, a line each; blank lines after them count nothing.

    Raises:
        InputError: There are none, or one of a line is no molecule.
    """
    found = list(lines)
    while found and not (found[-1].error or found[-1].text.strip()):
        found.pop()
    pairs = [tuple(line.text.split()[:2]) for line in found or [Line("")]]
    read = canonical_each(chain.from_iterable(pairs))
    for number, (line, pair) in enumerate(zip(found or [Line("")], pairs, strict=True), start=1):
        if len(pair) != 2 or not all(list(islice(read, 2))):
            raise InputError(f"pairs must be two SMILES a line, line {number} is {line.error or line.text[:80]!r}")
    return pairs


def paths_in(lines: Iterable[Line], count: int) -> list[list[str]]:
    """The texts of each of ``count`` paths in a table as ``vaemol interpolate`` or ``vaemol propose`` writes it.

    A path of which the table has nothing is one step without a molecule.

    Raises:
        InputError: It has not the columns ``smiles`` and ``path`` or ``set``, or another number there.
    """
    table = csv.DictReader(line.text for line in lines)
    paths: list[list[tuple[int, str]]] = [[] for _ in range(count)]
    known = {str(i): path for i, path in enumerate(paths, start=1)}
    try:
        names = set(table.fieldnames or ())
        number = "path" if "path" in names else "set"
        if not {number, "smiles"} <= names:
            raise InputError(f"paths must be a csv table with the columns path and smiles, got {shown(sorted(names))}")
        for row in table:
            if (its := row[number] or "") not in known:
                raise InputError(f"{number} must be 1 to {count}, the pairs given, got {its[:80]!r}")
            step = row.get("step") or ""  # `propose --rank` has the best first
            known[its].append((int(step) if step.isdecimal() and len(step) < 10 else 0, row["smiles"] or ""))
    except csv.Error as error:
        raise InputError(f"paths must be a csv table, what follows line {table.line_num} is none: {error}") from error
    return [[text for _, text in sorted(path, key=itemgetter(0))] or [""] for path in paths]


def figures_of(
    paths: Sequence[Sequence[str]],
    pairs: Sequence[tuple[str, str]],
    patterns: tuple[str, ...],
    *,
    workers: int | None = None,
) -> PathFigures:
    """Judge paths by the molecules that they were to join.

    Args:
        paths: SMILES of the steps of each, whatever is no molecule counts as invalid.
        pairs: SMILES of the two ends of each.
        patterns: SMARTS of the filters, see ``vaemol.filters.passes``.
        workers: Processes, see ``vaeseq.parallel.ordered_map``.
    """
    read = canonical_each(chain.from_iterable([*paths, *pairs]), workers=workers)
    made = [list(islice(read, len(path))) for path in paths]
    asked = [(start, end) for start, end in zip(read, read, strict=True)]
    # A path that stays where it is would be the smoothest of all: neighbours that are one molecule count once.
    merged = [[text for text, _ in groupby(path)] for path in made]
    found = [measures(path, *ends) for path, ends in zip(merged, asked, strict=True)]
    interior = [set(path[1:-1]) - {"", *ends} for path, ends in zip(made, asked, strict=True)]
    tried = list(chain.from_iterable(map(sorted, interior)))
    return PathFigures(
        len(paths),
        fmean(its.both_ends_exact for its in found),
        sum(map(bool, chain.from_iterable(made))) / sum(map(len, made)),
        share_passing(tried, patterns, workers=workers).value,
        of_known(median, [its.spearman for its in found]),
        of_known(fmean, [its.neighbour_tanimoto for its in found]),
        fmean(its.least_neighbour_tanimoto >= JUMP for its in found),  # nan is not
        median(its.distinct_interior for its in found),
        median(map(len, merged)),
    )
