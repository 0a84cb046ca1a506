"""Ways from one molecule to another: what is met on them, and how good a way is."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, pairwise
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaemol.molecule import parse, tanimoto
from vaemol.notation import to_smiles
from vaemol.properties import log_p, qed, sa_score
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError
from vaeseq.paths import PathKind
from vaeseq.walks import Walk, dense, ends_of, once, walk, way

Row = dict[str, Any]

# What the interpolate stage reads; ``vaetext.paths`` has the same.
SPACE = MoleculeSpace
COLUMN = "smiles"

APART = 0.4  # 1 less the similarity of neighbours; beyond it a path is filled
JUMP = 0.3  # similarity of neighbours below which a step is a jump


def random_ends(space: MoleculeSpace, count: int, *, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Pairs of codes of different molecules that are drawn from the prior, fewer where it has too few.

    Not the codes drawn: where these say less than codes of molecules do (``prior.signal``), many a molecule is right
    for one, and what it decodes to greedily is none of them, but a chain without end.
    """
    drawn = [text for text in dict.fromkeys(space.sample(4 * count, seed=seed)) if text and _reads(space, text)]
    return ends_of(space, list(zip(drawn[::2], drawn[1::2], strict=False))[:count])


def _reads(space: MoleculeSpace, smiles: str) -> bool:
    try:
        return bool(space.texts([smiles]))
    except InputError:
        return False


class PathPoint(NamedTuple):
    """One step of a path; nan where the decoded text is no molecule.

    Attributes:
        t: Place on the path, 0 to 1.
        smiles: Canonical SMILES, '' where there is no molecule.
        similarity_start: Tanimoto similarity to the molecule at t = 0 (Morgan, radius 2).
        similarity_end: The same to the molecule at t = 1.
        qed: Drug-likeness, 0 to 1.
        log_p: Octanol-water partition coefficient, log10.
        sa_score: Synthetic accessibility, 1 (easy) to 10.
        drawn: Canonical SMILES of the other molecules that were drawn there, with spaces between.
    """

    t: float
    smiles: str
    similarity_start: float
    similarity_end: float
    qed: float
    log_p: float
    sa_score: float
    drawn: str = ""


class PathMeasures(NamedTuple):
    """How good a path is.

    Attributes:
        both_ends_exact: Whether it starts and ends at the two molecules asked for.
        validity: Share of its steps that are molecules.
        validity_of: Number of steps.
        distinct_interior: Distinct molecules between the ends that are neither end; higher is richer.
        distinct_interior_of: Number of steps between the ends.
        spearman: Rank correlation of place and similarity to the first end, -1 to 1; -1 is a path that leaves it
            steadily. nan below two molecules or where nothing changes.
        neighbour_tanimoto: Mean similarity of neighbouring steps that are both molecules; higher is smoother.
        least_neighbour_tanimoto: The least, that of the widest jump; nan where a step is no molecule.
    """

    both_ends_exact: bool
    validity: float
    validity_of: int
    distinct_interior: int
    distinct_interior_of: int
    spearman: float
    neighbour_tanimoto: float
    least_neighbour_tanimoto: float


def interpolate(
    space: MoleculeSpace,
    start: str,
    end: str,
    *,
    steps: int = 9,
    kind: PathKind = "slerp",
    beams: int = 1,
    most: int = 0,
    draws: int = 0,
    seed: int = 0,
) -> list[PathPoint]:
    """The way between two molecules, from and to the codes that decode to them, one greedy pass at each step.

    Args:
        space: A trained model.
        start: SMILES of the molecule at t = 0.
        end: SMILES of the molecule at t = 1.
        steps: Points on the path, both ends included.
        kind: ``slerp`` (arc) or ``lerp`` (straight line).
        beams: Width of the beam search between the ends, see ``LatentSpace.decode``; 1 is greedy.
        most: Where it is above ``steps``, points are put in between neighbours that are less alike than .6, up to so
            many, and no molecule comes twice (``vaeseq.walks.dense``).
        draws: Texts that are drawn of each point beside, at temperature 1.
        seed: Of these.

    Raises:
        InputError: A molecule cannot be read by this model, or there are fewer than two steps.
    """
    start, end = identity(space, start), identity(space, end)
    (ends,) = ends_of(space, [(start, end)])
    points = walk(space, ends, steps=steps, kind=kind, beams=beams)
    if most > steps:
        points = once(dense(space, ends, points, unlike, apart=APART, most=most, kind=kind, beams=beams))
    found = described(points, start, end)
    if draws:
        codes = way(space, ends, kind)(torch.tensor([point.t for point in found], dtype=ends[0].dtype))
        texts = iter(space.decode(codes.repeat_interleave(draws, dim=0), temperature=1.0, seed=seed))
        found = [point._replace(drawn=_others(islice(texts, draws), point.smiles)) for point in found]
    return found


def _others(smiles: Iterable[str], known: str) -> str:
    return " ".join(text for text in dict.fromkeys(smiles) if text not in ("", known))


def unlike(a: str, b: str) -> float:
    """1 less the Tanimoto similarity of two molecules."""
    return 1 - tanimoto(a, b)


def described(points: Sequence[tuple[float, str]], start: str, end: str) -> list[PathPoint]:
    """Similarities and properties of each ``(t, smiles)``."""
    return [PathPoint(t, smiles, *_similarities(smiles, start, end), *properties_of(smiles)) for t, smiles in points]


def _similarities(smiles: str, start: str, end: str) -> tuple[float, float]:
    return tanimoto(smiles, start), tanimoto(smiles, end)


def properties_of(smiles: str) -> tuple[float, float, float]:
    """Drug-likeness, logP and synthetic accessibility, as a point of a path has them; nan of no molecule."""
    mol = parse(smiles)
    if mol is None:
        return math.nan, math.nan, math.nan
    return qed(mol), log_p(mol), sa_score(mol)


def measures(path: Sequence[str], start: str, end: str) -> PathMeasures:
    """Judge a path from ``start`` to ``end``, all canonical SMILES, '' where there is no molecule."""
    valid = [(place, smiles) for place, smiles in enumerate(path) if smiles]
    interior = set(path[1:-1]) - {"", start, end}
    steps = [tanimoto(a, b) if a and b else math.nan for a, b in pairwise(path)]
    known = [step for step in steps if not math.isnan(step)]
    return PathMeasures(
        both_ends_exact=path[0] == start and path[-1] == end,
        validity=len(valid) / len(path),
        validity_of=len(path),
        distinct_interior=len(interior),
        distinct_interior_of=len(path) - 2,
        spearman=spearman([place for place, _ in valid], [tanimoto(smiles, start) for _, smiles in valid]),
        neighbour_tanimoto=fmean(known) if known else math.nan,
        least_neighbour_tanimoto=min(steps, default=math.nan) if known == steps else math.nan,
    )


def identity(space: MoleculeSpace, smiles: str) -> str:
    """The canonical SMILES of a molecule that the space can read, standardised as the model's training set was.

    Raises:
        InputError: It cannot.
    """
    (text,) = space.texts([smiles])
    return to_smiles(text, space.notation)


def judged(walks: Sequence[Walk], metadata: Row) -> tuple[list[list[Row]], Row]:
    """Columns for every step of every walk, and figures over all walks, each fraction with its denominator."""
    paths = [described(its.points, its.start, its.end) for its in walks]
    found = [measures([text for _, text in its.points], its.start, its.end) for its in walks]
    exact = [measured.both_ends_exact for measured, its in zip(found, walks, strict=True) if its.asked]
    steps = sum(measured.validity_of for measured in found)
    figures = {
        "paths": len(walks),
        "both_ends_exact": of_known(fmean, exact),
        "both_ends_exact_of": len(exact),
        "validity": sum(bool(point.smiles) for path in paths for point in path) / steps,
        "validity_of": steps,
        "distinct_interior_median": median(measured.distinct_interior for measured in found),
        "distinct_interior_median_of": median(measured.distinct_interior_of for measured in found),
        "spearman_median": of_known(median, [measured.spearman for measured in found]),
        "neighbour_tanimoto": of_known(fmean, [measured.neighbour_tanimoto for measured in found]),
    }
    return [[_row(point) for point in path] for path in paths], figures


def _row(point: PathPoint) -> Row:
    values = point._asdict()
    del values["drawn"]
    return {"t": values.pop("t"), "text": values.pop("smiles"), "valid": bool(point.smiles), **values}


def of_known(average: Callable[[list[float]], float], values: Sequence[float]) -> float | None:
    """The average of what is not nan; None where nothing is left."""
    known = [value for value in values if not math.isnan(value)]
    return average(known) if known else None


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Correlation of ranks, equal values sharing the mean of theirs; nan where a side is constant or has one value.

    References:
        Spearman (1904), https://doi.org/10.2307/1412159
    """
    ranks = [_ranks(np.asarray(side, dtype=np.float64)) for side in (a, b)]
    x, y = (rank - rank.mean() if len(rank) else rank for rank in ranks)
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale > 0 else math.nan


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
