"""Fréchet ChemNet distance: how far generated molecules are from real ones to a network that predicts bioactivities.

ChemNet turns a molecule into 512 numbers. A list of molecules is taken as a Gaussian over them, and two lists of means
m and covariances S are apart by

    d = |m_1 - m_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2),

0 for equal lists, lower is better, no unit and no upper end. To know when reading it:

- Texts that are no molecules are left out, as MOSES does it, so a model with one valid text in a hundred may come out
  well: read it beside ``vaemol.metrics.validity``. A molecule counts as often as it comes.
- Few molecules give more, by a constant over their number: to the test set of MOSES 1,000, 3,000, 10,000 and 30,000 of
  its training molecules have 1.28, .42, .13 and .047 (LOG.md), which leads to the published .008 for all 1.58 million.
  Compare equal numbers, take as many real molecules as the floor, and report nothing below a few thousand.

The network and its weights are those of the package ``fcd_torch``; ``torch.load`` takes nothing but tensors from them.
The rest is done here, in one process: its workers are not needed, and its statistics call what numpy and scipy drop.

References:
    Preuer et al., 2018, https://doi.org/10.1021/acs.jcim.8b00234; https://github.com/insilicomedicine/fcd_torch;
    Polykovskiy et al., 2020, https://github.com/molecularsets/moses/blob/master/moses/metrics/metrics.py
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vaemol.notation import to_smiles
from vaeseq.errors import InputError

FEATURES = 512
BATCH = 256


class Statistics(NamedTuple):
    """What ChemNet makes of a list of molecules.

    Attributes:
        mean: Shape (512,), float64.
        covariance: Unbiased, shape (512, 512), float64.
        of: Valid molecules that they were taken over.
    """

    mean: np.ndarray
    covariance: np.ndarray
    of: int


class Distance(NamedTuple):
    """A distance, at least 0, and the number of valid samples it was taken over."""

    value: float
    of: int


def fcd(
    samples: Sequence[str], reference: Statistics, *, device: str | None = None, batch_size: int = BATCH
) -> Distance:
    """Fréchet ChemNet distance of generated SMILES to real ones; lower is better.

    Args:
        samples: Generated texts.
        reference: ``statistics`` of real molecules, for MOSES those of its whole test set.
        device: As torch names it; by default CUDA where it is, else the CPU.
        batch_size: Molecules the network sees at once; changes the result by rounding only.

    Raises:
        InputError: Fewer than two samples are valid; torch does not know the device.
    """
    generated = statistics(samples, device=device, batch_size=batch_size)
    return Distance(frechet_distance(generated, reference), generated.of)


def statistics(smiles: Sequence[str], *, device: str | None = None, batch_size: int = BATCH) -> Statistics:
    """Mean and covariance of ChemNet over the valid molecules of a list, in memory that does not grow with it.

    Args:
        smiles: Texts; each that is a molecule is put into canonical form.
        device: As torch names it; by default CUDA where it is, else the CPU.
        batch_size: Molecules the network sees at once.

    Raises:
        InputError: Fewer than two are valid; torch does not know the device.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size!r}")
    valid = [canonical for text in smiles if (canonical := to_smiles(text, "smiles"))]
    if len(valid) < 2:
        raise InputError(f"smiles must hold at least 2 valid molecules, got {len(valid)} in {len(smiles)} texts")
    of, mean, scatter = 0, np.zeros(FEATURES), np.zeros((FEATURES, FEATURES))
    for rows in _features(valid, device, batch_size):
        new, apart = len(rows), rows.mean(axis=0) - mean
        centred = rows - rows.mean(axis=0)
        scatter += centred.T @ centred + np.outer(apart, apart) * of * new / (of + new)
        mean += apart * new / (of + new)
        of += new
    return Statistics(mean, scatter / (of - 1), of)


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Distance d of this module between two Gaussians; the same either way round.

    tr (S_1 S_2)^(1/2) is the sum of the singular values of S_1^(1/2) S_2^(1/2), which is real and exact for S_1 = S_2
    however near to singular they are; a root of the product itself is neither.
    """
    shared = np.linalg.norm(_root(a.covariance) @ _root(b.covariance), "nuc")
    apart = np.sum((a.mean - b.mean) ** 2)
    return float(max(0.0, apart + np.trace(a.covariance) + np.trace(b.covariance) - 2 * shared))


def _features(smiles: list[str], device: str | None, batch_size: int) -> Iterator[np.ndarray]:
    """What ChemNet makes of canonical SMILES, batches of shape (molecules, 512)."""
    import torch
    from fcd_torch import FCD
    from fcd_torch.utils import SmilesDataset

    from vaeseq.device import device_of

    place = device_of(device)
    with torch.random.fork_rng(devices=()):  # its layers are made at random before they take the weights
        network = FCD().model.to(place)
    for start in range(0, len(smiles), batch_size):
        texts = SmilesDataset(smiles[start : start + batch_size], canonize=False)
        one_hot = np.stack([texts[i].astype(np.float32) for i in range(len(texts))])
        with torch.inference_mode():
            features = network(torch.from_numpy(one_hot).to(place).transpose(1, 2))
        yield features.cpu().numpy().astype(np.float64)


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root; what rounding has put below 0 is 0."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T
