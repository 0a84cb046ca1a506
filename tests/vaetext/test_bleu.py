import math

import pytest

from vaeseq.errors import InputError
from vaetext.bleu import bleu, pieces


def test_by_hand():
    # Of "the": the true sentence has two of seven. No run of two is shared.
    found, true = [["the"] * 7], [["the", "cat", "is", "on", "the", "mat"]]
    assert bleu(found, true, order=1) == 2 / 7
    assert bleu(found, true) == 0
    # 4 of 5 words, 2 of 4 pairs; six words were asked for.
    assert bleu(["abxde"], ["abcdef"], order=2) == pytest.approx(math.exp(1 - 6 / 5) * math.sqrt(4 / 5 * 2 / 4))


def test_counts_are_summed_over_sentences_before_they_are_divided():
    assert bleu(["ab", "abcd"], ["ac", "abcde"], order=2) == pytest.approx(
        math.exp(1 - 7 / 6) * math.sqrt(5 / 6 * 3 / 4)
    )


def test_what_is_longer_is_not_punished_for_length_and_nothing_beats_the_same():
    assert bleu(["abcde"], ["abcde"]) == 1
    assert bleu(["abcdef"], ["abcde"], order=1) == pytest.approx(5 / 6)
    assert bleu([""], ["abcde"]) == 0


def test_pieces_are_words_and_marks():
    assert pieces("I didn't sell the old-fashioned house, did I?") == [
        *("I", "didn't", "sell", "the", "old-fashioned", "house", ",", "did", "I", "?")
    ]


@pytest.mark.parametrize(("found", "true"), [([], []), ([["a"]], [])])
def test_other_numbers_of_sentences_are_an_input_error(found, true):
    with pytest.raises(InputError, match="as many"):
        bleu(found, true)
