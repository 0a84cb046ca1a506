"""One sentence at a time: normalised, counted, and given its place in the split."""

import hashlib
import re
import unicodedata
from typing import Literal

from vaeseq.errors import Rejected

_NOT_IN_KEY = re.compile(r"[^a-z0-9 ]")
_COMPOSED = 4  # most characters that NFC makes one of


def sentence_record(
    text: str, *, max_words: int = 100, max_characters: int = 1_000, lower: bool = False
) -> dict[str, object]:
    """The row of one sentence: ``text`` in Unicode NFC with single spaces, ``words`` and ``characters``.

    Applying it to its own ``text`` changes nothing.

    Raises:
        Rejected: ``encoding`` (no Unicode text), ``control_character``, ``empty`` or ``too_long``.
    """
    text = " ".join((text.lower() if lower else text).split())
    if len(text) > _COMPOSED * max_characters:  # the time that NFC takes grows with the square of a run of accents
        raise Rejected("too_long")
    text = normalised(text)
    if not text:
        raise Rejected("empty")
    categories = {unicodedata.category(character) for character in set(text)}
    if "Cs" in categories:
        raise Rejected("encoding")
    if "Cc" in categories:
        raise Rejected("control_character")
    words, characters = word_count(text), len(text)
    if words > max_words or characters > max_characters:
        raise Rejected("too_long")
    return {"text": text, "words": words, "characters": characters}


def normalised(text: str) -> str:
    """Unicode NFC; every run of white space is one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def word_count(text: str) -> int:
    """Pieces between white space, in any script: what ``max_words`` limits."""
    return len(text.split())


def split_of(sentence: str) -> Literal["train", "valid", "test"]:
    """Where a sentence belongs: 5 % test, 5 % valid, by its letters and digits of ASCII and its spaces.

    Sentences that differ in case only, or in marks that touch a word, share a split. A mark that stands alone leaves
    its two spaces, so ``a - b`` and ``a, b`` may be parted; letters outside ASCII are left out, and sentences that
    differ in these alone share a split. Published figures are of this rule. Where most letters are of another script,
    all letters, marks and digits of Unicode count.
    """
    lowered = sentence.lower()
    key = _NOT_IN_KEY.sub("", lowered).strip()
    if sum(map(str.isalpha, lowered)) > 2 * sum(map(str.isalpha, key)):
        key = "".join(each for each in lowered if each == " " or unicodedata.category(each)[0] in "LMN").strip()
    key = key or sentence
    match int(hashlib.sha1(key.encode()).hexdigest(), 16) % 20:
        case 0:
            return "test"
        case 1:
            return "valid"
    return "train"
