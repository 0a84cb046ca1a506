"""The two scores of GuacaMol that say how near samples come to the training set: by descriptors, and by ChemNet.

Both are of the first 10,000 distinct samples and of 10,000 training molecules, without stereo, in [0, 1], higher is
better. GuacaMol's own figures are of ChEMBL: those of another training set do not compare with them.

References:
    Brown et al., 2019, https://doi.org/10.1021/acs.jcim.8b00839;
    https://github.com/BenevolentAI/guacamol/blob/master/guacamol/distribution_learning_benchmark.py
"""

from collections.abc import Sequence
from math import exp, inf
from typing import NamedTuple

import numpy as np
from rdkit.Chem import Mol, MolToSmiles, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.GraphDescriptors import BertzCT
from rdkit.DataStructs import BulkTanimotoSimilarity, ExplicitBitVect

from vaemol import fcd, properties
from vaemol.molecule import parse
from vaeseq.errors import InputError, Rejected
from vaeseq.parallel import ordered_map

MOLECULES = 10_000
CONTINUOUS = (BertzCT, properties.log_p, properties.molecular_weight, properties.tpsa)
COUNTED = (
    properties.h_bond_acceptors,
    properties.h_bond_donors,
    properties.rotatable_bonds,
    rdMolDescriptors.CalcNumAliphaticRings,
    properties.aromatic_rings,
)
_POINTS, _BINS, _LEAST = 1_000, 10, 1e-10
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=4_096)


class Sketch(NamedTuple):
    """What both scores look at.

    Attributes:
        descriptors: Of each molecule those of ``CONTINUOUS`` and ``COUNTED``, then the Tanimoto similarity to the one
            that is nearest to it among the others ``(molecules, 10)``.
        chemnet: What ChemNet makes of them.
    """

    descriptors: np.ndarray
    chemnet: fcd.Statistics


def sketch(smiles: Sequence[str], *, workers: int | None = None, device: str | None = None) -> Sketch:
    """Of the first ``MOLECULES`` distinct molecules of a list, their stereo left out.

    Raises:
        InputError: Fewer than two texts are molecules.
    """
    distinct: dict[str, tuple[list[float], ExplicitBitVect]] = {}
    for _, seen in ordered_map(_seen, smiles, workers=workers, preload=("vaemol.guacamol",)):
        if not isinstance(seen, Rejected):
            distinct.setdefault(seen[0], seen[1:])
        if len(distinct) == MOLECULES:
            break
    if len(distinct) < 2:
        raise InputError(f"smiles must hold at least 2 distinct molecules, got {len(distinct)} in {len(smiles)} texts")
    values, prints = zip(*distinct.values(), strict=True)
    nearest = [max(_others(BulkTanimotoSimilarity(each, prints), i)) for i, each in enumerate(prints)]
    return Sketch(np.column_stack([np.array(values), nearest]), fcd.statistics(list(distinct), device=device))


def kl_score(samples: Sketch, training: Sketch) -> float:
    """The mean over the descriptors, each by itself, of ``exp(-KL(training || samples))``."""
    kinds = [*(continuous_kl for _ in CONTINUOUS), *(discrete_kl for _ in COUNTED), continuous_kl]
    columns = zip(kinds, training.descriptors.T, samples.descriptors.T, strict=True)
    return float(np.mean([exp(-kl(real, sampled)) for kl, real, sampled in columns]))


def continuous_kl(real: np.ndarray, sampled: np.ndarray) -> float:
    """``KL(real || sampled)`` in nats of two lists of values, by Gaussian kernel densities at 1,000 points.

    Infinite where either has one value alone, which has no density.
    """
    from scipy.stats import entropy, gaussian_kde

    if not np.ptp(real) or not np.ptp(sampled):
        return inf
    points = np.linspace(min(real.min(), sampled.min()), max(real.max(), sampled.max()), _POINTS)
    return float(entropy(*(gaussian_kde(values)(points) + _LEAST for values in (real, sampled))))


def discrete_kl(real: np.ndarray, sampled: np.ndarray) -> float:
    """``KL(real || sampled)`` in nats of two lists of values, by ten bins over the range of the real ones.

    Infinite where no sample is within that range.
    """
    from scipy.stats import entropy

    edges = np.histogram_bin_edges(real, _BINS)
    if not ((sampled >= edges[0]) & (sampled <= edges[-1])).any():
        return inf
    return float(entropy(*(np.histogram(values, edges, density=True)[0] + _LEAST for values in (real, sampled))))


def fcd_score(samples: Sketch, training: Sketch) -> float:
    """``exp(-FCD / 5)``."""
    return exp(-fcd.frechet_distance(samples.chemnet, training.chemnet) / 5)


def _seen(smiles: str) -> tuple[str, list[float], ExplicitBitVect]:
    mol = parse(smiles)
    flat = parse(MolToSmiles(mol, isomericSmiles=False)) if mol else None
    if flat is None:
        raise Rejected("unparsable")
    return MolToSmiles(flat), _descriptors(flat), _MORGAN.GetFingerprint(flat)


def _descriptors(mol: Mol) -> list[float]:
    return [float(function(mol)) for function in (*CONTINUOUS, *COUNTED)]


def _others(similarities: list[float], i: int) -> list[float]:
    return similarities[:i] + similarities[i + 1 :]
