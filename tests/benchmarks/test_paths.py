import math

import pytest

from benchmarks.paths import LEAST_EDITS, MOST_WORDS, figures_of, pairs
from vaetext.everyday import sentences
from vaetext.ngram import NgramModel
from vaetext.paths import word_edits
from vaetext.sentence import word_count

TEXTS = [row["text"] for row in sentences(300, seed=0)]


def test_pairs_are_short_and_unlike_and_hold_no_sentence_twice():
    found = list(pairs([*TEXTS, " ".join(["long"] * 30)], 20))
    assert len(found) == 20
    assert found == list(pairs([*TEXTS, " ".join(["long"] * 30)], 20))
    assert len({text for pair in found for text in pair}) == 40
    assert all(word_edits(*pair) >= LEAST_EDITS for pair in found)
    assert max(word_count(text) for pair in found for text in pair) <= MOST_WORDS
    assert list(pairs(TEXTS[:1], 5)) == []


def test_figures_by_hand():
    language = NgramModel(["a b c", "a b d"], order=2)
    some = [("a b c", "x y z"), ("a b c", "a b d")]
    paths = [["a b c", "a b z", "x y z"], ["a b d", "a b d", "", "a b d"]]
    found = figures_of(paths, some, language, real=2.0)
    assert found["both_ends_exact"] == 0.5
    assert found["distinct_median"] == 2.5
    assert found["paths_of_8_distinct"] == 0
    assert found["length_ratio_median"] == pytest.approx((3 / 3 + 6 / 1) / 2)
    assert found["empty"] == pytest.approx(1 / 3)
    told = language.perplexity(["a b z", "a b d", ""])
    assert (found["perplexity_ratio"], found["unseen_words"]) == (told.value / 2, told.unseen / told.of)
    assert math.isfinite(found["perplexity_ratio"])
