import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq.tokenizer import Tokenizer
from vaetext.fluency import SURPRISING, by_word, surprise

FIRST, LAST = "The boy is reading a book.", "We went to the beach yesterday."


def test_a_word_costs_the_square_of_what_it_surprises_by(shipped):
    plain, odd, blank = "Something is going on.", "Something blorfish is going on.", "two  spaces"
    costs = surprise(shipped, [plain, odd, blank])
    tokenizer = shipped.space.tokenizer
    (nats,) = (-its.numpy() for its in shipped.space.language_symbol_log_prob([odd]))
    words = by_word(odd, nats, tokenizer.starts(tokenizer.encode(odd)))
    assert words.argmax() == 1
    assert costs[1] == pytest.approx(sum((nat - SURPRISING) ** 2 / 2 for nat in words if nat > SURPRISING), rel=1e-3)
    assert costs[0] < 1 < 10 < costs[1]
    assert costs[2] == np.inf


def test_likely_words_cost_nothing_however_many(shipped):
    long = " and ".join(["Tom and Mary went home"] * 4) + "."
    assert -float(shipped.space.language_log_prob([long])[0]) > 3 * SURPRISING
    assert surprise(shipped, [long])[0] < 1


def test_without_a_language_model_no_word_surprises(space):
    assert surprise(space, [FIRST, LAST, "two  spaces"]).tolist() == [0, 0, np.inf]


@pytest.mark.parametrize(
    ("symbols", "words"),
    [
        (["A", " horse", "shoe", "."], [[0], [1, 2, 3, 4]]),
        ([" “", "b", "é", "”", " é", "!"], [[0, 1, 2, 3], [4, 5, 6]]),
        (["Is", "n", "'t", " it", "?"], [[0, 1, 2], [3, 4, 5]]),
        (["日", "本", "。"], [[0], [1, 2, 3]]),
        (["?", "!"], [[0, 1, 2]]),
    ],
)
def test_a_word_has_the_nats_of_its_symbols(symbols, words):
    starts = [len("".join(symbols[:i]).encode()) for i in range(len(symbols))]
    nats = 10.0 ** np.arange(len(symbols) + 3)  # of the symbols, of the end, and two that are none
    wanted = [sum(nats[i] for i in its) for its in words]
    assert by_word("".join(symbols), nats, starts).tolist() == wanted


@given(text=st.text(min_size=1, max_size=20))
def test_symbols_begin_where_those_before_them_end(text):
    tokenizer = Tokenizer.of_bpe([FIRST, LAST], size=300)
    ids, whole = tokenizer.encode(text), text.encode("utf-8", "replace")
    starts = tokenizer.starts(ids)
    assert len(starts) == len(ids) - 2
    cut = [whole[a:b] for a, b in zip(starts, [*starts[1:], len(whole)], strict=True)]
    assert b"".join(cut) == whole
    assert [tokenizer.decode([i]) for i in ids[1:-1]] == [part.decode(errors="replace") for part in cut]
