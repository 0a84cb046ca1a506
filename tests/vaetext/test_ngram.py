import math
import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq.errors import InputError
from vaetext.ngram import NgramModel, Perplexity, discounts

SENTENCES = st.lists(st.lists(st.sampled_from("abcd"), max_size=7).map(" ".join), min_size=1, max_size=12)
CONTEXTS = st.lists(st.sampled_from("abcdx"), max_size=7).map(" ".join)
ORDERS = st.integers(1, 6)


class Slow:
    """The equation of the module word by word, with strings and dictionaries."""

    def __init__(self, sentences, order, words):
        self.order, self.words = order, words
        self.outcomes = len(words) + 2
        counts = defaultdict(Counter)
        for sentence in sentences:
            tokens = ["START", *map(self.known, sentence.split()), "END"]
            for end in range(1, len(tokens)):
                for length in range(1, min(order, end + 1) + 1):
                    counts[length][tuple(tokens[end + 1 - length : end + 1])] += 1
        self.counts = {}
        for length in range(1, order + 1):
            before = Counter(gram[1:] for gram in counts[length + 1])
            raw = counts[length]
            self.counts[length] = {
                gram: raw[gram] if length == order or gram[0] == "START" else before[gram] for gram in raw
            }
        self.discounts = {n: discounts(np.array(list(of.values()), int)) for n, of in self.counts.items()}

    def known(self, word):
        return word if word in self.words else "UNKNOWN"

    def probability(self, word, history):
        if history is None:
            return 1 / self.outcomes
        shorter = self.probability(word, history[1:] if history else None)
        following = {gram: count for gram, count in self.counts[len(history) + 1].items() if gram[:-1] == history}
        if not following:
            return shorter
        removed = {gram: self.discounts[len(history) + 1][min(count, 3) - 1] for gram, count in following.items()}
        gram = (*history, word)
        own = following.get(gram, 0) - removed.get(gram, 0)
        return (own + sum(removed.values()) * shorter) / sum(following.values())

    def log_prob(self, sentence):
        tokens = ["START", *map(self.known, sentence.split()), "END"]
        return sum(
            math.log(self.probability(tokens[i], tuple(tokens[max(0, i - self.order + 1) : i])))
            for i in range(1, len(tokens))
        )


def test_a_bigram_by_hand():
    # Bigrams: start a 2, a b 1, b end 1, a end 1. Different words before a: 1, before b: 1, before the end: 2.
    # No count is 3, so D is .5, 1, 1.5 for both lengths. Outcomes: a, b, the end, an unknown word, 1/4 each.
    model = NgramModel(["a b", "a"], order=2)
    a, b, end, unknown = 0.25, 0.25, 0.375, 0.125  # .5 / 4 + 1/8, the same, 1 / 4 + 1/8, 1/8
    assert model.words == ("a", "b")
    assert model.next_probabilities("x") == pytest.approx([a, b, end, unknown])
    assert model.next_probabilities("") == pytest.approx([0.5 + a / 2, b / 2, end / 2, unknown / 2])
    assert model.next_probabilities("a") == pytest.approx([a / 2, 0.25 + b / 2, 0.25 + end / 2, unknown / 2])
    assert model.next_probabilities("a b") == pytest.approx([a / 2, b / 2, 0.5 + end / 2, unknown / 2])
    assert model.log_prob("a b") == pytest.approx(math.log(0.625 * 0.375 * 0.6875))
    assert model.log_prob("x") == pytest.approx(math.log(0.0625 * 0.375))
    assert model.perplexity(["a b", "x"]) == pytest.approx(
        Perplexity((0.625 * 0.375 * 0.6875 * 0.0625 * 0.375) ** (-1 / 5), of=5, unseen=1)
    )


def test_what_a_sentence_costs_a_word_is_the_logarithm_of_its_perplexity():
    model, texts = NgramModel(["a b", "a"], order=2), ["a b", "x", ""]
    expected = [math.log(model.perplexity([text]).value) for text in texts]
    assert model.nats_a_word(texts) == pytest.approx(expected)


def test_figures_of_english_are_to_the_bit_those_of_words_between_spaces(monkeypatch):
    texts = [*_walks(200), "I didn't sell it.", "A café — naïve,  don’t\u00a0you?"]  # noqa: RUF001
    found = NgramModel(texts[::2])
    monkeypatch.setattr("vaetext.ngram.units", str.split)
    plain = NgramModel(texts[::2])
    assert found.words == plain.words
    assert found.perplexity(texts) == plain.perplexity(texts)
    assert (found.nats_a_word(texts) == plain.nats_a_word(texts)).all()


@pytest.mark.parametrize(
    ("text", "spaced"), [("我喝茶。", "我 喝 茶 。"), ("私は書く", "私 は 書 く"), ("ฉันรักแมว", "ฉั น รั ก แ ม ว")]
)
def test_in_a_script_without_spaces_letters_are_predicted(text, spaced):
    model, by_letters = NgramModel([text]), NgramModel([spaced])
    assert model.words == by_letters.words == tuple(sorted(spaced.split()))
    assert model.perplexity([text]) == by_letters.perplexity([spaced])
    assert model.nats_a_word([text]) == by_letters.nats_a_word([spaced])
    assert len(model.next_probabilities(text[:1])) == len(spaced.split()) + 2


def test_discounts_by_hand():
    # t = 4, 2, 1, 1: Y = 4 / 8, D = 1 - 2 Y 2/4, 2 - 3 Y 1/2, 3 - 4 Y 1/1.
    assert discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 7])) == pytest.approx((0.5, 1.25, 1.0))


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [1, 1, 1, 2, 2],  # none of 3
        [1, 1, 3, 3, 4],  # none of 2
        [2, 2, 3, 3, 4],  # none of 1
        [1] * 9 + [2] + [3] * 9,  # D_2 would be below 0
        [1] * 9 + [2] * 2 + [3] + [4] * 9,  # D_3 would be below 0
    ],
)
def test_discounts_that_the_counts_do_not_tell(counts):
    assert discounts(np.array(counts, int)) == (0.5, 1.0, 1.5)


@given(SENTENCES, CONTEXTS, ORDERS)
def test_probabilities_of_all_next_words_sum_to_one(sentences, context, order):
    for vocabulary in (None, {"a", "b", "y"}):
        model = NgramModel(sentences, order=order, vocabulary=vocabulary)
        probabilities = model.next_probabilities(context)
        assert probabilities.shape == (len(model.words) + 2,)
        assert (probabilities > 0).all()
        assert probabilities.sum() == pytest.approx(1)


@given(SENTENCES, SENTENCES, ORDERS)
def test_it_is_the_slow_model(sentences, others, order):
    for vocabulary in (None, {"a", "b", "y"}):
        model = NgramModel(sentences, order=order, vocabulary=vocabulary)
        slow = Slow(sentences, order, model.words)
        expected = [slow.log_prob(sentence) for sentence in others]
        assert model.log_probs(others) == pytest.approx(expected)
        words = sum(len(sentence.split()) + 1 for sentence in others)
        value, of, _ = model.perplexity(others)
        assert (value, of) == (pytest.approx(math.exp(-sum(expected) / words)), words)


@given(SENTENCES, CONTEXTS)
def test_a_sentence_is_its_words_one_after_the_other(sentences, sentence):
    model = NgramModel(sentences)
    words, place = sentence.split(), {word: i for i, word in enumerate(model.words)}
    expected = sum(
        math.log(model.next_probabilities(" ".join(words[:i]))[place.get(word, -1)]) for i, word in enumerate(words)
    )
    assert model.log_prob(sentence) == pytest.approx(expected + math.log(model.next_probabilities(sentence)[-2]))


@given(SENTENCES, CONTEXTS)
def test_what_was_never_seen_before_a_word_says_nothing(sentences, context):
    model = NgramModel(sentences, order=3)
    # Of "y a" and "z a" the model knows "a" only; what is more than two words back it forgets.
    assert (model.next_probabilities("a y a") == model.next_probabilities("z a")).all()
    assert (model.next_probabilities(f"{context} c a") == model.next_probabilities("b c a")).all()


@given(st.data(), SENTENCES, SENTENCES)
def test_order_of_the_text_changes_nothing(data, sentences, others):
    again = NgramModel(data.draw(st.permutations(sentences)))
    assert again.log_probs(others) == pytest.approx(NgramModel(sentences).log_probs(others))


@pytest.mark.parametrize("sentences", [[""], ["a"], ["a b c d e f g"], ["a b"] * 50, ["", "a"]])
def test_little_text_is_enough(sentences):
    model = NgramModel(sentences)
    assert model.next_probabilities("a").sum() == pytest.approx(1)
    assert model.log_prob(sentences[0]) > model.log_prob("b a")
    assert math.isfinite(model.log_prob("q r s"))


def test_sentences_of_seen_words_only_have_no_unseen_one():
    model = NgramModel(["a b", "c"], vocabulary=["a", "q"])
    assert model.perplexity(["a a", ""])[1:] == (4, 0)
    assert model.perplexity(["a q", "b", "z"])[1:] == (7, 3)  # q is known but unseen; b and z are some unknown word


def test_words_that_look_like_marks_are_words():
    model = NgramModel(["<s> a </s>", "<unk> a"])
    assert model.words == ("</s>", "<s>", "<unk>", "a")
    assert model.perplexity(["<unk> </s>"]).unseen == 0


def test_more_text_predicts_better():
    text = _walks(2_000)
    values = [NgramModel(text[:n]).perplexity(text[1_600:]).value for n in (25, 100, 400, 1_600)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.1 * values[-1]


@pytest.mark.parametrize("sentences", [[], "a b"])
def test_what_is_no_list_of_sentences_is_refused(sentences):
    with pytest.raises(InputError, match="at least one sentence"):
        NgramModel(sentences)
    for method in ("log_probs", "perplexity"):
        with pytest.raises(InputError, match="at least one sentence"):
            getattr(NgramModel(["a"]), method)(sentences)


def test_an_order_below_one_is_refused():
    with pytest.raises(InputError, match="at least 1, got 0"):
        NgramModel(["a"], order=0)


def test_the_penn_treebank_as_published():
    """3- and 5-gram, Kneser-Ney: 148.3 and 141.2, Mikolov, 2012, table 4.1 of his thesis (with SRILM)."""
    if not Path(os.environ.get("LATENTPATH_MIRROR", ""), "ptb/ptb.zip").is_file():
        pytest.skip("needs ptb/ptb.zip in LATENTPATH_MIRROR")
    from benchmarks.corpora import ptb

    corpus, _ = ptb()
    learnt, held_out = (
        [" ".join(map(str, corpus.sequence(row)[1:-1])) for row in corpus.rows(split)] for split in ("train", "test")
    )
    for order, published in ((3, 148.3), (5, 141.2)):
        model = NgramModel(learnt, order=order)
        assert model.perplexity(held_out) == pytest.approx((published, 82_430, 0), abs=0.05)


def _walks(count):
    """Sentences of random words, each of which likes some words after it."""
    rng = np.random.default_rng(0)
    likes = rng.dirichlet(np.full(40, 0.1), size=40)
    sentences = []
    for _ in range(count):
        words = [rng.integers(40)]
        while rng.random() > 0.15:
            words.append(rng.choice(40, p=likes[words[-1]]))
        sentences.append(" ".join(f"w{word}" for word in words))
    return sentences
