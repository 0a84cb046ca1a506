from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq.errors import InputError
from vaeseq.walks import Walk
from vaetext.everyday import sentences
from vaetext.paths import (
    all_word_edits,
    homotopy,
    identity,
    judged,
    labelled,
    measures,
    steady_homotopy,
    steady_steps,
    word_edits,
)

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6).map(" ".join)
FIRST, LAST = (row["text"] for row in sentences(2, seed=0))


@given(a=WORDS, b=WORDS, c=WORDS)
def test_word_edits_are_a_distance(a, b, c):
    assert (word_edits(a, b) == 0) == (a == b)
    assert word_edits(a, b) == word_edits(b, a)
    assert word_edits(a, c) <= word_edits(a, b) + word_edits(b, c)
    assert abs(len(a.split()) - len(b.split())) <= word_edits(a, b) <= max(len(a.split()), len(b.split()))


def test_word_edits_by_hand():
    assert word_edits("the old man slept", "the man slept well") == 2
    assert word_edits("", "three new words") == 3


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("我今天去了学校。", "他昨天没有回家。", 6),
        ("我今天去了学校。", "我今天去学校。", 1),
        ("私は本を読む。", "私は本を書く。", 2),
        ("ฉันรักแมว", "ฉันรักหมา", 2),
        ("Tom喝茶。", "Mary喝茶。", 1),
    ],
)
def test_where_no_space_parts_words_letters_are_edited(a, b, edits):
    assert word_edits(a, b) == word_edits(b, a) == edits
    assert all_word_edits([a, b]).tolist() == [[0, edits], [edits, 0]]


def test_measures_against_a_table_by_hand():
    found = measures(["a b", "a c", "a c", "d c e"], "a b", "d c e")
    assert found == (True, 3, 4, 1.0)
    assert not measures(["a b", "c"], "a b", "d").both_ends_exact
    assert not measures(["a b", "c"], "a", "c").both_ends_exact


def test_labels_are_those_of_the_grammar():
    broken = " ".join(FIRST.split()[::-1])
    steps = labelled([FIRST, FIRST, LAST, broken, LAST])
    assert [step.parses for step in steps] == [True, True, True, False, True]
    rows = list(sentences(2, seed=0))
    wanted = sum(rows[0][name] != rows[1][name] for name in ("frame", "tense", "polarity", "subject", "topic"))
    assert wanted > 1
    assert [step.labels_changed for step in steps] == [None, 0, wanted, None, None]
    assert steady_steps(steps) == (1, 4)


@pytest.mark.parametrize("beams", [1, 8])
@pytest.mark.parametrize("kind", ["slerp", "lerp", "density"])
def test_a_homotopy_walks_between_posterior_means(space, kind, beams):
    points = homotopy(space, FIRST, LAST, steps=5, kind=kind, beams=beams)
    assert [point.t for point in points] == [0, 0.25, 0.5, 0.75, 1]
    assert [points[0].text, points[-1].text] == space.reconstruct([FIRST, LAST])
    with pytest.raises(InputError, match="steps"):
        homotopy(space, FIRST, LAST, steps=1, kind=kind)


@pytest.mark.parametrize("kind", ["slerp", "lerp", "density"])
def test_a_steady_homotopy_goes_in_smaller_steps_by_sentences(shipped, kind):
    plain = homotopy(shipped, FIRST, LAST, steps=6, beams=4, kind=kind)
    found = steady_homotopy(shipped, FIRST, LAST, steps=6, beams=4, kind=kind)
    assert [found[0], found[-1]] == [plain[0], plain[-1]]
    texts, t = [point.text for point in found], [point.t for point in found]
    assert len(set(texts)) == len(texts) == 6
    assert t == sorted(t)
    assert all(identity(shipped, text) == text for text in texts)
    squares = [sum(word_edits(a, b) ** 2 for a, b in pairwise(its)) for its in (texts, [p.text for p in plain])]
    assert squares[0] < squares[1]
    with pytest.raises(InputError, match="steps must be at least 2"):
        steady_homotopy(shipped, FIRST, LAST, steps=1)


@given(texts=st.lists(WORDS, min_size=1, max_size=5))
def test_a_table_of_word_edits_holds_those_of_each_two(texts):
    assert all_word_edits(texts).tolist() == [[word_edits(a, b) for b in texts] for a in texts]


def test_identity_is_the_normal_form(space):
    assert identity(space, "  Take off\tthe tie. ") == "Take off the tie."
    with pytest.raises(InputError, match="empty"):
        identity(space, " ")


def test_figures_over_walks_state_what_they_are_of():
    walks = [Walk([(0.0, FIRST), (0.5, "No such."), (1.0, LAST)], FIRST, LAST, asked=True)]
    walks.append(Walk([(0.0, FIRST), (0.5, FIRST), (1.0, FIRST)], FIRST, FIRST, asked=False))
    rows, figures = judged(walks, {"source": "everyday"})
    assert (figures["both_ends_exact"], figures["both_ends_exact_of"]) == (1.0, 1)
    assert (figures["parse_fraction"], figures["parse_fraction_of"]) == (5 / 6, 6)
    assert (figures["parse_fraction_between_texts"], figures["parse_fraction_between_texts_of"]) == (2 / 3, 3)
    assert (figures["parse_fraction_between_draws"], figures["parse_fraction_between_draws_of"]) == (1.0, 3)
    assert (figures["at_most_one_label"], figures["at_most_one_label_of"]) == (0.5, 4)
    assert (figures["distinct_median"], figures["distinct_median_of"]) == (2, 3)
    assert [row["parses"] for row in rows[0]] == [True, False, True]
    assert rows[0][1]["frame"] == ""
    assert rows[1][1]["labels_changed"] == 0


def test_other_data_have_no_labels():
    rows, figures = judged([Walk([(0.0, "a"), (1.0, "b")], "a", "b", asked=True)], {"source": "tatoeba"})
    assert rows == [[{"t": 0.0, "text": "a"}, {"t": 1.0, "text": "b"}]]
    assert "parse_fraction" not in figures


def test_a_filled_path_has_no_sentence_twice_and_the_same_ends(space):
    plain = homotopy(space, FIRST, LAST, steps=5, beams=1)
    found = homotopy(space, FIRST, LAST, steps=5, beams=1, most=12)
    assert homotopy(space, FIRST, LAST, steps=5, beams=1, most=5) == plain
    texts = [point.text for point in found]
    assert len(set(texts)) == len(texts) <= 12
    assert (texts[0], texts[-1]) == (plain[0].text, plain[-1].text)
    assert {point.t for point in found} - {point.t for point in plain}
