"""New molecules from known ones by small changes of the graph, without a model: mutation and crossover.

Both work on the Kekulé form, so that an aromatic ring can be changed like any other; what is then no molecule is None.
Stereo is lost.

References:
    Jensen (2019), A graph-based genetic algorithm and generative model/Monte Carlo tree search for the exploration of
    chemical space, https://doi.org/10.1039/C8SC05372C
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import Atom, BondType, Mol, RWMol, rdqueries

from vaemol.molecule import canonical, shared
from vaeseq.errors import Rejected

ELEMENTS = (6, 6, 6, 7, 7, 8, 8, 16, 9, 17, 35)  # as often as they are tried
RINGS = (5, 6)  # atoms of a ring that a new bond closes
TRIES = 10

_KEPT = 4_096  # molecules last taken apart: the best parents have most of the children
_RADICAL = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)

Change = Callable[[RWMol, np.random.Generator], bool]  # whether there was anything to change


def mutated(smiles: str, rng: np.random.Generator) -> str | None:
    """A molecule with one atom or bond more, less, or of another kind, as canonical SMILES; None after ten tries."""
    mol = _kekulized(smiles)
    for _ in range(TRIES):
        new = RWMol(mol)
        if CHANGES[rng.integers(len(CHANGES))](new, rng) and (text := _settled(new, [mol])) not in (None, smiles):
            return text
    return None


def crossed(one: str, other: str, rng: np.random.Generator) -> str | None:
    """A part of each of two molecules, each cut at a bond outside of rings, joined; None after ten tries."""
    parents = [_kekulized(smiles) for smiles in (one, other)]
    if not (_cuts(one) and _cuts(other)):
        return None
    for _ in range(TRIES):
        halves = [_half(smiles, rng) for smiles in (one, other)]
        (left, at), (right, to) = halves
        new = RWMol(Chem.CombineMols(left, right))
        new.AddBond(at, left.GetNumAtoms() + to, BondType.SINGLE)
        if (text := _settled(new, parents)) not in (None, one, other):
            return text
    return None


@functools.lru_cache(maxsize=_KEPT)
def _kekulized(smiles: str) -> Mol:
    mol = Mol(shared(smiles))
    Chem.RemoveStereochemistry(mol)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    for atom in mol.GetAtoms():
        if not atom.GetNumRadicalElectrons():  # brackets fix the hydrogens, so that no change would fit them
            atom.SetNoImplicit(False)
            atom.SetNumExplicitHs(0)
    mol.UpdatePropertyCache()
    return mol


def _settled(mol: RWMol, parents: Sequence[Mol]) -> str | None:
    with rdBase.BlockLogs():
        if Chem.SanitizeMol(mol, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
        if mol.GetAtomsMatchingQuery(_RADICAL):
            return None
        # A cut between N+ and O- leaves ions that no parent was.
        if abs(Chem.GetFormalCharge(mol)) > max(abs(Chem.GetFormalCharge(its)) for its in parents):
            return None
        try:
            text = canonical(mol)
        except Rejected:
            return None
    return None if "." in text or not text else text


@functools.lru_cache(maxsize=_KEPT)
def _cuts(smiles: str) -> list[tuple[int, int]]:
    """The ends of each single bond outside of rings."""
    bonds = _kekulized(smiles).GetBonds()
    return [
        (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
        for bond in bonds
        if not bond.IsInRing() and bond.GetBondType() == BondType.SINGLE
    ]


def _half(smiles: str, rng: np.random.Generator) -> tuple[Mol, int]:
    """One side of a random cut, and which of its atoms was cut."""
    mol, ends = RWMol(_kekulized(smiles)), _any(_cuts(smiles), rng)
    mol.RemoveBond(*ends)
    kept, cut = ends if rng.integers(2) else ends[::-1]
    lost = next(part for part in Chem.GetMolFrags(mol) if cut in part)
    for index in sorted(lost, reverse=True):
        mol.RemoveAtom(index)
    return mol.GetMol(), kept - sum(index < kept for index in lost)


def _append(mol: RWMol, rng: np.random.Generator) -> bool:
    """An atom at an atom that has a hydrogen, by a single bond or, where there are two, sometimes by a double one."""
    free = [atom for atom in mol.GetAtoms() if atom.GetTotalNumHs()]
    if not free:
        return False
    at = _any(free, rng)
    double = at.GetTotalNumHs() > 1 and rng.random() < 0.2
    new = mol.AddAtom(Atom(int(_any(ELEMENTS[:7] if double else ELEMENTS, rng))))
    mol.AddBond(at.GetIdx(), new, BondType.DOUBLE if double else BondType.SINGLE)
    return True


def _insert(mol: RWMol, rng: np.random.Generator) -> bool:
    """An atom in a single bond."""
    bonds = [bond for bond in mol.GetBonds() if bond.GetBondType() == BondType.SINGLE]
    if not bonds:
        return False
    bond = _any(bonds, rng)
    ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    mol.RemoveBond(*ends)
    new = mol.AddAtom(Atom(int(_any(ELEMENTS[:8], rng))))
    for end in ends:
        mol.AddBond(end, new, BondType.SINGLE)
    return True


def _remove(mol: RWMol, rng: np.random.Generator) -> bool:
    """An atom at an end, or between two others, which are joined then."""
    atoms = [atom for atom in mol.GetAtoms() if atom.GetDegree() < 3]
    if mol.GetNumAtoms() < 4 or not atoms:
        return False
    atom = _any(atoms, rng)
    near = [its.GetIdx() for its in atom.GetNeighbors()]
    if len(near) == 2 and mol.GetBondBetweenAtoms(*near) is None:
        mol.AddBond(*near, BondType.SINGLE)
    mol.RemoveAtom(atom.GetIdx())
    return True


def _exchange(mol: RWMol, rng: np.random.Generator) -> bool:
    """Another element."""
    atom = mol.GetAtomWithIdx(int(rng.integers(mol.GetNumAtoms())))
    atom.SetAtomicNum(int(_any([number for number in ELEMENTS if number != atom.GetAtomicNum()], rng)))
    atom.SetFormalCharge(0)
    atom.SetIsotope(0)
    atom.SetNoImplicit(False)
    atom.SetNumExplicitHs(0)
    return True


def _rebond(mol: RWMol, rng: np.random.Generator) -> bool:
    """Another order of a bond."""
    bonds = list(mol.GetBonds())
    if not bonds:
        return False
    bond = _any(bonds, rng)
    orders = [BondType.SINGLE, BondType.DOUBLE, BondType.TRIPLE]
    bond.SetBondType(_any([order for order in orders if order != bond.GetBondType()], rng))
    return True


def _close(mol: RWMol, rng: np.random.Generator) -> bool:
    """A bond that closes a ring of five or six."""
    distances = Chem.GetDistanceMatrix(mol)
    free = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetTotalNumHs()]
    pairs = [(i, j) for i in free for j in free if i < j and distances[i, j] + 1 in RINGS]
    if not pairs:
        return False
    mol.AddBond(*_any(pairs, rng), BondType.SINGLE)
    return True


def _open(mol: RWMol, rng: np.random.Generator) -> bool:
    """A ring without one of its bonds."""
    bonds = [bond for bond in mol.GetBonds() if bond.IsInRing()]
    if not bonds:
        return False
    bond = _any(bonds, rng)
    mol.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return True


CHANGES: tuple[Change, ...] = (
    _append,
    _append,
    _insert,
    _remove,
    _remove,
    _exchange,
    _exchange,
    _rebond,
    _close,
    _open,
)


def _any(choices: Sequence, rng: np.random.Generator) -> object:
    return choices[int(rng.integers(len(choices)))]
