import json
import math

import pytest

from benchmarks import paths, record
from benchmarks.paths import LEAST_EDITS, MOST_WORDS, STEPS, figures_of, pairs, ways
from vaetext.everyday import sentences
from vaetext.ngram import NgramModel
from vaetext.paths import word_edits
from vaetext.sentence import word_count

TEXTS = [row["text"] for row in sentences(300, seed=0)]


def test_pairs_are_short_and_unlike_and_hold_no_sentence_twice():
    found = list(pairs([*TEXTS, " ".join(["long"] * 30)], 20))
    assert len(found) == 20
    assert found == list(pairs([*TEXTS, " ".join(["long"] * 30)], 20))
    assert len({text for pair in found for text in pair}) == 40
    assert all(word_edits(*pair) >= LEAST_EDITS for pair in found)
    assert max(word_count(text) for pair in found for text in pair) <= MOST_WORDS
    assert list(pairs(TEXTS[:1], 5)) == []


def test_figures_by_hand():
    language = NgramModel(["a b c", "a b d"], order=2)
    some = [("a b c", "x y z"), ("a b c", "a b d")]
    found = figures_of([["a b c", "a b z", "x y z"], ["a b d", "a b d", "", "a b d"]], some, language, real=2.0)
    assert found["both_ends_exact"] == 0.5
    assert found["distinct_median"] == 2.5
    assert found["paths_of_8_distinct"] == 0
    assert found["length_ratio_median"] == pytest.approx((3 / 3 + 6 / 1) / 2)
    assert found["empty"] == pytest.approx(1 / 3)
    assert found["with_unknown"] == 0
    told = language.perplexity(["a b z", "a b d", ""])
    assert (found["perplexity_ratio"], found["unseen_words"]) == (told.value / 2, told.unseen / told.of)
    assert math.isfinite(found["perplexity_ratio"])


def test_sentences_with_unknown_words_are_counted_the_ends_too():
    language, some = NgramModel(["a b c"], order=2), [("a b c", "x y z")]
    walked = [["a <unk> c", "a b z", "<unk> <unk> z", "x y z"]]
    assert figures_of(walked, some, language, real=2.0)["with_unknown"] == 2


def test_every_way_has_its_points_and_the_straight_line_has_the_reconstructions_at_its_ends(subject):
    pair = tuple(subject.space.texts(["The old sailor sold the house yesterday.", "Nobody wants a castle too early."]))
    found = {name: way(pair) for name, way in ways(subject.space).items()}
    assert found.keys() == paths.SEARCHED.keys() == {"steady", "plain", "straight_line"}
    assert all(len(points) == STEPS == 11 for points in found.values())
    assert [found["straight_line"][0], found["straight_line"][-1]] == subject.space.reconstruct(pair)


def test_all_rows_are_of_the_same_pairs_and_a_wider_search_is_another(subject, model, small_bench, monkeypatch):
    monkeypatch.setattr(paths.Bench, "of", lambda name: small_bench)
    monkeypatch.setattr(paths, "pairs", lambda held_out: pairs(held_out, 2))
    asked = []

    def noted(name, last):
        return lambda pair: asked.append(name) or [pair[0]] * 5 + [last or pair[1]]

    monkeypatch.setattr(paths, "ways", lambda space: {name: noted(name, name[:5]) for name in paths.SEARCHED})
    paths.main(model)
    assert asked == ["steady"] * 2 + ["plain"] * 2 + ["straight_line"] * 2
    found = json.loads((record.RESULTS / "paths_tatoeba.json").read_text(encoding="utf-8"))["figures"]
    some = list(pairs(small_bench.texts("test", 300), 2))
    unrefined = sum(tuple(subject.space.reconstruct(pair)) == pair for pair in some) / 2
    for name in paths.SEARCHED:
        assert (found[name]["both_ends_exact"], found[name]["both_ends_exact_unrefined"]) == (0, unrefined)
    assert found["perplexity_of_text"] > 1
    monkeypatch.setitem(paths.SEARCHED, "plain", " 7")
    paths.main(model)
    assert asked[6:] == ["plain"] * 2
