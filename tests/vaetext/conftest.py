"""A model of sentences that is small and untrained, but whose codes decode to many texts."""

from pathlib import Path

import pytest
import torch

from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer
from vaetext.shipped import MODEL
from vaetext.space import SentenceSpace

KNOWN = ("The young woman enjoyed castles very much.", "Take off the black tie.", "I did not sell the house, did I?")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder."""
    tokenizer = Tokenizer.of_words(KNOWN, size=560)
    config = VAEConfig(tokenizer.size, 6, 8, EncoderConfig("bilstm", 16), DecoderConfig("lstm", 24))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = SequenceVAE.build(config)
    with torch.no_grad():  # an untrained model is nearly deaf to z
        for parameter in vae.parameters():
            parameter.mul_(4)
    folder = tmp_path_factory.mktemp("models") / "sentences"
    prepared = {"cut": "words", "max_words": 50, "max_characters": 500, "lower": False}
    domain = {"name": "sentences", "max_length": 12, "source": "everyday", **prepared}
    checkpoint.save(folder, Checkpoint(vae, config, tokenizer, domain), card="a test's model")
    return folder


@pytest.fixture(scope="session")
def space(model: Path) -> SentenceSpace:
    return SentenceSpace.load(model, "cpu")


@pytest.fixture(scope="session")
def shipped() -> SentenceSpace:
    """The model of the package, whose symbols are pieces of words."""
    return SentenceSpace.load(MODEL.folder, "cpu")
