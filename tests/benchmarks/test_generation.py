"""Molecules that come back, and how far codes are from each other, on a small untrained model."""

from pathlib import Path

import pytest
import torch

from benchmarks import generation
from vaemol.notation import SELFIES_PATTERN, symbols, to_text
from vaemol.space import MoleculeSpace
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer

KNOWN = ["CCO", "CCCO", "OC1CCCC1N", "c1ccncc1"]
STRANGE = ["no molecule", "C[Si](C)C"]


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MoleculeSpace:
    """Its codes decode to the second molecule, whatever they are."""
    known = {symbol for smiles in KNOWN for symbol in symbols(to_text(smiles, "selfies"), "selfies")}
    tokenizer = Tokenizer.of_symbols(known, SELFIES_PATTERN)
    config = VAEConfig(tokenizer.size, 3, 8, EncoderConfig(hidden=8), DecoderConfig(hidden=8))
    torch.manual_seed(0)
    vae = SequenceVAE.build(config)
    checkpoint.save(tmp_path, Checkpoint(vae, config, tokenizer, {"name": "molecules", "notation": "selfies"}), card="")
    monkeypatch.setattr(MoleculeSpace, "decode", lambda its, z, **_: [KNOWN[1]] * len(z))
    return MoleculeSpace.load(tmp_path, "cpu")


def test_what_the_model_cannot_read_does_not_come_back_and_has_no_kl(
    space: MoleculeSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "AT_ONCE", 3)
    found = generation.given_back(space, "test", [*KNOWN, *STRANGE])
    assert (found["exact_reconstruction_test"], found["exact_reconstruction_test_of"]) == (1 / 6, 6)
    posterior = space.encode(KNOWN)
    mean, variance = posterior.mean, posterior.variance
    by_hand = (0.5 * (mean**2 + variance - 1 - variance.log())).sum(dim=1).mean()
    assert found["kl"] == pytest.approx(float(by_hand), rel=1e-5)


def test_all_texts_of_all_molecules_count_by_the_protocol(space: MoleculeSpace) -> None:
    found = generation.by_protocol(space, [*KNOWN, *STRANGE])
    assert found == {"jtvae_protocol_reconstruction": 1 / 6, "jtvae_protocol_reconstruction_greedy": 1 / 6}


def test_the_nearest_code_is_the_nearest() -> None:
    learnt = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert generation._nearest(torch.tensor([[0.0, 1.0], [3.0, 7.0], [9.0, 12.0]]), learnt) == 3
