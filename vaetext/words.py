"""What counts as a word, in any script: letters and digits with the marks that are put on them."""

import re
import unicodedata
from itertools import groupby

# Scripts that put no space between words: Thai and Lao, Burmese, Khmer, kana, Han; a letter there counts as a word.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"


def _ranges(category: str) -> str:
    """The characters of a category of Unicode, below 65,536, as within the brackets of a pattern."""
    codes = [code for code in range(0x10000) if unicodedata.category(chr(code)).startswith(category)]
    runs = [list(run) for _, run in groupby(enumerate(codes), key=lambda place: place[1] - place[0])]
    return "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)


MARKS = _ranges("M")
LETTER = rf"(?:(?![{UNSPACED}])[\w{MARKS}])"  # of a script that puts spaces between words
WORD = rf"[{UNSPACED}][{MARKS}]*|{LETTER}+(?:['\u2019-]{LETTER}+)*"
# What stands between spaces, punctuation and all, but a letter of the scripts above by itself.
UNIT = rf"[{UNSPACED}][{MARKS}]*|[^\s{UNSPACED}]+"
_UNIT = re.compile(UNIT)


def units(text: str) -> list[str]:
    """What sentences are compared and counted by: words with their punctuation; where no space parts words, letters.

    Of a text without letters of such scripts, ``text.split()``.
    """
    return text.split() if text.isascii() else _UNIT.findall(text)
