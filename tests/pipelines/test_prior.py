"""What is said while a prior is fitted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from pipelines import prior
from pipelines.params import PriorParams
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.model import SequenceVAE, prior_of
from vaeseq.tokenizer import Tokenizer


def test_steps_are_told_as_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    @contextmanager
    def progress(_: str, total: int) -> Iterator[Callable[[int], None]]:
        yield told.append
        assert sum(told) == total

    tokenizer = Tokenizer.of_symbols({"a", "b"}, "a|b")
    config = VAEConfig(tokenizer.size, 2, 4, EncoderConfig("bilstm", 4), DecoderConfig("lstm", 4))
    vae, codes = SequenceVAE.build(config), torch.randn(20, 2)
    fresh = prior_of(config, vae.encoder, PriorConfig("mixture", 2))
    monkeypatch.setattr(prior, "progress", progress)
    monkeypatch.setattr(prior, "prior_and_codes", lambda *_, **__: (fresh, codes, codes))
    params = PriorParams(kind="mixture", components=2, steps=7, look_every=5)
    prior._fitted(Checkpoint(vae, config, tokenizer, {}), None, params)
    assert told == [5, 2]
