"""A language model that is not the VAE, to judge sampled sentences by: interpolated modified Kneser-Ney over words.

Words are those of ``vaetext.words.units``: the pieces between white space, or letters in scripts that put none between
words. The end of a sentence counts as one. p(sentence) is the product over its words and its end of p(w | h), where h
is the up to ``order - 1`` words before, the start of the sentence among them. For each length of h, with h' that lacks
the first word of h,

    p(w | h) = (c(hw) - D(c(hw))) / c(h) + g(h) p(w | h'),    c(h) = sum over w of c(hw),
    g(h) = sum over w of D(c(hw)) / c(h),    g(h) = 1 where c(h) = 0.

c counts how often an n-gram occurs where it is of the longest or begins a sentence, else how many different words occur
before it. Below the single words is the uniform distribution over all outcomes: the vocabulary, the end, and one class
of all words that are not in the vocabulary. D has three values for each length, for counts of 1, of 2 and of more:

    D_k = k - (k + 1) Y t_{k + 1} / t_k,    Y = t_1 / (t_1 + 2 t_2),    t_k: n-grams of that length with count k,

or .5, 1 and 1.5 for a length for which the text is too little or too uniform to tell: one of t_1, t_2, t_3 is 0, or
D_2 or D_3 is not positive.

References:
    Chen & Goodman, 1998, the section on modified Kneser-Ney smoothing, https://dash.harvard.edu/handle/1/25104739;
    Heafield et al., 2013, section 3 (n-grams that begin a sentence), https://aclanthology.org/P13-2121;
    https://github.com/kpu/kenlm/blob/master/lm/builder/lmplz_main.cc (``--discount_fallback``: .5, 1, 1.5)
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from vaeseq.errors import InputError
from vaetext.words import units

_TOO_LITTLE = (0.5, 1.0, 1.5)
_NONE = -1  # in place of an n-gram that the text does not have, or that would begin before its sentence


class Perplexity(NamedTuple):
    """Perplexity, and what it was taken over.

    Attributes:
        value: exp(nats / ``of``), at least 1.
        of: Words and ends of sentences.
        unseen: Those of the words that the model's text does not have.
    """

    value: float
    of: int
    unseen: int


class _Counted(NamedTuple):
    """The distinct n-grams of one length; the place of one in these arrays is its id."""

    keys: np.ndarray  # (id of the n-gram without its last word) * ids + last word, sorted
    shorter: np.ndarray  # id of the n-gram without its first word
    times: np.ndarray  # how often it occurs
    begins: np.ndarray  # whether it begins with the start of a sentence


class _Predicted(NamedTuple):
    """The same n-grams with their probabilities."""

    keys: np.ndarray
    probability: np.ndarray  # p(last word | the words before)
    left: np.ndarray  # g of the n-grams that are one word shorter, by their ids


class NgramModel:
    """p(sentence) of an interpolated modified Kneser-Ney model.

    A word outside the vocabulary, in the text or in what is scored, stands for the class of all such words: its
    probability is that of *some* unknown word. By default the text has none, and the class gets its part of the uniform
    distribution only. Perplexities of models compare where their vocabularies are the same.

    Attributes:
        words: The vocabulary, sorted.
    """

    def __init__(self, sentences: Sequence[str], *, order: int = 5, vocabulary: Iterable[str] | None = None) -> None:
        """Count and smooth.

        Args:
            sentences: Text to learn from; an empty string is a sentence of no words.
            order: Words of the longest n-grams.
            vocabulary: The words that are told from each other; by default those of ``sentences``.

        Raises:
            InputError: No sentence, a single string, or an order below 1.
        """
        _check(sentences)
        if order < 1:
            raise InputError(f"order must be at least 1, got {order!r}")
        if vocabulary is None:
            vocabulary = (word for sentence in sentences for word in units(sentence))
        self.words = tuple(sorted(set(vocabulary)))
        self._number = {word: i for i, word in enumerate(self.words)}
        self._end, self._unknown, self._start = range(len(self.words), len(self.words) + 3)
        ids, place = self._numbered(sentences)
        self._seen = np.zeros(self._start + 1, bool)
        self._seen[ids[ids != self._unknown]] = True
        self._orders = _smoothed(_counted(ids, place, order, self._start), self._start)

    def log_prob(self, sentence: str) -> float:
        """Log probability of a sentence and its end, nats."""
        return float(self.log_probs([sentence])[0])

    def log_probs(self, sentences: Sequence[str]) -> np.ndarray:
        """Log probability of each sentence and its end, nats, shape (sentences,).

        Raises:
            InputError: No sentence, or a single string.
        """
        _check(sentences)
        ids, place = self._numbered(sentences)
        return np.add.reduceat(np.log(self._probabilities(ids, place)), np.flatnonzero(place == 0))

    def nats_a_word(self, sentences: Sequence[str]) -> np.ndarray:
        """What each sentence costs a word, its end counted as one, nats, shape (sentences,); the lower, the likelier.

        Raises:
            InputError: No sentence, or a single string.
        """
        return -self.log_probs(sentences) / np.array([len(units(sentence)) + 1 for sentence in sentences])

    def perplexity(self, sentences: Sequence[str]) -> Perplexity:
        """Perplexity per word, ends of sentences counted as words; the lower, the better predicted.

        Raises:
            InputError: No sentence, or a single string.
        """
        _check(sentences)
        ids, place = self._numbered(sentences)
        of, nats = int(np.count_nonzero(place)), -np.log(self._probabilities(ids, place)).sum()
        return Perplexity(math.exp(nats / of), of, int(np.count_nonzero(~self._seen[ids])))

    def next_probabilities(self, text: str) -> np.ndarray:
        """Probabilities of all outcomes after the beginning ``text`` of a sentence, shape (words + 2,).

        They are those of ``words``, then of the end, then of an unknown word.
        """
        before = [self._start, *(self._number.get(word, self._unknown) for word in units(text))]
        row = [*before[-len(self._orders) :], _NONE]
        ids = np.tile(row, (self._start, 1))
        ids[:, -1] = np.arange(self._start)
        return self._probabilities(ids.ravel(), np.tile(np.arange(len(row)), self._start)).reshape(ids.shape)[:, -1]

    def _numbered(self, sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all sentences one after the other, with start and end; the place of each in its sentence."""
        number, unknown, start, end = self._number, self._unknown, self._start, self._end
        rows = [[start, *(number.get(word, unknown) for word in units(sentence)), end] for sentence in sentences]
        lengths = np.array([len(row) for row in rows])
        ids = np.fromiter(itertools.chain.from_iterable(rows), np.int64, lengths.sum())
        return ids, np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)

    def _probabilities(self, ids: np.ndarray, place: np.ndarray) -> np.ndarray:
        """The probability of each id after those before it in its sentence; 1 for the first."""
        shortest, *longer = self._orders
        probability, grams = shortest.probability[ids], ids
        for keys, of_seen, left in longer:
            history = _before(grams, place)
            key = history * (self._start + 1) + ids
            at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            grams = np.where((history != _NONE) & (keys[at] == key), at, _NONE)
            backed_off = probability * np.where(history != _NONE, left[history], 1.0)
            probability = np.where(grams != _NONE, of_seen[at], backed_off)
        return np.where(place > 0, probability, 1.0)


def _check(sentences: Sequence[str]) -> None:
    if isinstance(sentences, str) or not len(sentences):
        raise InputError(f"sentences must be a list of at least one sentence, got {sentences!r}")


def _before(grams: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The n-gram that ends before each place."""
    return np.where(place > 0, np.roll(grams, 1), _NONE)


def _counted(ids: np.ndarray, place: np.ndarray, order: int, start: int) -> list[_Counted]:
    """N-grams of length 1, where each id is one whether it occurs or not, to the longest there are."""
    every = np.arange(start + 1)
    times = np.bincount(ids, minlength=len(every))
    times[start] = 0  # it is never predicted
    counted, grams = [_Counted(every, np.zeros_like(every), times, every == start)], ids
    for length in range(2, order + 1):
        history = _before(grams, place)
        at = np.flatnonzero(history != _NONE)
        if not len(at):
            break
        keys, first, inverse, times = np.unique(
            history[at] * len(every) + ids[at], return_index=True, return_inverse=True, return_counts=True
        )
        counted.append(_Counted(keys, grams[at[first]], times, place[at[first]] == length - 1))
        grams = np.full_like(ids, _NONE)
        grams[at] = inverse
    return counted


def _smoothed(counted: list[_Counted], outcomes: int) -> list[_Predicted]:
    """The equation of this module, from the single words up."""
    smoothed, lower, histories = [], np.array([1 / outcomes]), 1
    for grams, longer in itertools.zip_longest(counted, counted[1:]):
        count = grams.times
        if longer is not None:
            count = np.where(grams.begins, count, np.bincount(longer.shorter, minlength=len(count)))
        removed = np.array([0.0, *discounts(count)])[np.minimum(count, 3)]
        history = grams.keys // (outcomes + 1)
        total = np.bincount(history, count, histories)
        left = np.divide(np.bincount(history, removed, histories), total, out=np.ones(histories), where=total > 0)
        lower = (count - removed) / total[history] + left[history] * lower[grams.shorter]
        smoothed.append(_Predicted(grams.keys, lower, left))
        histories = len(grams.keys)
    return smoothed


def discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """D of this module, from the counts of all n-grams of one length: for counts of 1, of 2, and of 3 or more."""
    t = np.bincount(counts, minlength=5)[1:5].astype(float)
    if not t[:3].all():
        return _TOO_LITTLE
    found = tuple(float(k - (k + 1) * t[0] / (t[0] + 2 * t[1]) * t[k] / t[k - 1]) for k in (1, 2, 3))
    return found if min(found) > 0 else _TOO_LITTLE
