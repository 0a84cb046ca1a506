"""A model of molecules that is small and untrained, but whose codes decode to many molecules."""

from pathlib import Path

import pytest
import torch

from vaemol.notation import SELFIES_PATTERN, symbols, to_text
from vaemol.space import MoleculeSpace
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer

KNOWN = ("CC(=O)Oc1ccccc1C(=O)O", "CN1CCN(C(=O)c2ccccc2)CC1", "CCOC(=O)C#N", "OC1CCCC1N", "c1ccncc1", "CCCCCCCC")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder."""
    vocabulary = {symbol for smiles in KNOWN for symbol in symbols(to_text(smiles, "selfies"), "selfies")}
    tokenizer = Tokenizer.of_symbols(vocabulary, SELFIES_PATTERN)
    config = VAEConfig(
        tokenizer.size, 6, 8, EncoderConfig("bilstm", 16), DecoderConfig("lstm", 24), properties=("pIC50",)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = SequenceVAE.build(config)
    with torch.no_grad():  # an untrained model is nearly deaf to z
        for parameter in vae.parameters():
            parameter.mul_(4)
    folder = tmp_path_factory.mktemp("models") / "molecules"
    domain = {"name": "molecules", "notation": "selfies", "max_length": 20, "source": "builtin"}
    checkpoint.save(folder, Checkpoint(vae, config, tokenizer, domain), card="a test's model")
    return folder


@pytest.fixture(scope="session")
def space(model: Path) -> MoleculeSpace:
    return MoleculeSpace.load(model, "cpu")
