"""SMILES to molecules and back: the one parser, canonical form, standard form, scaffold, similarity.

A molecule here is an rdkit ``Mol`` with implicit hydrogens, as ``parse`` makes it.
"""

import functools
import math
from dataclasses import dataclass

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import Mol, rdFingerprintGenerator, rdqueries
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.Scaffolds import MurckoScaffold
from rdkit.DataStructs import ExplicitBitVect

from vaeseq.errors import InputError, Rejected

# rdkit needs more than 30 s for some texts of 100,000 characters; up to here it takes milliseconds.
MAX_CHARACTERS = 1_000

_SHARED = 4_096  # molecules last read

_STRICT = Chem.SmilesParserParams()
_STRICT.allowCXSMILES = False
_STRICT.parseName = False

_METAL_BOND = Chem.MolFromSmarts(
    "[Li,Na,K,Rb,Cs,Be,Mg,Ca,Sr,Ba,Al,Ga,In,Tl,Sn,Pb,Bi,#21,#22,#23,#24,#25,#26,#27,#28,#29,#30,"
    "#39,#40,#41,#42,#43,#44,#45,#46,#47,#48,#72,#73,#74,#75,#76,#77,#78,#79,#80]~*"
)
_MAPPED = rdqueries.HasPropQueryAtom("molAtomMapNumber")
_CARBON = Chem.MolFromSmarts("[#6]")
_METALS = rdMolStandardize.MetalDisconnector()
_PARENT = rdMolStandardize.LargestFragmentChooser(preferOrganic=True)
_NEUTRAL = rdMolStandardize.Uncharger()
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
_MOSES = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)


@dataclass(frozen=True)
class Limits:
    """What a molecule may be at most to become a row.

    Attributes:
        max_characters: Characters of the given text and of the canonical SMILES, at most ``MAX_CHARACTERS``.
        max_heavy_atoms: Atoms other than hydrogen, counted after standardising.
    """

    max_characters: int = 500
    max_heavy_atoms: int = 100

    def __post_init__(self) -> None:
        if not isinstance(self.max_characters, int) or not 1 <= self.max_characters <= MAX_CHARACTERS:
            raise InputError(f"max_characters must be 1 to {MAX_CHARACTERS}, got {self.max_characters!r}")
        if not isinstance(self.max_heavy_atoms, int) or self.max_heavy_atoms < 1:
            raise InputError(f"max_heavy_atoms must be a whole number from 1, got {self.max_heavy_atoms!r}")


def parse(smiles: str) -> Mol | None:
    """The molecule that ``smiles`` writes, or ``None``; never raises, whatever the text holds.

    Space around the text is ignored. Names and CXSMILES extensions after it are not SMILES and give ``None``, and so
    does a text of more than ``MAX_CHARACTERS``, which rdkit never sees.
    """
    text = smiles.strip()
    if not 0 < len(text) <= MAX_CHARACTERS or not text.isascii() or not text.isprintable():
        return None
    with rdBase.BlockLogs():
        try:
            return Chem.MolFromSmiles(text, _STRICT)
        except (ValueError, RuntimeError, OverflowError):  # rdkit gives up on some texts with a C++ exception
            return None


@functools.lru_cache(maxsize=_SHARED)
def shared(smiles: str) -> Mol | None:
    """As ``parse``, the same molecule for all who ask of a text again: none of them may change it."""
    return parse(smiles)


def canonical(mol: Mol) -> str:
    """The canonical SMILES, one that reads back as itself.

    Raises:
        Rejected: ``unstable``: it cannot be read back, or its canonical form changes each time; ``too_long``.
    """
    return settled(mol)[0]


def settled(mol: Mol) -> tuple[str, Mol]:
    """The canonical SMILES and the molecule that it reads back as, as ``shared`` gives it.

    rdkit's canonical SMILES is not always a fixed point and not always readable; it is read back up to twice.

    Raises:
        Rejected: As ``canonical``.
    """
    text = Chem.MolToSmiles(mol)
    for _ in range(2):
        if len(text) > MAX_CHARACTERS:
            raise Rejected("too_long")
        again = _again(text)
        if again == text:
            return text, shared(text)
        if not again:
            break
        text = again
    raise Rejected("unstable")


@functools.lru_cache(maxsize=_SHARED)
def _again(smiles: str) -> str:
    mol = shared(smiles)
    return Chem.MolToSmiles(mol) if mol else ""


def standardise(mol: Mol) -> tuple[Mol, list[str]]:
    """The organic parent in its neutral form, and what had to change for it.

    In this order: atom-map numbers go (``atom_map``), bonds to metals are cut (``metal``), the largest organic fragment
    stays (``fragment``), and a net charge is taken away by moving protons where that is possible (``charge``). A
    zwitterion or a nitro group has no net charge and stays as it is, a quaternary nitrogen keeps its charge; stereo and
    isotopes are kept.

    Raises:
        Rejected: ``no_carbon``: there is no organic parent; ``not_standardised``: rdkit refuses what the steps lead to.
    """
    with rdBase.BlockLogs():
        try:
            parent, changed = _standardised(mol)
        except (ValueError, RuntimeError) as error:
            raise Rejected("not_standardised") from error
    if not parent.HasSubstructMatch(_CARBON):
        raise Rejected("no_carbon")
    return parent, changed


def _standardised(mol: Mol) -> tuple[Mol, list[str]]:
    changed = []
    if mol.GetAtomsMatchingQuery(_MAPPED):
        mol = Mol(mol)
        for atom in mol.GetAtomsMatchingQuery(_MAPPED):
            atom.SetAtomMapNum(0)
        changed.append("atom_map")
    if mol.HasSubstructMatch(_METAL_BOND):
        bonds = mol.GetNumBonds()
        mol = _METALS.Disconnect(mol)
        if mol.GetNumBonds() != bonds:
            changed.append("metal")
    if len(Chem.GetMolFrags(mol)) > 1:
        mol = _PARENT.choose(mol)
        changed.append("fragment")
    charge = Chem.GetFormalCharge(mol)
    if charge:
        mol = _NEUTRAL.uncharge(mol)
        if Chem.GetFormalCharge(mol) != charge:
            changed.append("charge")
    return mol, changed


def scaffold(mol: Mol) -> str:
    """SMILES of the Murcko scaffold without stereo, '' if acyclic: rings, their links, atoms double-bonded to either.

    References:
        Bemis & Murcko, 1996, https://doi.org/10.1021/jm9602928
    """
    if not mol.GetRingInfo().NumRings():
        return ""
    with rdBase.BlockLogs():
        return MurckoScaffold.MurckoScaffoldSmiles(mol=mol)


def fingerprint(mol: Mol) -> ExplicitBitVect:
    """Morgan fingerprint of radius 2 in 2,048 bits, stereo left out: of every similarity but those of MOSES' measures.

    References:
        Rogers & Hahn, 2010, https://doi.org/10.1021/ci100050t
    """
    return _MORGAN.GetFingerprint(mol)


def packed_fingerprint(mol: Mol) -> bytes:
    """The fingerprint of MOSES, in 1,024 bits, eight in a byte, the first the lowest.

    References:
        Polykovskiy et al., 2020, https://github.com/molecularsets/moses/blob/master/moses/metrics/utils.py
    """
    return DataStructs.BitVectToBinaryText(_MOSES.GetFingerprint(mol))


def tanimoto(smiles_a: str, smiles_b: str) -> float:
    """Shared over all bits of the two fingerprints, in [0, 1]; nan where either is no molecule."""
    a, b = parse(smiles_a), parse(smiles_b)
    if a is None or b is None:
        return math.nan
    return DataStructs.TanimotoSimilarity(fingerprint(a), fingerprint(b))
