"""A Gaussian process over molecules as graphs: what is like a molecule of high value has a high value too.

References:
    Ralaivola et al. (2005), Graph kernels for chemical informatics (the Tanimoto kernel),
    https://doi.org/10.1016/j.neunet.2005.07.009
    Tripp, Bacallado, Singh and Hernández-Lobato (2023), Tanimoto random features for scalable molecular machine
    learning, https://arxiv.org/abs/2306.14809
    Gao et al. (2022), PMO, appendix (GP BO), https://arxiv.org/abs/2206.12411
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor

from vaemol.molecule import shared

BITS, RADIUS = 2048, 3
FITTED = 500  # molecules that the two settings of the kernel are fitted to
NOISES = tuple(10.0 ** (power / 2) for power in range(-8, 1))  # relative to the height, that are tried

# Bits that stand for counts: one atom more of a kind then is a difference.
_COUNTS = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS, countSimulation=True)


class TanimotoProcess:
    """Values of molecules, standardised, as one Gaussian process with the covariance ``height (Tanimoto + noise I)``.

    Of both settings the likeliest are taken: for each noise that is tried the best height is known in closed form,
    ``y' (Tanimoto + noise I)^-1 y / n`` (Rasmussen and Williams 2006, eq. 5.8, http://gaussianprocess.org/gpml), which
    takes a tenth of the time of steps along the gradient.

    Args:
        smiles: Molecules.
        values: Of each, finite.
    """

    def __init__(self, smiles: Sequence[str], values: Sequence[float]) -> None:
        targets = torch.tensor(values, dtype=torch.float64)
        self.mean, self.scale = targets.mean(), targets.std().clamp(min=1e-9)
        self.features = features(smiles)
        targets = (targets - self.mean) / self.scale
        alike = tanimoto(self.features, self.features)
        self.noise, self.height = _settings(alike[:FITTED, :FITTED], targets[:FITTED])
        self.factor = _factor(alike, self.noise)
        self.weights = torch.cholesky_solve(targets.unsqueeze(1), self.factor)

    def drawn(self, smiles: Sequence[str], count: int, *, seed: int) -> Tensor:
        """``count`` functions drawn from the posterior, at some molecules, ``(count, molecules)``, in their unit."""
        mean, covariance = self.posterior(smiles)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(len(mean), count, dtype=torch.float64, generator=generator)
        values, vectors = torch.linalg.eigh(covariance)
        return mean + (vectors @ (values.clamp(min=0).sqrt().unsqueeze(1) * noise)).T

    def posterior(self, smiles: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Mean ``(molecules,)`` and covariance ``(molecules, molecules)`` of the values of some molecules."""
        found = features(smiles)
        across = tanimoto(found, self.features)
        within = torch.linalg.solve_triangular(self.factor, across.T, upper=False)
        covariance = self.height * (tanimoto(found, found) - within.T @ within)
        return self.mean + self.scale * (across @ self.weights).squeeze(1), self.scale**2 * covariance


def features(smiles: Sequence[str]) -> Tensor:
    """Morgan fingerprints of radius 3 in 2,048 bits that stand for counts, ``(molecules, 2048)``, float32."""
    found = np.zeros((len(smiles), BITS), np.float32)
    for row, text in zip(found, smiles, strict=True):
        row[:] = _bits(text)
    return torch.from_numpy(found)


@functools.lru_cache(maxsize=1 << 14)
def _bits(smiles: str) -> np.ndarray:
    return _COUNTS.GetFingerprintAsNumPy(shared(smiles))


def tanimoto(one: Tensor, other: Tensor) -> Tensor:
    """Shared over all bits of each two rows, ``(rows of one, rows of other)``, float64; 1 where neither has any."""
    common = (one @ other.T).double()
    either = one.sum(dim=1, dtype=torch.float64).unsqueeze(1) + other.sum(dim=1, dtype=torch.float64) - common
    return torch.where(either > 0, common / either.clamp(min=1), 1.0)


def _settings(alike: Tensor, targets: Tensor) -> tuple[float, float]:
    """Noise and height of the largest likelihood."""

    def judged(noise: float) -> tuple[float, float, float]:
        factor = _factor(alike, noise)
        height = float(targets @ torch.cholesky_solve(targets.unsqueeze(1), factor).squeeze(1)) / len(targets)
        height = max(height, 1e-9)
        return -len(targets) / 2 * math.log(height) - float(factor.diagonal().log().sum()), noise, height

    _, noise, height = max(map(judged, NOISES))
    return noise, height


def _factor(alike: Tensor, noise: float) -> Tensor:
    return torch.linalg.cholesky(alike + noise * torch.eye(len(alike), dtype=torch.float64))
