import itertools
import re

import numpy as np
import pytest
import torch

from benchmarks import completions
from benchmarks.completions import (
    LEAST,
    beam_fills,
    long_enough,
    pairs,
    posterior_fills,
    random_fills,
    runs_of_words,
    without_end,
    without_run,
)
from vaeseq.config import DecoderConfig, VAEConfig
from vaeseq.corpus import batch_of
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, UNK, Tokenizer
from vaetext.words import WORD

READABLE = range(5, 8)


@pytest.fixture(scope="module")
def language() -> SequenceVAE:
    """A sharp language model of three symbols."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        vae = SequenceVAE.build(VAEConfig(8, 0, 4, decoder=DecoderConfig(hidden=6))).eval()
    for weight in vae.requires_grad_(False).parameters():
        weight.mul_(4)
    return vae


def test_the_last_fifth_is_missing_rounded_up_and_the_end_is_given():
    batch = without_end(batch_of([[BOS, *[5] * n, EOS] for n in (10, 11, 6)]))
    missing = [row.nonzero().flatten().tolist() for row in ~batch.observed]
    assert missing == [[9, 10], [9, 10, 11], [5, 6]]


def test_a_run_begins_at_any_of_its_places():
    whole = batch_of([[BOS, *[5] * n, EOS] for n in (3, 6)] * 100)
    batch, first = without_run(whole, 3, [[1], [1, 2, 4]] * 100, torch.Generator().manual_seed(0))
    for i, row in enumerate(~batch.observed):
        assert row.nonzero().flatten().tolist() == [int(first[i]) + k for k in range(3)]
    assert set(first[::2].tolist()) == {1}
    assert set(first[1::2].tolist()) == {1, 2, 4}


TEXTS = ["I don't know, a well-known red-brown dog.", '"Go on," he said - to us.', "我今天 went home.", "Oh no!", "Hm."]


@pytest.mark.parametrize("cut", [Tokenizer.of_bpe, Tokenizer.of_words])
@pytest.mark.parametrize("words", [1, 2])
def test_a_run_of_words_begins_with_one_and_cuts_none(cut, words):
    tokenizer, some = cut(TEXTS, size=550 if cut == Tokenizer.of_words else 330), 0
    for ids in tokenizer.encode_batch(TEXTS):
        found = runs_of_words(tokenizer, ids, 3, words)
        for place in range(1, len(ids) - 3):
            parts = [tokenizer.decode(part) for part in (ids[1:place], ids[place : place + 3], ids[place + 3 :])]
            before, within, after = (re.findall(WORD, part) for part in parts)
            whole = before + within + after == re.findall(WORD, "".join(parts))
            right = whole and len(within) >= words and re.match(rf" ?(?:{WORD})", parts[1])
            assert found.get(place) == (len(within) if right else None), parts
        assert found.keys() <= set(range(1, len(ids) - 3))
        some += len(found)
    assert some > 5


def test_runs_of_words_by_hand():
    tokenizer = Tokenizer.of_words(TEXTS, size=600)
    (ids,) = tokenizer.encode_batch(TEXTS[:1])
    assert [tokenizer.symbol(i) for i in ids[1:-1]] == (
        ["I", " don't", " know", ",", " a", " well", "-", "known", " red", "-", "brown", " dog", "."]
    )
    assert runs_of_words(tokenizer, ids, 3, 2) == {1: 3, 2: 2, 3: 2}
    assert runs_of_words(tokenizer, ids, 4, 2) == {1: 3, 2: 3, 5: 2, 9: 2}


def test_a_wide_beam_finds_the_likeliest_of_all_completions(language):
    texts = [[BOS, 5, 6, 7, 5, 6, 7, EOS], [BOS, 7, 7, 6, 5, 5, 5, EOS], [BOS, 6, 5, EOS]]
    places = [range(1, len(text) - 2) for text in texts]
    batch, _ = without_run(batch_of(texts), 2, places, torch.Generator().manual_seed(1))
    found = beam_fills(language, 9, batch)
    for row, text in enumerate(texts):
        gap = (~batch.observed[row]).nonzero().flatten().tolist()
        ways = batch_of([text] * 9).tokens
        ways[:, gap] = torch.tensor(list(itertools.product(READABLE, repeat=2)))
        scores = language.decoder(torch.empty(9, 0)).log_prob(ways)
        assert found[row, : len(text)].tolist() == ways[scores.argmax()].tolist()
    assert not torch.equal(beam_fills(language, 1, batch), found), "greedy would do as well: the test shows nothing"


def test_draws_come_as_often_as_they_are_likely(language):
    text = [BOS, 5, 6, 7, 5, 6, 7, EOS]
    batch = without_end(batch_of([text] * 1_000))
    drawn, likeliest = posterior_fills(language, samples=1, particles=16)(batch, 0)
    ways = batch_of([[*text[:-3], a, b, EOS] for a, b in itertools.product(READABLE, repeat=2)]).tokens
    share = language.decoder(torch.empty(9, 0)).log_prob(ways).softmax(dim=0)
    counted = (drawn[:, None, :] == ways).all(dim=2).float().mean(dim=0)
    assert float(share.max()) < 0.9
    torch.testing.assert_close(counted, share, rtol=0, atol=0.06)
    right = (likeliest == ways[share.argmax()]).all(dim=1).float().mean()
    assert right > counted.max() + 0.1, "the likeliest is no draw"


def test_the_control_fills_gaps_alone_with_symbols_as_frequent_as_in_training(subject):
    rows = subject.corpus.rows("test")
    batch = without_end(subject.corpus.batch(np.repeat(rows, 20)))
    (found,) = random_fills(subject.corpus)(batch, 0)
    assert found[batch.observed].equal(batch.tokens[batch.observed])
    training = np.concatenate([subject.corpus.sequence(row)[1:-1] for row in subject.corpus.rows("train")])
    counted, true = (np.bincount(ids, minlength=600) / len(ids) for ids in (found[~batch.observed].numpy(), training))
    np.testing.assert_allclose(counted, true, atol=0.02)


def test_pairs_keep_what_is_given_and_the_number_of_symbols(subject, tmp_path):
    rows = long_enough(subject.corpus, "test")
    assert min(subject.corpus.lengths[rows]) - 2 >= LEAST
    fill = posterior_fills(subject.vae, samples=3, particles=2)
    kept = tmp_path / "pairs.jsonl"
    drawn, likeliest = pairs(subject.corpus, rows, torch.device("cpu"), fill, seed=0, kept=kept)
    assert [true for true, _ in drawn] == [true for true, _ in likeliest]
    assert sorted(true for true, _ in drawn) == sorted(subject.corpus.sequence(row).tolist() for row in rows)
    for true, filled in drawn:
        given = 1 + (len(true) - 2) * 4 // 5
        assert filled[:given] == true[:given]
        assert len(filled) == len(true)
        assert filled[-1] == EOS
        assert not {EOS, UNK} & set(filled[:-1])
    assert any(true != filled for true, filled in drawn)


def test_a_killed_filling_goes_on_to_the_same_pairs(subject, tmp_path, monkeypatch):
    monkeypatch.setattr(completions, "AT_ONCE", 8)
    rows, cpu = subject.corpus.rows("test")[:30], torch.device("cpu")
    fill, filled = posterior_fills(subject.vae, samples=3, particles=2), []

    def noted(batch, seed):
        filled.append(seed)
        return fill(batch, seed)

    whole = pairs(subject.corpus, rows, cpu, fill, seed=0, kept=tmp_path / "whole.jsonl")
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes((tmp_path / "whole.jsonl").read_bytes()[:-40])
    assert pairs(subject.corpus, rows, cpu, noted, seed=0, kept=cut) == whole
    assert len(filled) == 1
    assert cut.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert pairs(subject.corpus, rows, cpu, fill, seed=1, kept=tmp_path / "other.jsonl") != whole
