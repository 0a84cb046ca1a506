"""Smooth paths: from one molecule to another in small steps, by molecules that the model finds likely.

What the codes of an arc decode to jumps from molecule to molecule. Here all molecules that are met are kept, and of
them the smoothest chain is chosen (``vaemol.chains``). Where its neighbours are still unlike, molecules are sought
between these two: what is decoded from codes around the line between their own, and from the codes of their crossings,
a part of each (``vaemol.genetics``). Then a chain is chosen anew: so the way bends towards molecules that are alike, as
the path of a string method does towards low energy.

References:
    E, Ren and Vanden-Eijnden (2007), Simplified and improved string method, https://doi.org/10.1063/1.2720838
    Jensen (2019), https://doi.org/10.1039/C8SC05372C (crossover)
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise

import numpy as np
import torch
from rdkit import DataStructs
from torch import Tensor

from vaemol.chains import smoothest
from vaemol.constraints import Constraint, kept
from vaemol.genetics import crossed
from vaemol.interpolation import APART, identity
from vaemol.molecule import fingerprint, parse, tanimoto
from vaemol.rereadable import Rereadable
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError
from vaeseq.paths import PathKind, lerp
from vaeseq.seeds import mixed_seed
from vaeseq.walks import ends_of, placed

ROUNDS = 12  # of filling gaps; most paths need fewer
PLACES = 19  # of the arc, between its ends, that are decoded first
WIDEST = 12  # gaps that are filled in a round
CODES, CROSSINGS = 8, 24  # for each gap: around the line between its ends, and tries to cross them
NOISE = 0.6  # around codes of a way, in standard deviations of N(0, I)
GROWTH = 3  # heavy atoms that a molecule may have more than the larger end,
ROOM = 22  # and that any may have, as those of MOSES have: little is between small ones but what has a part of each
UNLIKELY = 0.01  # what a nat costs that a molecule is less likely than both ends (LOG.md)


def smooth_path(
    space: MoleculeSpace,
    start: str,
    end: str,
    *,
    holds: Constraint,
    rounds: int = ROUNDS,
    kind: PathKind = "slerp",
    seed: int = 0,
) -> list[str]:
    """Canonical SMILES from one molecule to another, none twice, every one between decoded from a code.

    Args:
        space: A trained model.
        start: SMILES of the molecule where the path begins.
        end: SMILES of the molecule where it ends.
        holds: What each molecule between must.
        rounds: Of filling gaps, at most; it ends before where there is a path whose neighbours are all as alike as .6.
        kind: Of the way that is decoded first, see ``vaeseq.walks.walk``.
        seed: Of all that is drawn.

    Raises:
        InputError: A molecule cannot be read by this model, or the code of one decodes to none; or the two are one, or
            their codes decode to one.
    """
    given = identity(space, start), identity(space, end)
    if given[0] == given[1]:
        raise InputError(f"a path needs two different molecules, got {start!r} twice")
    (ends,) = ends_of(space, [given])
    path = smooth_between(space, ends, given, holds=holds, rounds=rounds, kind=kind, seed=seed)
    for text, found in zip(given, (path[0], path[-1]), strict=True):
        if not found:
            raise InputError(f"a path needs ends that this model gives back, {text!r} decodes to no molecule")
    if path[0] == path[-1]:
        raise InputError(f"a path needs ends that this model tells apart, both decode to {path[0]!r}")
    return path


def smooth_between(
    space: MoleculeSpace,
    ends: tuple[Tensor, Tensor],
    given: tuple[str, str],
    *,
    holds: Constraint,
    rounds: int = ROUNDS,
    kind: PathKind = "slerp",
    seed: int = 0,
) -> list[str]:
    """``smooth_path`` between two codes, each ``(latent,)``; the ends alone where there is no way between them.

    That is where both decode to one molecule, or one of them to none and the molecule ``given`` for it is none. An end
    that decodes to none is '', and the way between is sought as from the molecule ``given``.
    """
    decoded = space.decode(torch.stack(ends))
    first, last = (text or end for text, end in zip(decoded, given, strict=True))
    if first == last or not (first and last):
        return decoded
    again = Rereadable(space)
    met, rng = _Met(again, holds, first, last), np.random.default_rng(seed)
    way = placed(space, ends, PLACES + 2, kind)[1][1:-1]
    codes = torch.cat([way, _moved(way, rng)])
    for done in range(rounds + 1):
        met.add(again.decode(codes))
        met.add(again.decode(codes, temperature=1.0, seed=mixed_seed(seed, done)))
        path = met.path()
        gaps = met.gaps(path)
        if done == rounds or not gaps:
            break
        codes = _sought(again, gaps, {first: ends[0], last: ends[1]}, met.largest, rng)
    return [decoded[0], *path[1:-1], decoded[1]]


class _Met:
    """Molecules that were met and may be on the path, the two ends first; all between can be read."""

    def __init__(self, space: Rereadable, holds: Constraint, start: str, end: str) -> None:
        self._space, self._holds = space, holds
        self.largest = max(ROOM, *(parse(text).GetNumHeavyAtoms() + GROWTH for text in (start, end)))
        self._seen, self._smiles, self._bits = {""}, [], []
        self._alike, self._nats = np.empty((0, 0)), torch.empty(0)
        self._grow([start, end])

    def add(self, smiles: Iterable[str]) -> None:
        """Those that are new, not too large, and hold what they must."""
        new = [text for text in dict.fromkeys(smiles) if text not in self._seen]
        self._seen.update(new)
        new = [text for text in new if parse(text).GetNumHeavyAtoms() <= self.largest]
        if new := kept(new, self._holds):
            self._grow(new)

    def _grow(self, new: Sequence[str]) -> None:
        self._seen.update(new)
        self._smiles += new
        bits = [fingerprint(parse(text)) for text in new]
        self._bits += bits
        rows = np.array([DataStructs.BulkTanimotoSimilarity(its, self._bits) for its in bits])
        known = rows[:, : -len(new)]
        self._alike = np.block([[self._alike, known.T], [known, rows[:, -len(new) :]]])
        self._nats = torch.cat([self._nats, self._space.nats(new)])

    def path(self) -> list[str]:
        """The smoothest of all."""
        costs = UNLIKELY * (self._nats - self._nats[:2].max()).clamp(min=0)
        return [self._smiles[i] for i in smoothest(self._alike, costs.double().numpy())]

    def gaps(self, path: Sequence[str]) -> list[tuple[str, str]]:
        """The widest of those that are too wide; where there is nothing between the ends, theirs in any case."""
        steps = sorted((tanimoto(*pair), *pair) for pair in pairwise(path))[:WIDEST]
        return [(a, b) for similarity, a, b in steps if 1 - similarity > APART or len(path) == 2]


def _sought(
    space: Rereadable,
    gaps: Sequence[tuple[str, str]],
    ends: Mapping[str, Tensor],
    largest: int,
    rng: np.random.Generator,
) -> Tensor:
    """Codes that may decode to what is between two molecules, ``(codes, latent)``; those of the ends are known."""
    crossings = [text for pair in gaps for text in _crossings(*pair, largest, rng) if space.reads(text)]
    inner = [text for text in dict.fromkeys(chain.from_iterable(gaps)) if text not in ends]
    codes = dict(zip(inner, space.encode(inner).mean, strict=True)) | ends
    found = [space.encode(crossings).mean]
    for one, other in gaps:
        t = torch.from_numpy(rng.random(CODES, dtype=np.float32))
        found.append(_moved(lerp(codes[one], codes[other], t), rng))
    return torch.cat(found)


def _crossings(one: str, other: str, largest: int, rng: np.random.Generator) -> list[str]:
    """Molecules of a part of each, not too large."""
    found = dict.fromkeys(crossed(one, other, rng) for _ in range(CROSSINGS))
    return [text for text in found if text and parse(text).GetNumHeavyAtoms() <= largest]


def _moved(codes: Tensor, rng: np.random.Generator) -> Tensor:
    """Codes around those given, by noise of all sizes up to ``NOISE``."""
    noise = torch.from_numpy(rng.standard_normal(codes.shape, dtype=np.float32))
    return codes + NOISE * torch.from_numpy(rng.random((len(codes), 1), dtype=np.float32)) * noise
