"""Words of scripts with marks, and of such as put no spaces between words."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vaetext.bleu import pieces
from vaetext.imputation import _BLANK, with_blanks
from vaetext.words import UNSPACED, WORD, units

SENTENCES = {
    "किताब मेज पर है।": ["किताब", "मेज", "पर", "है"],
    "كِتَابٌ جديد": ["كِتَابٌ", "جديد"],
    "我喜欢喝茶。": list("我喜欢喝茶"),
    "สวัสดี ครับ": ["ส", "วั", "ส", "ดี", "ค", "รั", "บ"],
    "I didn't sell the old-fashioned house": ["I", "didn't", "sell", "the", "old-fashioned", "house"],
    "Où est-il né ?": ["Où", "est-il", "né"],
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_words_keep_their_marks_and_a_letter_is_one_where_no_space_parts_them(sentence):
    words = SENTENCES[sentence]
    assert re.findall(WORD, sentence) == words
    assert [piece for piece in pieces(sentence) if re.match(WORD, piece)] == words
    assert "".join(pieces(sentence)) == sentence.replace(" ", "")
    for seed in range(10):
        blanked = with_blanks(sentence, 1, np.random.default_rng(seed))
        assert len(_BLANK.findall(blanked)) == 1
        assert sentence in [_BLANK.sub(f" {word}" if " ___" in blanked else word, blanked) for word in words]


@pytest.mark.parametrize(
    ("sentence", "blanks"), [("我___书", 1), ("ki_ते", 0), ("किता___", 0), ("snake_case", 0), ("___ est ___ ?", 2)]
)
def test_a_blank_touches_no_letter_of_a_script_with_spaces(sentence, blanks):
    assert len(_BLANK.findall(sentence)) == blanks


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("我今天去了学校。", list("我今天去了学校。")),
        ("私はPythonを書く、ね。", ["私", "は", "Python", "を", "書", "く", "、", "ね", "。"]),
        ("สวัสดี ครับ!", ["ส", "วั", "ส", "ดี", "ค", "รั", "บ", "!"]),
        ("किताब मेज पर है।", ["किताब", "मेज", "पर", "है।"]),
        ("I  didn't\tsell the old-fashioned house.", ["I", "didn't", "sell", "the", "old-fashioned", "house."]),
    ],
)
def test_what_is_counted_stands_between_spaces_and_is_a_letter_where_there_are_none(text, wanted):
    assert units(text) == wanted
    assert "".join(units(text)) == "".join(text.split())


@example("I didn't sell the old-fashioned house, did I?")
@example("A caf\u00e9\u00a0\u2014 na\u00efve,\x1c don\u2019t\u3000you?")
@given(st.text())
def test_where_no_letter_is_unspaced_it_is_what_stands_between_spaces(text):
    spaced = re.sub(f"[{UNSPACED}]", "", text)
    assert units(spaced) == spaced.split()
