"""Proposals: new molecules around one, between two, or among several, that hold what is asked of them.

Each function gives canonical SMILES, none of them twice.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaemol.constraints import Constraint
from vaemol.interpolation import APART, JUMP, identity, properties_of, unlike
from vaemol.molecule import tanimoto
from vaemol.oracles import Oracle
from vaemol.smooth import ROUNDS, smooth_path
from vaemol.space import MoleculeSpace
from vaeseq.asking import in_pieces
from vaeseq.errors import InputError
from vaeseq.paths import PathKind, mixed

CHUNK = 64  # codes decoded at a time
PATIENCE = 40  # chunks at most
RANKED = 5  # times as many proposals as are asked for, where the best of them are to be given
STEPS = 0.05, 2.0  # from a molecule, in standard deviations of N(0, I): the shortest and the longest


class Asked(NamedTuple):
    """How many proposals, and where they are looked for.

    Attributes:
        count: Around a molecule or among several, at most.
        similar: Around a molecule, least and most Tanimoto similarity to it.
        rounds: Of filling the gaps of a path, at most.
        kind: Of the way that a path is begun with, see ``vaeseq.walks.walk``.
    """

    count: int = 20
    similar: tuple[float, float] = (0.4, 1.0)
    rounds: int = ROUNDS
    kind: PathKind = "slerp"


class Proposal(NamedTuple):
    """A proposal as it is shown.

    Attributes:
        step: Its place among all, from 1: on a path, from its start on.
        smiles: Canonical SMILES.
        similarities: Tanimoto similarity to each molecule given, in their order.
        qed: Drug-likeness, 0 to 1.
        log_p: Octanol-water partition coefficient, log10.
        sa_score: Synthetic accessibility, 1 (easy) to 10.
        value: By the oracle that ranks; nan without one.
    """

    step: int
    smiles: str
    similarities: str
    qed: float
    log_p: float
    sa_score: float
    value: float


def proposed(
    space: MoleculeSpace, given: Sequence[str], holds: Constraint, asked: Asked, *, seed: int = 0
) -> list[str]:
    """Around one molecule, on a path between two, or among several.

    Raises:
        InputError: A molecule cannot be read by this model, or nothing was found that holds what it must.
    """
    match list(given):
        case []:
            raise InputError("proposals need at least one molecule, got none")
        case [one]:
            found = analogues(space, one, asked.count, holds=holds, similar=asked.similar, seed=seed)
        case [start, end]:
            found = smooth_path(space, start, end, holds=holds, rounds=asked.rounds, kind=asked.kind, seed=seed)
        case _:
            found = mixtures(space, given, asked.count, holds=holds, seed=seed)
    if not found or (len(given) == len(found) == 2 and unlike(*found) > APART):
        where = "between the two " if len(given) == 2 else ""
        raise InputError(f"no molecule was found {where}that is new and holds all that is required")
    return found


def few(given: int) -> str:
    """Why fewer molecules than asked for are proposed around one, or among so many."""
    alike = ", are as similar to it as asked" if given == 1 else ""
    return f"{PATIENCE * CHUNK:,} codes give no others that are new{alike} and hold what is required"


def lacks_of(path: Sequence[str], given: Sequence[str], holds: Constraint) -> Iterator[str]:
    """What a path between two molecules lacks: molecules between, small steps, ends that hold what is required."""
    if len(path) == 2:
        yield "nothing was found between the two that is new and holds what is required"
    if (least := min(tanimoto(*pair) for pair in pairwise(path))) < JUMP:
        yield f"the widest step is between molecules of a similarity of {least:.2f}"
    if not all(holds(given)):
        yield "an end does not hold what is required; only what is between them must"


def ranked(
    space: MoleculeSpace,
    given: Sequence[str],
    holds: Constraint,
    asked: Asked,
    rank: Oracle | None,
    *,
    seed: int = 0,
) -> list[Proposal]:
    """What is proposed and what there is to say of it; around molecules the best of ``RANKED`` times as many.

    Raises:
        InputError: As ``proposed``.
    """
    looked_for = asked._replace(count=RANKED * asked.count) if rank else asked
    rows = shown(proposed(space, given, holds, looked_for, seed=seed), given, rank)
    return rows if len(given) == 2 else rows[: asked.count]


def analogues(
    space: MoleculeSpace,
    smiles: str,
    count: int,
    *,
    holds: Constraint,
    similar: tuple[float, float] = (0.4, 1.0),
    seed: int = 0,
) -> list[str]:
    """Molecules around one: the greedy texts of codes near its own, at all distances at once.

    Args:
        space: A trained model.
        smiles: The molecule.
        count: How many are looked for; fewer come where there are no more.
        holds: What each must.
        similar: Least and most Tanimoto similarity to the molecule.
        seed: Of the codes.

    Raises:
        InputError: The molecule cannot be read by this model.
    """
    own = identity(space, smiles)
    center = space.pinned([own]).codes
    least, most = similar

    def codes(generator: torch.Generator) -> Tensor:
        step = torch.empty(CHUNK, 1).uniform_(*np.log(STEPS).tolist(), generator=generator).exp()
        return center + step * torch.randn(CHUNK, space.latent, generator=generator)

    found = _sifted(space, codes, holds, {own}, seed)
    return _first(count, (text for text in found if least <= tanimoto(text, own) <= most))


def mixtures(space: MoleculeSpace, smiles: Sequence[str], count: int, *, holds: Constraint, seed: int = 0) -> list[str]:
    """Molecules among several: the greedy texts of means of their codes, with all kinds of weights.

    Args:
        space: A trained model.
        smiles: The molecules, at least two.
        count: How many are looked for; fewer come where there are no more.
        holds: What each must.
        seed: Of the weights, which are even on the simplex.

    Raises:
        InputError: A molecule cannot be read by this model, or their codes cancel each other.
    """
    given = [identity(space, text) for text in smiles]
    ends = space.pinned(given).codes

    def codes(generator: torch.Generator) -> Tensor:
        shares = torch.empty(CHUNK, len(ends)).exponential_(generator=generator)
        try:
            return mixed(ends, shares / shares.sum(dim=1, keepdim=True))
        except ValueError as error:
            raise InputError(str(error)) from error

    return _first(count, _sifted(space, codes, holds, set(given), seed))


def shown(smiles: Sequence[str], given: Sequence[str], rank: Oracle | None = None) -> list[Proposal]:
    """What there is to say of each; in their order, or the best by an oracle first."""
    values = in_pieces(rank)(smiles) if rank else np.full(len(smiles), math.nan)
    order = np.argsort(-values, kind="stable").tolist() if rank else range(len(smiles))
    alike = {i: " ".join(f"{tanimoto(smiles[i], text):.2f}" for text in given) for i in order}
    return [Proposal(i + 1, smiles[i], alike[i], *properties_of(smiles[i]), float(values[i])) for i in order]


def _sifted(
    space: MoleculeSpace, codes: Callable[[torch.Generator], Tensor], holds: Constraint, known: set[str], seed: int
) -> Iterator[str]:
    """What drawn codes decode to and holds, each once, and nothing that is known."""
    seen, generator = {"", *known}, torch.Generator().manual_seed(seed)
    for _ in range(PATIENCE):
        new = [text for text in dict.fromkeys(space.decode(codes(generator))) if text not in seen]
        seen.update(new)
        yield from (text for text, held in zip(new, holds(new), strict=True) if held)


def _first(count: int, texts: Iterator[str]) -> list[str]:
    return [text for _, text in zip(range(count), texts, strict=False)]
