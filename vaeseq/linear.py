"""Linear models of how often each symbol stands in a row: what a latent is worth beside one that sees no order.

A row is its counts ``x``, one number a symbol, and ``x = mean + W z + noise`` with ``z ~ N(0, I)`` and independent
Gaussian noise. Noise alike for all symbols is probabilistic principal component analysis, noise of each symbol's own is
factor analysis. A density of counts is no probability of a string: what compares with a sequence model is what z says
of a row (``mutual_information``) and how well counts come back (``reconstruct``), never ``log_prob``.

References:
    Tipping and Bishop (1999), Probabilistic Principal Component Analysis, https://doi.org/10.1111/1467-9868.00196
    Rubin and Thayer (1982), EM algorithms for ML factor analysis, https://doi.org/10.1007/BF02293851
    Ghahramani and Hinton (1996), The EM Algorithm for Mixtures of Factor Analyzers, CRG-TR-96-1, section 2
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vaeseq.corpus import Corpus
from vaeseq.errors import InputError

LARGEST = 5_000  # of rows and symbols that vary, the fewer: the side of the matrix whose eigenvalues are taken
LEAST_NOISE = 1e-6  # of a symbol's variance: one that others foretell exactly would have a density without bound
CHUNK = 4_096  # rows widened to float64 at once


def counts(corpus: Corpus, rows: np.ndarray, vocabulary: int) -> np.ndarray:
    """How often each symbol stands in each row, float32 ``(rows, vocabulary)``: 4 bytes for each pair of the two.

    Column i is the symbol with id i, reserved ones included: each row has one ``<bos>``, ``<eos>`` and no ``<pad>``.

    Raises:
        InputError: A row holds an id that the vocabulary does not have.
    """
    table = np.zeros((len(rows), vocabulary), np.float32)
    for i, row in enumerate(rows):
        found = np.bincount(corpus.sequence(row), minlength=vocabulary)
        if len(found) > vocabulary:
            raise InputError(f"vocabulary must hold every id of the rows, got {vocabulary!r} and id {len(found) - 1}")
        table[i] = found
    return table


@dataclass(frozen=True)
class LinearGaussian:
    """``p(x, z) = N(z; 0, I) N(x; mean + loadings z, diag(noise))``.

    A symbol whose ``noise`` is 0 had the same count in every row of the fit. Its loadings are 0 too, it comes back as
    its mean, and densities are of the other symbols.

    Attributes:
        mean: Counts ``(symbols,)``.
        loadings: W, ``(symbols, latent)``, counts for each unit of z.
        noise: Variances, the diagonal of Psi, ``(symbols,)``.
    """

    mean: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray

    @property
    def latent(self) -> int:
        """Dimension of z."""
        return self.loadings.shape[1]

    @property
    def mutual_information(self) -> float:
        """I(x; z), nats: ``1/2 log det(I + W^T Psi^-1 W)``, exact, where a sequence model's is an estimate."""
        return 0.5 * float(np.linalg.slogdet(self._precision)[1])

    def log_prob(self, counts: np.ndarray) -> np.ndarray:
        """``log N(x; mean, W W^T + Psi)``, nats ``(rows,)``, through matrices of latent by latent alone."""
        varies, weighted = self.noise > 0, self._weighted
        noise, apart = self.noise[varies], self._apart(counts)
        projected = apart @ weighted
        # Woodbury: (W W^T + Psi)^-1 = Psi^-1 - Psi^-1 W G W^T Psi^-1, G the posterior's covariance.
        explained = (projected @ np.linalg.inv(self._precision) * projected).sum(axis=1)
        distance = (apart**2)[:, varies] @ (1 / noise) - explained
        volume = len(noise) * math.log(2 * math.pi) + np.log(noise).sum() + 2 * self.mutual_information
        return -0.5 * (volume + distance)

    def posterior(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """p(z | x): means ``(rows, latent)``, and the covariance ``(latent, latent)``, one for all rows.

        ``G = (I + W^T Psi^-1 W)^-1`` and ``E[z | x] = G W^T Psi^-1 (x - mean)``.
        """
        covariance = np.linalg.inv(self._precision)
        return self._apart(counts) @ self._weighted @ covariance, covariance

    def reconstruct(self, counts: np.ndarray) -> np.ndarray:
        """Expected counts at the posterior mean, ``(rows, symbols)``."""
        return self.mean + self.posterior(counts)[0] @ self.loadings.T

    @property
    def _weighted(self) -> np.ndarray:
        """``Psi^-1 W``, 0 where there is no noise."""
        noise = self.noise[:, None]
        return np.divide(self.loadings, noise, out=np.zeros_like(self.loadings), where=noise > 0)

    @property
    def _precision(self) -> np.ndarray:
        return np.eye(self.latent) + self.loadings.T @ self._weighted

    def _apart(self, counts: np.ndarray) -> np.ndarray:
        if counts.ndim != 2 or counts.shape[1] != len(self.mean):
            raise InputError(f"counts must be (rows, {len(self.mean)}) for this model, got {counts.shape}")
        return counts - self.mean


def ppca(counts: np.ndarray, latent: int) -> LinearGaussian:
    """Probabilistic PCA of greatest likelihood, in closed form.

    ``noise = mean of the eigenvalues of the covariance that are not among the first latent`` and
    ``W = U (Lambda - noise I)^(1/2)`` of those that are: equations 7 and 8 of Tipping and Bishop (1999), with R = I.

    Costs the eigenvalues of a matrix of the fewer of rows and symbols that vary, at most 5,000: 200 MB, and a time that
    grows as its third power. Symbols that never vary are left out, so neither mean nor noise depends on how many of
    them the vocabulary holds.

    Raises:
        InputError: ``latent`` is not below the numbers of rows and of symbols that vary, or both are above 5,000; or
            counts are not finite.
    """
    covariance = _Covariance(counts, latent)
    return covariance.of_all(_ppca(covariance, latent))


def factor_analysis(
    counts: np.ndarray, latent: int, *, iterations: int = 1_000, tolerance: float = 1e-8
) -> LinearGaussian:
    """Factor analysis by EM from probabilistic PCA, so that it is never less likely than that.

    With ``beta = G W^T Psi^-1`` and the covariance S of the counts, one step is
    ``W <- S beta^T (G + beta S beta^T)^-1``, ``Psi <- diag(S - W beta S)``, no noise below a millionth of its symbol's
    variance. A step costs rows or symbols, the fewer, times symbols times latent.

    Args:
        counts: ``(rows, symbols)``.
        latent: Dimension of z.
        iterations: Most steps.
        tolerance: Steps end where the likelihood rises by less than this, in nats a row for each symbol that varies.

    Raises:
        InputError: As ``ppca``, or ``iterations`` is negative.
    """
    if iterations < 0:
        raise InputError(f"iterations must be 0 or more, got {iterations!r}")
    covariance = _Covariance(counts, latent)
    steps = _em(covariance, _ppca(covariance, latent))
    model, before = next(steps)
    for _ in range(iterations):
        model, likelihood = next(steps)
        if likelihood - before < tolerance * len(covariance.mean):
            break
        before = likelihood
    return covariance.of_all(model)


class _Covariance:
    """S of the symbols that vary, ``(d, d)``; where rows are fewer than d, as the rows it is made of.

    Attributes:
        varies: Which symbols do, of all.
        mean: Their means.
        diagonal: Their variances, by the number of rows and not one less: what greatest likelihood asks for.
    """

    def __init__(self, counts: np.ndarray, latent: int) -> None:
        if counts.ndim != 2 or not len(counts):
            raise InputError(f"counts must be (rows, symbols) with a row or more, got {counts.shape}")
        low, high = counts.min(axis=0), counts.max(axis=0)
        if not bool(np.isfinite(low).all() and np.isfinite(high).all()):
            raise InputError(f"counts must be finite; {int((~np.isfinite(counts)).any(axis=1).sum())} rows are not")
        self._unvaried, self.varies = low.astype(np.float64), low < high
        self.rows, size = len(counts), int(self.varies.sum())
        if not 1 <= latent < min(self.rows, size):
            raise InputError(
                f"latent must be at least 1 and below the {self.rows:,} rows and {size:,} symbols that vary, "
                f"got {latent!r}"
            )
        if min(self.rows, size) > LARGEST:
            raise InputError(
                f"rows or symbols that vary must be at most {LARGEST:,}, got {self.rows:,} and {size:,}; "
                "take fewer rows"
            )
        self.mean = counts.mean(axis=0, dtype=np.float64)[self.varies]
        if self.rows < size:
            self._apart, self._formed = counts[:, self.varies] - self.mean, None
            self.diagonal = np.square(self._apart).mean(axis=0)
        else:
            self._apart, self._formed = None, sum(c.T @ c for c in self._chunks(counts)) / self.rows
            self.diagonal = self._formed.diagonal().copy()

    def _chunks(self, counts: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, self.rows, CHUNK):
            yield counts[start : start + CHUNK, self.varies] - self.mean

    def times(self, other: np.ndarray) -> np.ndarray:
        """``S other`` for ``(d, latent)``."""
        if self._formed is None:
            return self._apart.T @ (self._apart @ other) / self.rows
        return self._formed @ other

    def of_all(self, model: LinearGaussian) -> LinearGaussian:
        """A model of the symbols that vary with the others put back, which have their one count and no noise."""
        mean, noise = self._unvaried.copy(), np.zeros(len(self.varies))
        loadings = np.zeros((len(self.varies), model.latent))
        mean[self.varies], noise[self.varies], loadings[self.varies] = model.mean, model.noise, model.loadings
        return LinearGaussian(mean, loadings, noise)

    def leading(self, latent: int) -> tuple[np.ndarray, np.ndarray]:
        """The largest eigenvalues and their vectors ``(d, latent)``, the largest first."""
        if self._formed is None:
            # X X^T has the eigenvalues of X^T X that are not 0, and a vector u of it gives X^T u.
            values, vectors = np.linalg.eigh(self._apart @ self._apart.T / self.rows)
            values, vectors = values[::-1][:latent].clip(min=0), self._apart.T @ vectors[:, ::-1][:, :latent]
            lengths = np.linalg.norm(vectors, axis=0)
            return values, np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        values, vectors = np.linalg.eigh(self._formed)
        return values[::-1][:latent].clip(min=0), vectors[:, ::-1][:, :latent]


def _ppca(covariance: _Covariance, latent: int) -> LinearGaussian:
    """``ppca`` of the symbols that vary."""
    size, total = len(covariance.mean), covariance.diagonal.sum()
    values, vectors = covariance.leading(latent)
    noise = max((total - values.sum()) / (size - latent), LEAST_NOISE * total / size)
    loadings = vectors * np.sqrt((values - noise).clip(min=0))
    return LinearGaussian(covariance.mean, loadings, np.full(size, noise))


def _em(covariance: _Covariance, model: LinearGaussian) -> Iterator[tuple[LinearGaussian, float]]:
    """Models of ever greater likelihood, each with its own, nats a row; the first is the one given.

    With the noise kept from falling below its least each step is still the best one: the expected log-likelihood of a
    variance has one peak, so the best that is allowed is the nearer end.
    """
    least, eye = LEAST_NOISE * covariance.diagonal, np.eye(model.latent)
    model = LinearGaussian(model.mean, model.loadings, np.maximum(model.noise, least))
    while True:
        weighted = model.loadings / model.noise[:, None]
        information = weighted.T @ model.loadings
        posterior = np.linalg.inv(eye + information)
        seen = covariance.times(weighted)  # S Psi^-1 W, all that a step needs of S beside its diagonal
        spread = weighted.T @ seen
        volume = np.log(2 * math.pi * model.noise).sum() + np.linalg.slogdet(eye + information)[1]
        distance = (covariance.diagonal / model.noise).sum() - np.trace(posterior @ spread)
        yield model, -0.5 * float(volume + distance)
        shared = seen @ posterior  # S beta^T
        loadings = np.linalg.solve(posterior + posterior @ spread @ posterior, shared.T).T
        noise = covariance.diagonal - np.einsum("ij,ij->i", loadings, shared)
        model = LinearGaussian(model.mean, loadings, np.maximum(noise, least))
