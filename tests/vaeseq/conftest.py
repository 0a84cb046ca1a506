"""Models small enough to enumerate, and corpora small enough to overfit."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, pad, write_tokens
from vaeseq.device import runs_bfloat16
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, RESERVED


@pytest.fixture(scope="session")
def build_vae() -> Callable[..., SequenceVAE]:
    """Makes a tiny random model in evaluation mode.

    ``sharpness`` multiplies all weights: at 1 an untrained model is nearly uniform and deaf to z, so that wrong maths
    would pass.
    """

    def build(
        *,
        vocabulary: int = 8,
        latent: int = 2,
        hidden: int = 6,
        seed: int = 0,
        sharpness: float = 3.0,
        dropout: float = 0.0,
        language: bool = False,
        posterior: str = "gaussian",
        prior: str = "standard_normal",
        levels: int = 1,
    ) -> SequenceVAE:
        torch.manual_seed(seed)
        decoder = DecoderConfig("lstm", hidden, dropout)
        encoder = EncoderConfig("bilstm", hidden, posterior, slots=2, codebook=3, levels=levels)
        other = PriorConfig(prior, 3, 4, 2, 8)
        config = VAEConfig(vocabulary, latent, 4, encoder, decoder, other, decoder if language else None)
        vae = SequenceVAE.build(config).eval()
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter.mul_(sharpness)
            vae.encoder.embedding.weight.div_(3)  # it starts larger than the rest
        return vae

    return build


class FixedPosterior(nn.Module):
    """An encoder whose answer is known: the same Gaussian for every row."""

    def __init__(self, mean: list[float], stddev: list[float]) -> None:
        super().__init__()
        self.mean, self.stddev = nn.Parameter(torch.tensor(mean)), nn.Parameter(torch.tensor(stddev))

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        shape = (len(tokens), len(self.mean))
        return Independent(Normal(self.mean.expand(shape), self.stddev.expand(shape)), 1)


@pytest.fixture(scope="session")
def fixed_posterior() -> type[FixedPosterior]:
    """Makes an encoder that gives every row the Gaussian with a mean and a standard deviation."""
    return FixedPosterior


@pytest.fixture(scope="session")
def one_dimensional(build_vae: Callable[..., SequenceVAE]) -> SequenceVAE:
    """A model that quadrature can integrate, with a posterior that is wrong for every row."""
    vae = build_vae(latent=1, vocabulary=8, sharpness=2.0)
    return SequenceVAE(FixedPosterior([0.9], [1.2]), vae.decoder, vae.prior)


@pytest.fixture(scope="session")
def expectation() -> Callable[..., tuple[Tensor, Tensor]]:
    """``E[log f(z)]`` and ``log E[f(z)]`` for one-dimensional Gaussian z, by Gauss-Hermite quadrature."""

    def integrate(log_f: Callable[[Tensor], Tensor], mean: Tensor, stddev: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
        places, weights = np.polynomial.hermite.hermgauss(nodes)
        z = mean + stddev * torch.tensor(2**0.5 * places, dtype=torch.float32)
        log_weights = torch.tensor(np.log(weights) - 0.5 * np.log(np.pi))
        values = log_f(z.unsqueeze(1)).double()
        return (log_weights.exp() * values).sum(), torch.logsumexp(log_weights + values, dim=0)

    return integrate


@pytest.fixture(scope="session")
def log_p(expectation: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., Tensor]:
    """log p(x) of a model with a one-dimensional latent."""

    def integrate(vae: SequenceVAE, ids: list[int], nodes: int = 100) -> Tensor:
        def log_likelihood(z: Tensor) -> Tensor:
            return vae.decoder(z).log_prob(pad([ids] * len(z)))

        return expectation(log_likelihood, torch.tensor(0.0), torch.tensor(1.0), nodes)[1]

    return integrate


@pytest.fixture(scope="session")
def all_sequences() -> Callable[[int, int], list[list[int]]]:
    """Every ``<bos> ... <eos>`` of at most so many symbols, over ``<unk>`` and the symbols that are not reserved."""

    def enumerate_sequences(vocabulary: int, longest: int) -> list[list[int]]:
        symbols = [3, *range(len(RESERVED), vocabulary)]
        return [
            [BOS, *middle, EOS] for length in range(longest + 1) for middle in itertools.product(symbols, repeat=length)
        ]

    return enumerate_sequences


@pytest.fixture
def build_corpus(tmp_path: Path) -> Callable[..., Corpus]:
    """Writes and loads a corpus of random rows."""

    def build(
        *, train: int, valid: int, vocabulary: int = 12, longest: int = 8, seed: int = 0, twins: bool = False
    ) -> Corpus:
        random = np.random.default_rng(seed)
        rows = [
            [BOS, *random.integers(len(RESERVED), vocabulary, random.integers(3, longest + 1)).tolist(), EOS]
            for _ in range(train + valid)
        ]
        if twins:
            rows[train:] = [rows[i % train] for i in range(valid)]
        write_tokens(tmp_path / "tokens.safetensors", rows, [0] * train + [1] * valid)
        return Corpus.load(tmp_path)

    return build


@pytest.fixture
def bfloat16() -> None:
    """Skips where an LSTM does not run in it."""
    if not runs_bfloat16(torch.device("cpu")):
        pytest.skip("no LSTM in bfloat16 on this processor")
