"""Templates of ``everyday``: texts of words and symbols, and how a symbol gets its features from where it stands.

A symbol is written ``<name:argument:argument feature=value>``. Its rules depend on the features in ``FEATURES`` (for a
phrase list, on what its name and its texts mention). What it does not give itself comes from its surroundings.
"""

import functools
import re
from typing import NamedTuple

from vaetext.everyday_lexicon import AGREEMENT, OBJECTIVE, POSSESSIVE, Choices, phrases

Features = dict[str, str]
FEATURES = {
    "sentence": (),
    "frame": (),
    "clause": ("tense", "polarity"),
    "question": ("tense", "polarity"),
    "inverted": ("tense", "polarity", "class"),
    "predicate": ("tense", "polarity", "class", "agreement"),
    "finite": ("tense", "polarity", "agreement"),
    "invert": ("tense", "polarity", "agreement"),
    "tag": ("tense", "polarity", "who"),
    "subject": ("class", "who"),
    "anyone": ("class",),
    "somebody": ("class",),
    "agent": ("class",),
    "vp": ("class",),
    "does": ("class", "agreement"),
    "verb": ("group",),
    "done": ("tense", "group"),
    "main": ("tense", "group"),
    "np": ("group",),
    "object": ("group", "number"),
    "noun": ("group", "number"),
    "theme": ("group", "number"),
    "own": ("group", "number"),
    "adjective": ("group",),
    "gradable": ("group",),
    "comparative": ("group",),
    "superlative": ("group",),
    "quality": ("group", "polarity"),
    "place": ("group",),
    "how": ("group",),
    "liking": (),
    "item": ("scene", "number"),
    "the_item": ("scene", "number"),
    "thing": ("scene", "number"),
    "spot": ("scene",),
    "she": ("who",),
    "him": ("who",),
    "her": ("who",),
}
PRONOUNS = {"she": {who: "I" if who == "i" else who for who in OBJECTIVE}, "him": OBJECTIVE, "her": POSSESSIVE}
NUMBERS = ("sg", "pl", "mass", "the", "kin", "fixed")
POLARITIES = ("affirmative", "negative")


class Symbol(NamedTuple):
    """A parsed ``<name:argument feature=value>``."""

    name: str
    arguments: tuple[str, ...]
    given: dict[str, str]


@functools.cache
def symbol(text: str) -> Symbol:
    """Read a symbol."""
    head, *pairs = text.strip("<>").split()
    name, *arguments = head.split(":")
    return Symbol(name, tuple(arguments), dict(pair.split("=") for pair in pairs))


def fill(template: str, at: Features) -> tuple[str, ...]:
    """The items of a template: words as they are, each symbol with the features that its rules depend on.

    The article is always "a" here; ``english.join`` writes "an" where it has to.
    """
    pieces = ("a" if piece == "an" else piece for piece in re.findall(r"<[^>]*>|[^\s<]+", template))
    return tuple(_filled(piece, at) if piece[0] == "<" else piece for piece in pieces)


def _filled(text: str, at: Features) -> str:
    name, arguments, given = symbol(text)
    at = at | given
    if name in PRONOUNS:
        return PRONOUNS[name][at["who"]]
    if "who" in at:
        at = at | {"agreement": AGREEMENT[at["who"]]}
    return f"<{':'.join((name, *arguments))}{''.join(f' {feature}={at[feature]}' for feature in _needs(name))}>"


def open_features(template: str) -> frozenset[str]:
    """The features that a template's symbols need and do not give; agreement counts as ``who``."""
    return frozenset(
        "who" if feature == "agreement" else feature
        for text in re.findall(r"<[^>]*>", template)
        for feature in _needs(symbol(text).name)
        if feature not in symbol(text).given
    )


@functools.cache
def _needs(name: str) -> tuple[str, ...]:
    if name in FEATURES:
        return FEATURES[name]
    variants = {key: texts for key, texts in phrases().items() if key.split()[0] == name}
    if not variants:
        raise ValueError(f"<{name}> must be a symbol or a phrase list of everyday_frames.toml; it is neither")
    values = [value for key in variants for value in key.split()[1:]]
    own = {"polarity" if v in POLARITIES else "number" if v in NUMBERS else "tense" for v in values}
    return tuple(sorted(own.union(*(open_features(text) for texts in variants.values() for _, text in texts))))


def choose(name: str, at: Features) -> Choices:
    """The phrase list of this name that says the most about these features: "time past" rather than "time"."""
    fits = [key for key in phrases() if key.split()[0] == name and set(key.split()[1:]) <= set(at.values())]
    return phrases()[max(fits, key=len)] if fits else ()
