"""The built-in corpus ``everyday``: plain English sentences with their labels, drawn from a phrase grammar.

The same grammar reads sentences: ``parse`` recognises exactly what ``sentences`` can write, case and punctuation
included, so that a decoded sentence can be checked and labelled. Probabilities and the entropy are exact.
"""

import functools
import math
import random
from collections.abc import Iterator

from vaeseq.errors import InputError
from vaetext.english import join, split
from vaetext.everyday_rules import START, expand
from vaetext.grammar import Grammar, Parse

LABELS = ("frame", "tense", "polarity", "subject", "topic")
MOST = 1_000_000  # sentences; about a hundredth of a millionth of the language


@functools.cache
def grammar() -> Grammar:
    """The grammar, built once: it takes some seconds."""
    return Grammar(START, expand)


def sentences(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Draw distinct sentences.

    Args:
        count: How many, at most ``MOST``.
        seed: The same seed gives the same sentences; a smaller count gives the first ones of them.

    Returns:
        Rows with ``text`` and the ``LABELS``.

    Raises:
        InputError: ``count`` is out of range.
    """
    if not 0 <= count <= MOST:
        raise InputError(f"count must be from 0 to {MOST:,} sentences, got {count!r}")
    return _distinct(count, random.Random(seed))


def _distinct(count: int, source: random.Random) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    while len(seen) < count:
        words, labels = grammar().draw(source)
        text = join(words)
        if text not in seen:
            seen.add(text)
            yield {"text": text, **{name: labels[name] for name in LABELS}}


def parse(text: str) -> dict[str, str] | None:
    """The labels of a sentence by its most probable reading, or None where the grammar cannot have written it."""
    return next((reading.labels for reading in readings(text)), None)


def parses(text: str) -> bool:
    """Whether the grammar can have written a sentence."""
    return bool(readings(text))


def readings(text: str) -> list[Parse]:
    """All readings of a sentence by their labels, the most probable first."""
    words = split(text, grammar().words)
    return grammar().parse(words) if words else []


def log_probability(text: str) -> float:
    """Log-probability of a sentence in nats; minus infinity where the grammar cannot have written it."""
    probability = sum(reading.probability for reading in readings(text))
    return math.log(probability) if probability else -math.inf


def entropy() -> float:
    """Entropy of a sentence in nats, from the rule probabilities; exact because no sentence has two derivations."""
    return grammar().entropy()
