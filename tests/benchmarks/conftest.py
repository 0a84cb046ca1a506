"""A small model of sentences as the benchmarks take them, with sentences of one pattern."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import record
from benchmarks import subject as subjects
from benchmarks.bench import Bench
from benchmarks.subject import Subject
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.model import SequenceVAE
from vaeseq.state import TrainConfig
from vaeseq.tokenizer import Tokenizer

WHO = ("The old sailor", "A young teacher", "My sister", "Nobody", "The man in black")
DID = ("sold", "did not sell", "never bought", "painted", "wants")
WHAT = ("the house", "two red boats", "this, and that,", "a castle")
WHEN = ("yesterday", "last year", "too early")


@pytest.fixture(scope="session")
def small_bench() -> Bench:
    """300 sentences, every fifth for validation and every fifth for tests."""
    texts = [f"{' '.join(words)}." for words in product(WHO, DID, WHAT, WHEN)]
    tokenizer = Tokenizer.of_words(texts, size=580)
    rows = tokenizer.encode_batch(texts)
    split = np.array([SPLITS.index({0: "valid", 1: "test"}.get(i % 5, "train")) for i in range(300)], np.uint8)
    offsets = np.cumsum([0, *map(len, rows)])
    corpus = Corpus(np.concatenate(rows).astype(np.uint16), offsets, split)
    return Bench("pattern", "sentences", corpus, tokenizer, [{"text": text} for text in texts])


@pytest.fixture(scope="session")
def model(small_bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of an untrained model with another vocabulary, which corrects a language model."""
    tokenizer = Tokenizer.of_words((row["text"] for row in small_bench.table), size=550)
    config = VAEConfig(
        tokenizer.size, 4, 8, EncoderConfig(hidden=8), DecoderConfig(hidden=12), language=DecoderConfig(hidden=4)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = SequenceVAE.build(config)
    folder = tmp_path_factory.mktemp("models") / "sentences"
    domain = {"name": "sentences", "max_length": 20, "max_words": 50, "max_characters": 500, "lower": False}
    checkpoint.save(folder, Checkpoint(vae, config, tokenizer, domain), card="a test's model")
    return folder


@pytest.fixture
def subject(model: Path, small_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """It, with a twin of few steps, and results and work in a folder of the test."""
    monkeypatch.setenv("LATENTPATH_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(subjects, "TRAIN", TrainConfig(steps=4, batch_size=16, evaluate_every=2, evaluate_rows=20))
    return Subject.of(model, small_bench)
