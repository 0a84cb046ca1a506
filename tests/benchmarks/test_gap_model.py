import numpy as np
import pytest
import torch

from benchmarks import gap_model
from benchmarks.gap_model import GapModel, held_out_nats, sized, trained
from vaeseq.config import VAEConfig
from vaeseq.corpus import Corpus, pad
from vaeseq.tokenizer import BOS, EOS, UNK

TEXTS = [[BOS, 5, 6, 7, 8, 5, EOS], [BOS, 8, 7, 6, EOS], [BOS, 5, EOS]]


@pytest.fixture
def model() -> GapModel:
    torch.manual_seed(0)
    made = GapModel(9, 4, 6, 3).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(3)
    return made


def test_the_ways_to_fill_a_gap_are_certain_together(model):
    text, readable = TEXTS[0], range(5, 9)
    ways = pad([[*text[:2], a, b, *text[4:]] for a in readable for b in readable])
    nats = model.gap_nats(ways, torch.full((16,), 2), 2)
    torch.testing.assert_close((-nats).exp().sum(), torch.tensor(1.0))
    assert (-nats).exp().max() < 0.9


def test_nothing_within_a_gap_is_read_before_it_is_filled(model):
    text = TEXTS[0]
    other = [*text[:3], 5, *text[4:]]
    assert text[3] != 5
    for unread, place in ((1, 2), (2, 1)):  # the symbols from the place after it on are unread
        losses = model.losses(pad([text, other]), unread)
        assert losses[0, place - 1] == losses[1, place - 1]
    losses = model.losses(pad([text, other]), 0)
    assert losses[0, 1] != losses[1, 1], "the symbol after it is read where none is unread"


def test_padding_and_what_is_no_prediction_cost_nothing(model):
    losses = model.losses(pad(TEXTS), 1)
    torch.testing.assert_close(losses[1, :2], model.losses(pad(TEXTS[1:2]), 1)[0])
    assert (losses > 0).sum(dim=1).tolist() == [4, 2, 0]
    assert model.losses(pad([[BOS, 5, UNK, 6, EOS]]), 0)[0, 1] == 0


def test_it_has_as_many_parameters_as_asked_for():
    config = VAEConfig(50, 2, 8)
    for asked in (20_000, 60_000):
        found = sum(weight.numel() for weight in sized(config, asked, 3).parameters())
        assert found == pytest.approx(asked, rel=0.05)


def test_it_learns_what_stands_on_both_sides_and_is_trained_once(model, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTPATH_WORK", str(tmp_path))
    for name, value in {"RATE": 2e-2, "DROPOUT": 0.0, "LOOK": 20, "BATCH": 32}.items():
        monkeypatch.setattr(gap_model, name, value)
    random = np.random.default_rng(0)
    # The middle symbols are those of both ends, so that either side alone does not tell.
    ends = random.integers(5, 9, (240, 2)).tolist()
    rows = [[BOS, a, a, b, b, EOS] for a, b in ends]
    split = np.repeat(np.array([0, 1], np.uint8), [200, 40])
    offsets = np.cumsum([0, *map(len, rows)])
    corpus = Corpus(np.concatenate(rows).astype(np.uint16), offsets, split)
    learnt = trained(GapModel(9, 8, 16, 2), corpus, "key", gap=2, seed=0, steps=100)
    nats = learnt.gap_nats(pad([[BOS, 5, 5, 8, 8, EOS], [BOS, 5, 8, 5, 8, EOS]]), torch.tensor([2, 2]), 2)
    assert nats[0] < 0.3 < 3 < nats[1]
    assert held_out_nats(learnt, corpus, corpus.rows("valid"), 2) < 1.0
    monkeypatch.setattr(gap_model, "_learnt", None)
    again = trained(GapModel(9, 8, 16, 2), corpus, "key", gap=2, seed=0, steps=100)
    assert all(torch.equal(a, b) for a, b in zip(learnt.parameters(), again.parameters(), strict=True))
