"""How sentences are judged: what the evaluate stage needs to know about them."""

import contextlib
import difflib
import math
from collections.abc import Sequence
from typing import Any

from vaetext.sentence import word_count
from vaetext.words import units

IDENTITY = "text"  # the column by which two rows are the same
SIMILARITY = "word_similarity"
COLOURS = ("topic", "tense", "frame", "subject", "polarity", "words")

Row = dict[str, Any]


def readable(texts: Sequence[str], metadata: Row) -> list[str]:
    """Sentences are read as they are decoded."""
    return list(texts)


def similarity(original: str, other: str) -> float:
    """Share of words in common, in order: 2 M / T of ``difflib`` over words (``vaetext.words.units``)."""
    return difflib.SequenceMatcher(None, units(original), units(other), autojunk=False).ratio()


def likelihood_per_unit(nats: float, records: Sequence[Row]) -> Row:
    """Bits per character and perplexity per word, the end of a sentence counted as one of either.

    Words are those of ``vaetext.words.units``. Where no number holds the perplexity, as of very long words, it is left
    out.
    """
    characters = sum(len(record["text"]) + 1 for record in records)
    words = sum(len(units(record["text"])) + 1 for record in records)
    figures = {"bits_per_character": nats / math.log(2) / characters}
    with contextlib.suppress(OverflowError):
        figures["word_perplexity"] = math.exp(nats / words)
    return figures


def sample_figures(samples: Sequence[str], training: set[str], metadata: Row) -> Row:
    """Fractions of sampled sentences, each with its denominator."""
    distinct = set(samples)
    figures = {
        "uniqueness": len(distinct) / len(samples),
        "uniqueness_of": len(samples),
        "novelty": len(distinct - training) / len(distinct),
        "novelty_of": len(distinct),
    }
    if of_grammar(metadata):
        from vaetext.everyday import parses  # the grammar takes a moment to build

        figures |= {"parse_fraction": sum(map(parses, samples)) / len(samples), "parse_fraction_of": len(samples)}
    return figures


def of_grammar(metadata: Row) -> bool:
    """Whether a model's sentences are of the ``everyday`` set as its grammar writes and reads them, case included."""
    return metadata.get("source") == "everyday" and not metadata.get("lower")


def same_label(texts: Sequence[str], others: Sequence[str], label: str = "frame") -> tuple[float, int]:
    """Share of the texts that the ``everyday`` grammar reads with the label of the one at the same place in ``others``.

    Of all texts; higher is better. A text that it cannot read has no label.
    """
    from vaetext.everyday import parse

    pairs = [(parse(text), parse(other)) for text, other in zip(texts, others, strict=True)]
    return sum(bool(a and b and a[label] == b[label]) for a, b in pairs) / max(1, len(pairs)), len(pairs)


def sample_row(sample: str) -> Row:
    """A sampled sentence as a line of a table."""
    return {"text": sample, "words": word_count(sample)}
