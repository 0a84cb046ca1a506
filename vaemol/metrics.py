"""What a list of generated SMILES is worth: the fractions of MOSES, each with what it is a fraction of.

A text is a *valid* molecule if it parses and has a stable canonical SMILES; '' is invalid. Every value is in [0, 1],
higher is better, and 0.0 of 0 where there is nothing to count.

References:
    Polykovskiy et al., 2020, https://arxiv.org/abs/1811.12823;
    https://github.com/molecularsets/moses/blob/master/moses/metrics/metrics.py
"""

from collections.abc import Container, Sequence
from typing import NamedTuple

import numpy as np
from rdkit import DataStructs
from rdkit.Chem import Mol

from vaemol.molecule import fingerprint, parse, scaffold
from vaemol.notation import to_smiles

_BLOCK = 2048  # rows of the similarity matrix that are in memory at a time


class Fraction(NamedTuple):
    """A value in [0, 1] and the number of things it was taken over."""

    value: float
    of: int


def validity(smiles: Sequence[str]) -> Fraction:
    """Valid molecules, of all texts."""
    return _fraction(len(_valid(smiles)), len(smiles))


def uniqueness(smiles: Sequence[str], *, at: int) -> Fraction:
    """Distinct molecules among the first ``at`` valid ones, of those: fewer than ``at`` where fewer are valid."""
    first = _valid(smiles)[:at]
    return _fraction(len(set(first)), len(first))


def novelty(smiles: Sequence[str], training: Container[str]) -> Fraction:
    """Distinct valid molecules that are not in ``training``, of the distinct valid ones.

    Args:
        smiles: Generated texts.
        training: Canonical SMILES, best as a set.
    """
    distinct = set(_valid(smiles))
    return _fraction(sum(molecule not in training for molecule in distinct), len(distinct))


def internal_diversity(smiles: Sequence[str], *, p: int = 1) -> Fraction:
    """One less the mean Tanimoto similarity T of all pairs of valid molecules, each with itself included.

    1 - mean over i of (mean over j of T(i, j)^p)^(1/p), as the code of MOSES has it, whose figures are the published
    ones; the paper takes the root once, after both means, which for p = 1 is the same.

    Args:
        smiles: Generated texts; a molecule counts as often as it comes.
        p: 1, or 2 to weigh similar pairs more.
    """
    valid = _valid(smiles)
    if not valid:
        return Fraction(0.0, 0)
    bits = np.stack([_bits(parse(text)) for text in valid])
    means = [(_tanimoto(bits[i : i + _BLOCK], bits) ** p).mean(axis=1) for i in range(0, len(bits), _BLOCK)]
    return Fraction(float(1.0 - (np.concatenate(means) ** (1 / p)).mean()), len(bits))


def same_scaffold(smiles: Sequence[str], others: Sequence[str]) -> Fraction:
    """Valid molecules with the scaffold of the molecule at the same place in ``others``, of all texts."""
    pairs = [(parse(text), parse(other)) for text, other in zip(smiles, others, strict=True)]
    return _fraction(sum(bool(a and b and scaffold(a) == scaffold(b)) for a, b in pairs), len(pairs))


def _fraction(count: int, of: int) -> Fraction:
    return Fraction(count / of if of else 0.0, of)


def _valid(smiles: Sequence[str]) -> list[str]:
    return [canonical for text in smiles if (canonical := to_smiles(text, "smiles"))]


def _bits(mol: Mol) -> np.ndarray:
    """The fingerprint as zeros and ones, shape (bits,)."""
    packed = np.frombuffer(DataStructs.BitVectToBinaryText(fingerprint(mol)), dtype=np.uint8)
    return np.unpackbits(packed).astype(np.float32)


def _tanimoto(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Similarity of each of ``a`` (n, bits) to each of ``b`` (m, bits), shape (n, m); 1 where neither has a bit."""
    shared = (a @ b.T).astype(np.float64)
    either = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - shared
    return np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
