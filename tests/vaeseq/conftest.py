"""Models small enough to enumerate, and corpora small enough to overfit."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeseq.corpus import Corpus, write_tokens
from vaeseq.model import DecoderConfig, EncoderConfig, PriorConfig, SequenceVAE, VAEConfig
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
    ) -> SequenceVAE:
        torch.manual_seed(seed)
        decoder = DecoderConfig("lstm", hidden, dropout)
        encoder, other = EncoderConfig("bilstm", hidden, posterior), PriorConfig(prior, 3, 4, 2, 8)
        config = VAEConfig(vocabulary, latent, 4, encoder, decoder, other, decoder if language else None)
        vae = SequenceVAE.build(config).eval()
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter.mul_(sharpness)
            vae.encoder.embedding.weight.div_(3)  # it starts larger than the rest
        return vae

    return build


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
        write_tokens(tmp_path / "tokens.safetensors", rows, [0] * train + [1] * valid, [1.0] * len(rows))
        return Corpus.load(tmp_path)

    return build
