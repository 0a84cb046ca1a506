"""What scores are put together from: what is measured of a molecule, what makes a score of it, and the mean of scores.

A score is in [0, 1], higher is better. All that is known of a reference molecule, a formula or a pattern is made once
in a process, when it is first asked for.

References:
    Brown et al., 2019, https://doi.org/10.1021/acs.jcim.8b00839;
    https://github.com/BenevolentAI/guacamol/tree/60ebe1f6a396f16e08b834dce448e9343d259feb/guacamol
"""

import functools
import re
from collections import Counter
from collections.abc import Callable
from math import exp, prod
from typing import TypeVar

from rdkit.Chem import GetPeriodicTable, Mol, MolFromSmarts, rdFingerprintGenerator
from rdkit.Chem.rdMolDescriptors import CalcMolFormula
from rdkit.DataStructs import ExplicitBitVect, SparseBitVect, TanimotoSimilarity, ULongSparseIntVect
from rdkit.rdBase import BlockLogs

from vaemol.molecule import parse
from vaeseq.errors import InputError

Value = TypeVar("Value")
Fingerprint = Callable[[Mol], ULongSparseIntVect | SparseBitVect | ExplicitBitVect]

_ELEMENTS = frozenset(GetPeriodicTable().GetElementSymbol(number) for number in range(1, 119))
_COUNTED = re.compile(r"([A-Z][a-z]?)(\d*)")
_ECFP4 = rdFingerprintGenerator.GetMorganGenerator(radius=2)
_ECFP6 = rdFingerprintGenerator.GetMorganGenerator(radius=3)
_FEATURES = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
_FCFP4 = rdFingerprintGenerator.GetMorganGenerator(radius=2, atomInvariantsGenerator=_FEATURES)
_PAIRS = rdFingerprintGenerator.GetAtomPairGenerator(maxDistance=10)


def clipped(value: float, upper: float) -> float:
    """Grows in proportion and is 1 from ``upper`` on."""
    return min(value / upper, 1.0)


def gaussian(value: float, mean: float, deviation: float) -> float:
    """1 at the mean, and exp(-1/2) a deviation away from it on either side."""
    return exp(-0.5 * ((value - mean) / deviation) ** 2)


def at_most(value: float, most: float, deviation: float) -> float:
    """1 up to ``most``, half a Gaussian above it; GuacaMol's MinGaussian."""
    return gaussian(max(value, most), most, deviation)


def at_least(value: float, least: float, deviation: float) -> float:
    """1 from ``least`` on, half a Gaussian below it; GuacaMol's MaxGaussian."""
    return gaussian(min(value, least), least, deviation)


def geometric_mean(*scores: float) -> float:
    """The n-th root of the product of n scores: 0 where one of them is."""
    return prod(scores) ** (1 / len(scores))


def ecfp4(mol: Mol) -> ULongSparseIntVect:
    """How often each surrounding of an atom is there, up to two bonds away, stereo left out; not folded.

    References:
        Rogers & Hahn, 2010, https://doi.org/10.1021/ci100050t
    """
    return _ECFP4.GetSparseCountFingerprint(mol)


def ecfp6(mol: Mol) -> ULongSparseIntVect:
    """As ``ecfp4``, up to three bonds away."""
    return _ECFP6.GetSparseCountFingerprint(mol)


def fcfp4(mol: Mol) -> ULongSparseIntVect:
    """As ``ecfp4``, of atoms told apart by what they do: donor, acceptor, aromatic, halogen, basic, acidic."""
    return _FCFP4.GetSparseCountFingerprint(mol)


def atom_pairs(mol: Mol) -> ULongSparseIntVect:
    """How often each pair of atoms is there, at most ten bonds apart.

    References:
        Carhart, Smith & Venkataraghavan, 1985, https://doi.org/10.1021/ci00046a002
    """
    return _PAIRS.GetSparseCountFingerprint(mol)


def similarity(mol: Mol, target: str, fingerprint: Fingerprint = ecfp4) -> float:
    """Tanimoto similarity to ``target``, a SMILES: the sum of the smaller of both counts over that of the larger.

    Raises:
        InputError: ``target`` is no molecule.
    """
    return TanimotoSimilarity(fingerprint(mol), of_reference(fingerprint, target))


@functools.cache
def of_reference(measure: Callable[[Mol], Value], smiles: str) -> Value:
    """What is measured of a reference molecule.

    Raises:
        InputError: ``smiles`` is no molecule.
    """
    mol = parse(smiles)
    if mol is None:
        raise InputError(f"target must be a molecule in SMILES, got {smiles!r}")
    return measure(mol)


def isomers(mol: Mol, formula: str) -> float:
    """How near the molecule comes to a formula, 1 for its isomers; hydrogen counts as an atom.

    The geometric mean of a Gaussian for the number of each element of ``formula``, deviation 1, and one for the number
    of all atoms, deviation 2.

    Raises:
        InputError: ``formula`` is none.
    """
    wanted, found = atoms_of(formula), _counted(CalcMolFormula(mol))
    of_all = gaussian(found.total(), wanted.total(), 2)
    return geometric_mean(of_all, *(gaussian(found[element], count, 1) for element, count in wanted.items()))


@functools.cache
def atoms_of(formula: str) -> Counter[str]:
    """How many atoms of each element a formula such as ``C7H8N2O2`` has.

    Raises:
        InputError: ``formula`` is none, or names what is no element.
    """
    found = _counted(formula)
    if not re.fullmatch(f"({_COUNTED.pattern})+", formula, re.ASCII) or not found.keys() <= _ELEMENTS:
        raise InputError(f"formula must be elements and their numbers, such as C7H8N2O2, got {formula!r}")
    return found


def _counted(formula: str) -> Counter[str]:
    """A charge and wildcards, as rdkit writes them, are no atoms."""
    found: Counter[str] = Counter()
    for element, count in _COUNTED.findall(formula):
        found[element] += int(count or 1)
    return found


def holds(mol: Mol, smarts: str) -> float:
    """1 if the pattern is in the molecule, 0 if not; a configuration that it writes is part of it.

    Raises:
        InputError: ``smarts`` is no pattern.
    """
    return float(mol.HasSubstructMatch(pattern_of(smarts), useChirality=True))


@functools.cache
def pattern_of(smarts: str) -> Mol:
    """The pattern that a SMARTS writes.

    Raises:
        InputError: ``smarts`` is none, or one with words behind it, which rdkit would leave out.
    """
    with BlockLogs():
        pattern = MolFromSmarts(smarts)
    if pattern is None or len(smarts.split()) != 1:
        raise InputError(f"pattern must be one SMARTS, got {smarts!r}")
    return pattern
