import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq.tokenizer import Tokenizer
from vaetext.fluency import Fluency, spelling

FIRST, LAST = "The boy is reading a book.", "We went to the beach yesterday."


def test_a_sentence_costs_what_it_is_less_likely_or_likelier_by_than_both_ends(shipped):
    broken, bland = " ".join(FIRST.split()[::-1]), LAST
    first, last = FIRST, "He broke two ribs and punctured his lung."
    costs = Fluency(shipped, [first, last])([first, last, broken, bland, "two  spaces"])
    assert costs[:2].tolist() == [0, 0]
    assert costs[4] == np.inf
    texts = (first, last, broken, bland)
    nats = [-float(shipped.space.language_log_prob([text])) / (len(text.split()) + 1) for text in texts]
    assert nats[3] < min(nats[:2]) < max(nats[:2]) < nats[2]
    assert costs[2] == pytest.approx(nats[2] - max(nats[:2]), rel=1e-4)
    assert costs[3] == pytest.approx(min(nats[:2]) - nats[3], rel=1e-4)


def test_in_a_script_without_spaces_a_letter_counts_as_a_word(shipped):
    text, other = "我喝茶。", "茶喝我。"
    nats = [-float(shipped.space.language_log_prob([its])) / 5 for its in (text, other)]
    assert Fluency(shipped, [text, text])([other])[0] == pytest.approx(abs(nats[0] - nats[1]), rel=1e-3)


def test_a_word_that_is_none_costs_its_nats_unless_an_end_has_it(shipped):
    plain, odd = "Something is going on.", "Something blorfish is going on."
    free, dear = (Fluency(shipped, ends)([odd])[0] for ends in ([plain, odd], [plain, plain]))
    assert free == 0
    assert dear > 5


def test_without_a_language_model_every_sentence_is_as_likely(space):
    assert Fluency(space, [FIRST, LAST])([LAST, "two  spaces"]).tolist() == [0, np.inf]


@pytest.mark.parametrize(
    ("symbols", "known", "wanted"),
    [
        (["A", " horse", "shoe", "."], [], ["shoe"]),
        (["A", " horse", "shoe", "."], ["horseshoe"], []),
        (["A", " horse", "shoe", "."], ["shoe"], ["shoe"]),
        ([" “", "b", "é", "b", "é", "”"], [], ["é", "b", "é"]),
        (["Is", "n", "'t", " it", "?"], [], ["n", "'t"]),
    ],
)
def test_a_word_is_spelt_by_the_symbols_after_its_first(symbols, known, wanted):
    starts = [len("".join(symbols[:i]).encode()) for i in range(len(symbols))]
    assert [symbols[i] for i in spelling("".join(symbols), starts, known)] == wanted


@given(text=st.text(min_size=1, max_size=20))
def test_symbols_begin_where_those_before_them_end(text):
    tokenizer = Tokenizer.of_bpe([FIRST, LAST], size=300)
    ids, whole = tokenizer.encode(text), text.encode("utf-8", "replace")
    starts = tokenizer.starts(ids)
    assert len(starts) == len(ids) - 2
    cut = [whole[a:b] for a, b in zip(starts, [*starts[1:], len(whole)], strict=True)]
    assert b"".join(cut) == whole
    assert [tokenizer.decode([i]) for i in ids[1:-1]] == [part.decode(errors="replace") for part in cut]
