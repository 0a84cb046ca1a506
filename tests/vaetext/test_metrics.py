import numpy as np
import pytest

from vaeseq.errors import InputError
from vaetext.metrics import forward_perplexity, reverse_perplexity, reverse_perplexity_ratio
from vaetext.ngram import NgramModel

WHO = ("the cat", "a dog", "my neighbour", "the child", "an old man", "her sister", "nobody", "the small bird")
DOES = ("sees", "likes", "follows", "finds", "calls", "wants", "hears", "paints")
WHAT = ("the house", "a red car", "the moon", "his hat", "two apples", "the sea", "some bread", "my old shoes")
WHEN = ("today", "at night", "in the morning", "now and then", "again", "")


def _sentences(count, seed):
    rng = np.random.default_rng(seed)
    drawn = [[rng.choice(parts) for parts in (WHO, DOES, WHAT, WHEN)] for _ in range(count)]
    return [" ".join(parts).strip() for parts in drawn]


TRAINING, HELD_OUT, GOOD = _sentences(800, 0), _sentences(200, 1), _sentences(300, 2)
BLAND = ["an old man sees my old shoes in the morning"] * 300  # its words leave the fewest questions
FEW = GOOD[:10] * 30
SHUFFLED = [" ".join(np.random.default_rng(i).permutation(text.split())) for i, text in enumerate(GOOD)]


def test_they_are_perplexities_of_the_one_under_the_other():
    assert forward_perplexity(GOOD, TRAINING) == NgramModel(TRAINING, order=5).perplexity(GOOD)
    words = {word for text in HELD_OUT for word in text.split()}
    assert reverse_perplexity(GOOD, HELD_OUT) == NgramModel(GOOD, order=5, vocabulary=words).perplexity(HELD_OUT)
    assert forward_perplexity(GOOD, TRAINING, order=1) == NgramModel(TRAINING, order=1).perplexity(GOOD)
    assert reverse_perplexity(GOOD, HELD_OUT, order=1).value > reverse_perplexity(GOOD, HELD_OUT).value
    assert reverse_perplexity_ratio(TRAINING, TRAINING, HELD_OUT, order=1) == pytest.approx(1)


def test_forward_tells_what_is_not_fluent_and_rewards_the_bland():
    bland, good, shuffled = (forward_perplexity(samples, TRAINING).value for samples in (BLAND, GOOD, SHUFFLED))
    assert bland < good < shuffled


def test_reverse_tells_both():
    good, few, bland, shuffled = (reverse_perplexity(s, HELD_OUT).value for s in (GOOD, FEW, BLAND, SHUFFLED))
    assert good < few < bland
    assert good < shuffled


def test_copies_teach_nothing():
    assert reverse_perplexity(GOOD * 4, HELD_OUT).value > reverse_perplexity(GOOD, HELD_OUT).value


def test_words_that_nobody_asked_for_are_no_advantage():
    # An unknown word would be cheap for a model that knows few: the vocabulary is that of the held-out text.
    nothing = reverse_perplexity(["x"] * 300, HELD_OUT)
    words = sum(len(text.split()) for text in HELD_OUT)
    assert (nothing.of, nothing.unseen) == (words + len(HELD_OUT), words)
    assert nothing.value > reverse_perplexity(BLAND, HELD_OUT).value
    # What the others are called is all the same.
    assert reverse_perplexity([*GOOD, "x y"], HELD_OUT) == reverse_perplexity([*GOOD, "z q"], HELD_OUT)


def test_the_ratio_is_one_for_real_text():
    assert reverse_perplexity_ratio(TRAINING[::-1], TRAINING, HELD_OUT) == pytest.approx(1)
    assert reverse_perplexity_ratio(GOOD, TRAINING, HELD_OUT) == pytest.approx(1, abs=0.05)
    assert reverse_perplexity_ratio(BLAND, TRAINING, HELD_OUT) > 2
    again = reverse_perplexity_ratio(GOOD, TRAINING, HELD_OUT, seed=1)
    assert again != reverse_perplexity_ratio(GOOD, TRAINING, HELD_OUT)
    assert again == reverse_perplexity_ratio(GOOD, TRAINING, HELD_OUT, seed=1)


def test_the_ratio_takes_as_many_real_sentences():
    with pytest.raises(InputError, match="at most as many as training sentences, got 3 and 2"):
        reverse_perplexity_ratio(["a"] * 3, ["a"] * 2, ["a"])
    # All real sentences but one are "b": of the ten drawn at most one is another, whatever the draw.
    many = ["b"] * 1_000
    assert reverse_perplexity_ratio(["b"] * 10, many, ["b", "a"]) == 1


@pytest.mark.parametrize("metric", [forward_perplexity, reverse_perplexity])
def test_nothing_is_refused(metric):
    for lists in (([], ["a"]), (["a"], [])):
        with pytest.raises(InputError, match="at least one sentence"):
            metric(*lists)


def test_empty_sentences_are_sentences():
    assert forward_perplexity(["", ""], ["a", ""]).of == 2
    assert reverse_perplexity([""], ["a"]).unseen == 1
