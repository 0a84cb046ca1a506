import numpy as np
import pytest
import torch

from benchmarks import judges
from benchmarks.judges import BagOfWords, Reader, Setting, judged, less
from vaeseq.corpus import pad
from vaeseq.tokenizer import BOS, EOS

KINDS = ["lstm", "bag_of_words"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"lstm": [Setting(12, 0.0, 1e-2, 0.01)], "bag_of_words": [Setting(0, 0.0, 3e-2, 0.01)]}
    monkeypatch.setattr(judges, "GRID", grid)
    monkeypatch.setattr(judges, "EPOCHS", 8)
    monkeypatch.setattr(judges, "BATCH", 16)


def texts(count: int, seed: int) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [[BOS, *random.integers(5, 9, random.integers(4, 8)).tolist(), EOS] for _ in range(count)]


def parts() -> list[list[list[int]]]:
    """To learn from, to choose by, and to be judged."""
    return [texts(100, 0), texts(20, 1), texts(40, 2)]


def given_away() -> list[list[tuple[list[int], list[int]]]]:
    return [[(ids, [*ids[:-2], 11, EOS]) for ids in part] for part in parts()]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_the_same_fools_every_judge(kind):
    verdict = judged(kind, *([(ids, ids) for ids in part] for part in parts()), 12, seed=0)
    assert (verdict.error, verdict.standard_error) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_that_no_true_sentence_has_gives_it_away(kind):
    assert judged(kind, *given_away(), 12, seed=0).error > 0.45


def test_order_shows_to_the_lstm_alone():
    swapped = [[([*ids[:-1], 9, 10, EOS], [*ids[:-1], 10, 9, EOS]) for ids in part] for part in parts()]
    assert judged("lstm", *swapped, 12, seed=0).error > 0.45
    assert judged("bag_of_words", *swapped, 12, seed=0).error == 0


def test_the_setting_that_does_best_on_pairs_to_choose_by_is_taken_and_a_seed_decides_all(monkeypatch):
    good, blind = judges.GRID["lstm"][0], Setting(12, 0.0, 0.0, 0.0)
    monkeypatch.setattr(judges, "GRID", {"lstm": [blind, good]})
    verdict = judged("lstm", *given_away(), 12, seed=0)
    assert verdict.setting == good
    assert judged("lstm", *given_away(), 12, seed=0) == verdict


def test_two_errors_of_the_same_sentences_are_compared_pair_by_pair():
    verdict = judged("bag_of_words", *given_away(), 12, seed=0)
    outcomes = np.array(list(map(int, verdict.outcomes))) / 2
    assert verdict.error == pytest.approx(outcomes.mean() - 0.5)
    assert verdict.standard_error == pytest.approx(outcomes.std(ddof=1) / np.sqrt(40))
    assert less(verdict.outcomes, verdict.outcomes) == (0, 0)
    assert less("2211", "1100") == (0.5, 0)
    assert less("2110", "0112") == pytest.approx((0, np.std([1, 0, 0, -1], ddof=1) / 2))


@pytest.mark.parametrize("judge", [lambda: Reader(12, Setting(6, 0.0, 0.0, 0.0)), lambda: BagOfWords(12)])
def test_padding_changes_nothing(judge):
    made, (short, long) = judge().eval(), ([BOS, 5, 6, EOS], [BOS, *[7] * 9, EOS])
    if isinstance(made, BagOfWords):
        with torch.no_grad():
            made.weight.weight.copy_(torch.randn(12, 1)).select(0, 0).zero_()
    torch.testing.assert_close(made(pad([short, long]))[0], made(pad([short]))[0])
