import math

import pytest

from vaeseq.walks import Walk
from vaetext import paths
from vaetext.evaluation import likelihood_per_unit, same_label, sample_figures, similarity
from vaetext.everyday import parse, sentences


def test_labels_are_compared_place_by_place_and_what_is_no_sentence_has_none():
    rows = list(sentences(40, 0))
    texts = [row["text"] for row in rows]
    turned = texts[1:] + texts[:1]
    for label in ("frame", "topic"):
        expected = sum(a[label] == b[label] for a, b in zip(rows, rows[1:] + rows[:1], strict=True)) / 40
        assert same_label(texts, turned, label) == (expected, 40)
    assert same_label(texts, texts) == (1.0, 40)
    assert parse("no a such") is None
    assert same_label(["no a such", texts[0]], ["no a such", texts[0]]) == (0.5, 2)
    assert same_label([], []) == (0.0, 0)


def test_a_perplexity_that_no_number_holds_is_left_out():
    found = likelihood_per_unit(2_000.0, [{"text": "w" * 400}])
    assert found == {"bits_per_character": pytest.approx(2_000 / math.log(2) / 401)}, "of 2 words, 1,000 nats each"
    assert likelihood_per_unit(2.0, [{"text": "a"}])["word_perplexity"] == pytest.approx(math.e)


def test_in_a_script_without_spaces_letters_are_the_words():
    found = likelihood_per_unit(2_005.0, [{"text": "\u4e00" * 400}])
    assert found["word_perplexity"] == pytest.approx(math.exp(5))
    assert similarity("我喝茶", "我喝水") == pytest.approx(2 / 3)
    assert similarity("I drink tea.", "I drink water.") == pytest.approx(2 / 3)


@pytest.mark.parametrize(("metadata", "judged"), [({}, True), ({"lower": False}, True), ({"lower": True}, False)])
def test_the_grammar_judges_only_sentences_in_its_own_case(metadata, judged):
    texts = [row["text"] for row in sentences(3, 0)]
    everyday = {"source": "everyday"} | metadata
    assert ("parse_fraction" in sample_figures(texts, set(), everyday)) == judged
    rows, figures = paths.judged([Walk([(0.0, texts[0]), (1.0, texts[1])], texts[0], texts[1], True)], everyday)
    assert ("parse_fraction" in figures) == ("parses" in rows[0][0]) == judged
