"""A model that learns from the best of what a search found."""

import copy
import math

import numpy as np
import pytest
import torch

from vaeseq import retraining
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import batch_of
from vaeseq.fronts import Weighed
from vaeseq.model import SequenceVAE
from vaeseq.retraining import Retrained, by_rank, retrained
from vaeseq.rounds import Call
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import Tokenizer

TEXTS = ["abcd", "bcda", "cdab", "dabc", "aabb", "bbcc"]


@pytest.fixture
def space(monkeypatch):
    for name, value in {"EVERY": 4, "ROWS": 128, "HELD_OUT": 16, "STEPS": 40, "BATCH": 32, "RATE": 1e-2}.items():
        monkeypatch.setattr(retraining, name, value)
    tokenizer = Tokenizer.of_symbols("abcd", ".")
    torch.manual_seed(0)
    vae = SequenceVAE.build(VAEConfig(tokenizer.size, 4, 8, EncoderConfig("bilstm", 12), DecoderConfig("lstm", 16)))
    return LatentSpace(vae, tokenizer, {"max_length": 6}, latent=4, device=torch.device("cpu"))


def cost(space, text):
    """``-log p(x | z)`` at the posterior mean, nats."""
    tokens = batch_of(space.tokenizer.encode_batch([text])).tokens
    with torch.no_grad():
        return -float(space.vae.decoder(space.encode([text]).mean).log_prob(tokens))


def test_weights_are_by_rank_and_sum_to_one():
    weights = by_rank(np.array([0.1, 5.0, -2.0, 0.1]))
    assert weights.sum() == pytest.approx(1)
    k = 1e-3 * 4
    assert (weights / weights[1]).tolist() == pytest.approx([(k + 1) / (k + r) for r in (2, 1, 4, 3)])


def test_the_model_learns_most_of_the_best_and_the_one_before_is_as_it_was(space):
    before = copy.deepcopy(space.vae.state_dict())
    weights = np.array([0.9, *[0.02] * 5])
    learnt = retrained(space, TEXTS, weights, seed=3)
    gains = [cost(space, text) - cost(learnt, text) for text in (TEXTS[0], TEXTS[-1])]
    assert gains[0] > 1
    assert gains[0] > gains[1]
    for name, value in space.vae.state_dict().items():
        assert value.equal(before[name])
    again = retrained(space, TEXTS, weights, seed=3)
    assert all(
        a.equal(b) for a, b in zip(learnt.vae.state_dict().values(), again.vae.state_dict().values(), strict=True)
    )


def test_it_learns_every_so_many_calls_and_a_resumed_search_has_the_same_model(space):
    calls = [Call(text, value, 0.0) for text, value in zip(TEXTS * 2, [3, 1, math.nan, 2] * 3, strict=True)]
    spaces = []

    def search(of):
        spaces.append(of)
        return lambda calls, count: [f"{len(spaces)} {len(calls)}"]

    def read(texts):
        return ["" if text == "bcda" else text for text in texts]

    step_by_step = Retrained(space, read, search, seed=5)
    assert [step_by_step(calls[:n], 1) for n in (0, 3, 4, 9)] == [["1 0"], ["1 3"], ["2 4"], ["3 9"]]
    assert spaces[0] is space
    at_once = Retrained(space, read, search, seed=5)
    at_once(calls[:9], 1)
    for a, b in zip(spaces[2].vae.parameters(), spaces[-1].vae.parameters(), strict=True):
        assert a.equal(b)
    several = [call._replace(value=math.nan, parts=(float(i % 3), float(i % 5))) for i, call in enumerate(calls)]
    for asked in ((4, 9), (9,)):
        weighed = Weighed(Retrained(space, read, search, seed=5), 7)
        for n in asked:
            weighed(several[:n], 1)
    for a, b in zip(spaces[-1].vae.parameters(), spaces[-4].vae.parameters(), strict=True):
        assert a.equal(b), "of several objectives too"
    without = Retrained(space, lambda texts: [""] * len(texts), search, seed=5)
    count = len(spaces)
    without(calls, 1)
    assert len(spaces) == count, "there is nothing to learn from"
