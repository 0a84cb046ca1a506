"""What the measures of MOSES compare two lists of molecules by.

References:
    Polykovskiy et al., 2020, https://arxiv.org/abs/1811.12823;
    https://github.com/molecularsets/moses/blob/master/moses/metrics/utils.py
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rdkit import rdBase
from rdkit.Chem import Mol, MolToSmiles
from rdkit.Chem.rdmolops import FragmentOnBRICSBonds
from rdkit.Chem.Scaffolds import MurckoScaffold

from vaemol import fcd
from vaemol.molecule import packed_fingerprint, parse, settled
from vaeseq.errors import Rejected
from vaeseq.parallel import ordered_map

RINGS = 2  # a scaffold of fewer does not count


class Portrait(NamedTuple):
    """Of the molecules of a list, each as often as it comes.

    Attributes:
        fingerprints: Of each, eight bits in a byte, uint8 ``(molecules, bits / 8)``.
        fragments: How many of each BRICS fragment there are.
        scaffolds: How many have each Murcko scaffold of at least two rings, its stereo kept.
        chemnet: What ChemNet makes of them.

    References:
        Degen et al., 2008 (BRICS), https://doi.org/10.1002/cmdc.200800178
    """

    fingerprints: np.ndarray
    fragments: Counter[str]
    scaffolds: Counter[str]
    chemnet: fcd.Statistics


def portrait(smiles: Sequence[str], *, workers: int | None = None, device: str | None = None) -> Portrait:
    """The portrait of those texts that are molecules, made on all cores.

    Args:
        smiles: Texts.
        workers: See ``vaeseq.parallel.ordered_map``.
        device: Of ChemNet, as torch names it; by default CUDA where it is, else the CPU.

    Raises:
        InputError: Fewer than two are molecules; torch does not know the device.
    """
    bits, fragments, scaffolds = bytearray(), Counter[str](), Counter[str]()
    for _, seen in ordered_map(_seen, smiles, workers=workers, preload=("vaemol.portrait",)):
        if not isinstance(seen, Rejected):
            bits += seen[0]
            fragments.update(seen[1])
            scaffolds.update(seen[2])
    chemnet = fcd.statistics(smiles, device=device)
    return Portrait(np.frombuffer(bits, np.uint8).reshape(chemnet.of, -1), fragments, scaffolds, chemnet)


def _seen(smiles: str) -> tuple[bytes, list[str], list[str]]:
    """Fingerprint, fragments and scaffold of one molecule."""
    mol = parse(smiles)
    if mol is None:
        raise Rejected("unparsable")
    _, mol = settled(mol)
    fragments = MolToSmiles(FragmentOnBRICSBonds(mol)).split(".")
    return packed_fingerprint(mol), fragments, _scaffold(mol)


def _scaffold(mol: Mol) -> list[str]:
    """As MOSES writes it, with stereo; nothing where it has too few rings, or rdkit fails."""
    if mol.GetRingInfo().NumRings() < RINGS:
        return []
    with rdBase.BlockLogs():
        try:
            return [MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol))]
        except (ValueError, RuntimeError):
            return []
