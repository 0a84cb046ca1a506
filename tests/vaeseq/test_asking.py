import numpy as np
import pytest

from vaeseq.asking import Unanswered, answered, in_pieces
from vaeseq.calls import Run, recover, resumed
from vaeseq.rounds import SearchConfig, searched

TEXTS = list("abcdefgh")


def few(most, asked):
    """An oracle that answers for at most so many texts together."""

    def oracle(texts):
        asked.append("".join(texts))
        if len(texts) > most:
            raise Unanswered
        return np.array([ord(text) for text in texts], dtype=float)

    return oracle


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_every_text_is_answered_once_in_order(most):
    asked = []
    pieces = list(answered(few(most, asked), TEXTS))
    assert [text for piece, _ in pieces for text in piece] == TEXTS
    assert [value for _, values in pieces for value in values] == list(map(ord, TEXTS))
    assert "".join(its for its in asked if len(its) <= most) == "".join(TEXTS)
    assert in_pieces(few(most, []))(TEXTS).tolist() == list(map(ord, TEXTS))


def test_a_text_by_itself_without_an_answer_does_not_go_on_for_ever():
    with pytest.raises(Unanswered):
        in_pieces(few(0, []))(["a", "b"])


def test_nothing_is_asked_for_nothing():
    assert in_pieces(few(0, asked := []))([]).shape == (0,)
    assert asked == []


def test_what_was_answered_of_a_batch_that_failed_outlives_a_kill(tmp_path):
    path, run, asked = tmp_path / "calls.csv", Run("few", "all", 0), []

    def killed(texts):
        if "e" in texts and len(texts) <= 4:
            raise KeyboardInterrupt
        return few(4, asked)(texts)

    def start(oracle):
        return lambda calls: searched(lambda *_: TEXTS, oracle, SearchConfig(8, 8), calls=calls)

    with pytest.raises(KeyboardInterrupt):
        list(resumed(path, run, start(killed)))
    assert [call.text for call in recover(path)[run]] == list("abcd")
    list(resumed(path, run, start(few(4, asked))))
    assert asked == ["abcdefgh", "abcd", "efgh"]
    assert [call.text for call in recover(path)[run]] == TEXTS
