"""2-D coordinates of molecules, and the SD file that carries them.

Position i is always molecule i: a text that is no molecule is ``None``, and an SD record without atoms.
"""

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import Mol, rdDepictor, rdFMCS
from rdkit.Geometry import Point3D

from vaemol.molecule import parse
from vaeseq.errors import InputError

# Pixels of one molecule in a picture, and of the longest bonds: no small molecule is blown up beside a large one.
WIDTH, HEIGHT, BOND = 220, 170, 26

_LEAST_SIZE = 0.75  # how much smaller than it could be a molecule may be drawn for lying like its neighbour
_LEAST_SHARED = 4  # atoms that two molecules must share to be turned alike
_MOST_MATCHES = 64  # ways to lay a symmetric molecule over another


def laid_out(smiles: Sequence[str], *, alike: bool) -> list[Mol | None]:
    """The molecules with 2-D coordinates, lying flat or, if ``alike``, turned like the one before."""
    mols: list[Mol | None] = []
    before: Mol | None = None
    for text in smiles:
        mol = parse(text)
        if mol is not None:
            with rdBase.BlockLogs():
                rdDepictor.Compute2DCoords(mol, useRingTemplates=True)
                rdDepictor.NormalizeDepiction(mol)
                rdDepictor.StraightenDepiction(mol)
            if alike and before is not None:
                _turn(mol, before)
            before = mol
        mols.append(mol)
    return mols


def sdf(smiles: Sequence[str], columns: Mapping[str, Sequence[object]]) -> str:
    """SD file with 2-D coordinates; each of ``columns`` becomes a data item of every record, and ``name`` the title.

    Raises:
        InputError: A column has not one value a molecule.
    """
    for name, values in columns.items():
        if len(values) != len(smiles):
            raise InputError(f"column {name!r} must have {len(smiles)} values, one a molecule; got {len(values)}")
    out = io.StringIO()
    for i, mol in enumerate(laid_out(smiles, alike=False)):
        items = {name: values[i] for name, values in columns.items()}
        block = Chem.MolToMolBlock(Mol() if mol is None else mol)
        out.write(_one_line(items.get("name", "")) + block[block.index("\n") :])
        for name, value in items.items():
            title = _one_line(name).replace("<", "(").replace(">", ")")
            out.write(f"> <{title}>\n{_one_line(value)}\n\n")
        out.write("$$$$\n")
    return out.getvalue()


def _one_line(value: object) -> str:
    """A data item ends at an empty line and a record at ``$$$$``: no value may hold either."""
    return "" if value is None else " ".join(str(value).split()).replace("$$$$", "$$ $$")


def _turn(mol: Mol, before: Mol) -> None:
    """Turn and mirror ``mol`` so that what it shares with ``before``, rings and chains of any atoms, lies the same way.

    Only by multiples of 30 degrees, so that bonds stay on the grid of directions that the eye is used to, and never so
    that it has to shrink much to fit its tile.
    """
    shared = _shared(mol, before)
    if shared is None:
        return
    there, matches = shared
    place, goal = mol.GetConformer().GetPositions()[:, :2], before.GetConformer().GetPositions()[there, :2]
    goal -= goal.mean(axis=0)
    candidates = [place @ matrix.T for matrix in _TURNS]
    least = _LEAST_SIZE * max(map(_size, candidates))
    best, turned = math.inf, place
    for candidate in candidates:
        if _size(candidate) < least:
            continue
        for match in matches:
            here = candidate[match]
            distance = np.square(here - here.mean(axis=0) - goal).sum()
            if distance < best - 1e-6:
                best, turned = distance, candidate
    conformer = mol.GetConformer()
    for i, (x, y) in enumerate(turned.tolist()):
        conformer.SetAtomPosition(i, Point3D(x, y, 0.0))


def _shared(mol: Mol, before: Mol) -> tuple[list[int], list[list[int]]] | None:
    """Atoms of ``before`` in the largest common skeleton, and every way in which atoms of ``mol`` match them."""
    with rdBase.BlockLogs():
        common = rdFMCS.FindMCS(
            [before, mol],
            atomCompare=rdFMCS.AtomCompare.CompareAny,
            bondCompare=rdFMCS.BondCompare.CompareAny,
            ringMatchesRingOnly=True,
            completeRingsOnly=True,
            timeout=1,
        )
    if common.numAtoms < _LEAST_SHARED:
        return None
    skeleton = Chem.MolFromSmarts(common.smartsString)
    matches = mol.GetSubstructMatches(skeleton, uniquify=False, maxMatches=_MOST_MATCHES)
    return list(before.GetSubstructMatch(skeleton)), [list(match) for match in matches]


def _size(place: np.ndarray) -> float:
    """Pixels of a bond of 1.5 Å when ``place`` fills a tile; no more than bonds are ever drawn long."""
    across, up = np.ptp(place, axis=0) + 1.0
    return min(BOND, 1.5 * WIDTH / across, 1.5 * HEIGHT / up)


def _turns() -> list[np.ndarray]:
    """Rotations by multiples of 30 degrees, without and with a mirror before them; first the one that does nothing."""
    angles = [math.radians(30 * i) for i in range(12)]
    rotations = [np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]) for a in angles]
    return [rotation @ mirror for mirror in (np.eye(2), np.diag([1.0, -1.0])) for rotation in rotations]


_TURNS = _turns()
