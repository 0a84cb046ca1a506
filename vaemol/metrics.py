"""What a list of generated SMILES is worth: the fractions of MOSES, each with what it is a fraction of.

A text is a *valid* molecule if it parses and has a stable canonical SMILES; '' is invalid. Every value is in [0, 1],
higher is better, and 0.0 of 0 where there is nothing to count.

References:
    Polykovskiy et al., 2020, https://arxiv.org/abs/1811.12823;
    https://github.com/molecularsets/moses/blob/master/moses/metrics/metrics.py
"""

from collections.abc import Container, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from vaemol.molecule import packed_fingerprint, parse, scaffold
from vaemol.notation import to_smiles

BYTES = 128  # of a packed fingerprint
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
    packed = np.frombuffer(b"".join(packed_fingerprint(parse(text)) for text in _valid(smiles)), np.uint8)
    return diversity_of(packed.reshape(-1, BYTES), p=p)


def diversity_of(fingerprints: np.ndarray, *, p: int = 1) -> Fraction:
    """``internal_diversity`` of molecules whose packed fingerprints are known, uint8 ``(molecules, 128)``."""
    bits = _unpacked(fingerprints)
    if not len(bits):
        return Fraction(0.0, 0)
    means = [(_tanimoto(bits[i : i + _BLOCK], bits) ** p).mean(axis=1) for i in range(0, len(bits), _BLOCK)]
    return Fraction(float(1.0 - (np.concatenate(means) ** (1 / p)).mean()), len(bits))


def nearest_similarity(fingerprints: np.ndarray, reference: np.ndarray) -> Fraction:
    """SNN: the Tanimoto similarity of a molecule to the one that is nearest to it in the reference, in the mean.

    Args:
        fingerprints: Packed, uint8 ``(molecules, 128)``.
        reference: The same of real molecules, at least one.
    """
    nearest = np.zeros(len(fingerprints))
    for j in range(0, len(reference), _BLOCK):
        real = _unpacked(reference[j : j + _BLOCK])
        for i in range(0, len(fingerprints), _BLOCK):
            here = slice(i, i + _BLOCK)
            nearest[here] = np.maximum(nearest[here], _tanimoto(_unpacked(fingerprints[here]), real).max(axis=1))
    return Fraction(float(nearest.mean()) if len(nearest) else 0.0, len(nearest))


def cosine(counts: Mapping[str, int], reference: Mapping[str, int]) -> float:
    """Frag and Scaf: the cosine between how often each fragment or scaffold is here and there; 0 if there are none."""
    shared = sum(count * reference.get(name, 0) for name, count in counts.items())
    squares = [sum(count**2 for count in some.values()) for some in (counts, reference)]
    return shared / sqrt(squares[0] * squares[1]) if shared else 0.0


def same_scaffold(smiles: Sequence[str], others: Sequence[str]) -> Fraction:
    """Valid molecules with the scaffold of the molecule at the same place in ``others``, of all texts."""
    pairs = [(parse(text), parse(other)) for text, other in zip(smiles, others, strict=True)]
    return _fraction(sum(bool(a and b and scaffold(a) == scaffold(b)) for a, b in pairs), len(pairs))


def _fraction(count: int, of: int) -> Fraction:
    return Fraction(count / of if of else 0.0, of)


def _valid(smiles: Sequence[str]) -> list[str]:
    return [canonical for text in smiles if (canonical := to_smiles(text, "smiles"))]


def _unpacked(fingerprints: np.ndarray) -> np.ndarray:
    """Zeros and ones ``(molecules, 1024)`` of bytes."""
    return np.unpackbits(fingerprints, axis=1).astype(np.float32)


def _tanimoto(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Similarity of each of ``a`` (n, bits) to each of ``b`` (m, bits), shape (n, m); 1 where neither has a bit."""
    shared = (a @ b.T).astype(np.float64)
    either = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - shared
    return np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
