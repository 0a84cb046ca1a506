import pytest

from vaeseq.errors import InputError
from vaeseq.rounds import SearchConfig
from vaetext.optimization import METHODS, objective


def test_words_are_found_whatever_their_case():
    score = objective("words:cat, Garden")
    assert score(["A CAT in the garden."])[0] == 1
    both, one, none = score(["The cats of the gardens.", "The cat slept.", "I do."])
    assert 1 > both > one > none
    assert score([""])[0] == 0


def test_length_is_missed_by_words():
    assert objective("length:3")(["one", "one two three", "one two three four."]).tolist() == [-2, 0, -1]
    assert objective("length:3")(["我喝茶", "我 喝"]).tolist() == [0, -1]


@pytest.mark.parametrize("name", ["", "words:", "words: ,", "length:0", "length:-3", "length:x", "length:²", "poetry"])
def test_an_unknown_objective_is_named(name):
    with pytest.raises(InputError, match=r"objective must be words:"):
        objective(name)


@pytest.mark.parametrize("method", METHODS)
def test_sentences_are_asked_for_once_and_can_be_read_again(space, method):
    config = SearchConfig(budget=16, initial=8, batch=4, candidates=24)
    texts = [call.text for batch in METHODS[method](space, objective("words:tie"), config) for call in batch]
    assert len(set(texts)) == len(texts) == 16
    assert space.texts(texts) == texts
