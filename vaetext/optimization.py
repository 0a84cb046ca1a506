"""Sentences that come close to what is asked of them, found in few calls of a score.

No property of a sentence is worth what a molecule's is. The two scores here, closeness to given words and to a length,
are cheap and plain to see; a score of your own is a function from a list of sentences to an array.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import partial

import numpy as np
from torch import Tensor
from torch.distributions import Independent

from vaeseq.errors import InputError
from vaeseq.rounds import Call, Oracle, SearchConfig
from vaeseq.search import search
from vaetext.space import SentenceSpace
from vaetext.words import WORD, units

_WORD = re.compile(WORD)


class _Rereadable:
    """A space of sentences that decodes only what it can encode again."""

    def __init__(self, space: SentenceSpace) -> None:
        self._space = space

    @property
    def latent(self) -> int:
        return self._space.latent

    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        return self._space.prior_sample(count, seed=seed)

    def encode(self, texts: Sequence[str]) -> Independent:
        return self._space.encode(texts)

    def decode(self, z: Tensor, *, temperature: float = 0.0, seed: int = 0, beams: int = 1) -> list[str]:
        return [self._read(text) for text in self._space.decode(z, temperature=temperature, seed=seed, beams=beams)]

    def reads(self, text: str) -> bool:
        return bool(self._read(text))

    def _read(self, text: str) -> str:
        try:
            return self._space.texts([text])[0]
        except InputError:
            return ""


def optimize(
    space: SentenceSpace, oracle: Oracle, config: SearchConfig, *, seed: int = 0, calls: Sequence[Call] = ()
) -> Iterator[list[Call]]:
    """Sentences that the oracle likes, by Bayesian optimisation; see ``vaeseq.search.search``.

    Args:
        space: A trained model.
        oracle: From sentences to one value each, higher is better, nan for none.
        config: The budget.
        seed: Two runs with the same seed ask for the same sentences.
        calls: What an earlier run with the same arguments has paid for.

    Yields:
        The calls of each round, once they are answered.
    """
    return search(_Rereadable(space), oracle, config, method="bayesian", seed=seed, calls=calls)


def random_search(
    space: SentenceSpace, oracle: Oracle, config: SearchConfig, *, seed: int = 0, calls: Sequence[Call] = ()
) -> Iterator[list[Call]]:
    """The baseline: greedy decodings of draws from the prior, the same as those that ``optimize`` starts with."""
    return search(_Rereadable(space), oracle, config, method="random_prior", seed=seed, calls=calls)


METHODS = {"bayesian": optimize, "random_prior": random_search}


def objective(name: str) -> Oracle:
    """The score that a command line names: ``words:cat,garden`` or ``length:12``.

    Raises:
        InputError: There is no such objective.
    """
    kind, _, wanted = name.partition(":")
    words = [word.strip().lower() for word in wanted.split(",") if word.strip()]
    if kind == "words" and words:
        return partial(closeness_to_words, words=words)
    if kind == "length" and wanted.isascii() and wanted.isdigit() and int(wanted[:9]) > 0:
        return partial(closeness_to_length, words=int(wanted[:9]))
    raise InputError(f"objective must be words:WORD,WORD... or length:NUMBER, got {name!r}")


def closeness_to_words(sentences: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """How near a sentence comes to holding all of ``words``, 0 to 1, which means that it does.

    The mean over ``words`` of the likeness of spelling (``difflib``) to the likest word of the sentence; ``words`` are
    in lower case, and case does not count. Shape (sentences,).
    """
    return np.array([np.mean([_likeness(word, sentence) for word in words]) for sentence in sentences])


def _likeness(word: str, sentence: str) -> float:
    found = _WORD.findall(sentence.lower())
    return max((SequenceMatcher(None, word, other, autojunk=False).ratio() for other in found), default=0.0)


def closeness_to_length(sentences: Sequence[str], words: int) -> np.ndarray:
    """Minus the words (``vaetext.words.units``) by which a sentence misses a length; 0 is best. Shape (sentences,)."""
    return np.array([-abs(len(units(sentence)) - words) for sentence in sentences], dtype=np.float64)
