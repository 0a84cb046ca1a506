"""What it costs a path to go by a sentence: stranger than its ends, blander, or of words that are none."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from vaetext.space import SentenceSpace
from vaetext.words import WORD, units

_WORD = re.compile(WORD)


class Fluency:
    """Costs of the sentences between some that are given, by the model's language model.

    A sentence costs what it is less likely by than the least likely of those, in nats a word and end, or likelier by
    than the likeliest: where each costs what it is unlikely, all that is between is bland (LOG.md). And it costs the
    nats of the symbols by which a word goes on that none of those has. A model writes most words as one symbol, and
    spells the others, where what follows is likely as long as it makes a word.

    Without a language model all sentences are as likely.

    Args:
        space: A trained model.
        ends: Sentences as the model writes them.
    """

    def __init__(self, space: SentenceSpace, ends: Sequence[str]) -> None:
        self.space = space
        self._known = {word for text in ends for word in _WORD.findall(text)}
        whole = self._nats(ends)[0] if space.space.vae.language else np.zeros(1)
        self._range = whole.min(), whole.max()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Of each text, ``(texts,)``; infinite where it is no sentence as the model would write it."""
        forbidden = np.where([self.space.is_normal(text) for text in texts], 0.0, np.inf)
        if not self.space.space.vae.language:
            return forbidden
        whole, spelt = self._nats(texts)
        return np.abs(whole - whole.clip(*self._range)) + spelt + forbidden

    def _nats(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Nats a word and end of each text, and in sum those of its symbols that spell a word which is not known."""
        tokenizer, found = self.space.space.tokenizer, self.space.space.language_symbol_log_prob(texts)
        nats = [(-log_prob).tolist() for log_prob in found]
        whole = [sum(its) / (len(units(text)) + 1) for text, its in zip(texts, nats, strict=True)]
        spelt = [
            sum(its[i] for i in spelling(text, tokenizer.starts(ids), self._known))
            for text, its, ids in zip(texts, nats, tokenizer.encode_batch(texts), strict=True)
        ]
        return np.array(whole), np.array(spelt)


def spelling(text: str, starts: Sequence[int], known: Collection[str]) -> list[int]:
    """Which symbols go on with a word that is not known.

    Args:
        text: A text.
        starts: The byte at which each of its symbols begins, as of ``Tokenizer.starts``.
        known: Words.
    """
    words = [word.span() for word in _WORD.finditer(text) if word.group() not in known]
    spans = [(len(text[:first].encode()), len(text[:last].encode())) for first, last in words]
    return [i for i, start in enumerate(starts) if any(first < start < last for first, last in spans)]
