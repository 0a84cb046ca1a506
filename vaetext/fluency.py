"""What it costs a path to go by a sentence: the words in it that nobody would expect there."""

import re
from collections.abc import Sequence

import numpy as np

from vaetext.space import SentenceSpace
from vaetext.words import WORD

SURPRISING = 7.0  # nats, one in a thousand; a fifth of the words that people write are less likely
_WORD = re.compile(WORD)


def surprise(space: SentenceSpace, texts: Sequence[str]) -> np.ndarray:
    """Half the square of what each word takes beyond ``SURPRISING`` nats, in sum over the words of each text.

    By the language model of the space; without one no word surprises. Likely words cost nothing, however unlikely all
    of them together are: were a sentence to cost its nats, all that is between would be bland (LOG.md).

    Args:
        space: A trained model.
        texts: Sentences.

    Returns:
        Of each, ``(texts,)``; infinite where it is no sentence as the model would write it.
    """
    forbidden = np.where([space.is_normal(text) for text in texts], 0.0, np.inf)
    if not space.space.vae.language:
        return forbidden
    tokenizer, found = space.space.tokenizer, space.space.language_symbol_log_prob(texts)
    by_text = zip(texts, found, map(tokenizer.starts, tokenizer.encode_batch(texts)), strict=True)
    nats = [by_word(text, -log_prob.numpy(), starts) for text, log_prob, starts in by_text]
    return forbidden + [np.square((each - SURPRISING).clip(0)).sum() / 2 for each in nats]


def by_word(text: str, nats: np.ndarray, starts: Sequence[int]) -> np.ndarray:
    """The nats of each word of a text in sum, ``(words,)``.

    A symbol is of the last word that it or one before it has a part of: a full stop and the end are of the last word,
    and what stands before the first is of that one.

    Args:
        text: A text.
        nats: Of each of its symbols, then of its end, and whatever after that.
        starts: The byte at which each of its symbols begins, as of ``Tokenizer.starts``.
    """
    first = [len(text[: word.start()].encode()) for word in _WORD.finditer(text)] or [0]
    ends = [*starts[1:], len(text.encode()), len(text.encode())]
    return np.bincount(np.searchsorted(first, ends).clip(1) - 1, weights=nats[: len(ends)], minlength=len(first))
