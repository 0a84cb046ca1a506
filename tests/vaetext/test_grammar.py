import itertools
import math
import random

import pytest

from vaetext.grammar import Grammar, Rule, labels_of

RULES = {
    "<s>": [
        Rule(3, ("<who>", "<does>"), labels_of({"frame": "statement"})),
        Rule(1, ("does", "<who>", "<do>"), labels_of({"frame": "question"})),
    ],
    "<who>": [Rule(1, ("anna",), labels_of({"who": "name"})), Rule(2, ("the", "<dog>"), labels_of({"who": "animal"}))],
    "<dog>": [Rule(1, ("dog",)), Rule(1, ("old", "dog"))],
    "<does>": [Rule(1, ("sleeps",)), Rule(4, ("sees", "<who>"))],
    "<do>": [Rule(1, ("sleep",))],
}
UNLABELLED = {symbol: [Rule(rule.weight, rule.items) for rule in rules] for symbol, rules in RULES.items()}


def all_sentences(rules, symbol="<s>"):
    """Every derivation, slowly: words and probability."""
    total = sum(rule.weight for rule in rules[symbol])
    for weight, items, _ in rules[symbol]:
        parts = [list(all_sentences(rules, i)) if i[0] == "<" else [((i,), 1.0)] for i in items]
        for choice in itertools.product(*parts):
            words = tuple(word for part, _ in choice for word in part)
            yield words, weight / total * math.prod(p for _, p in choice)


def probability(grammar, words):
    return sum(parse.probability for parse in grammar.parse(words))


def test_the_probabilities_of_all_sentences_sum_to_one():
    grammar = Grammar("<s>", UNLABELLED.__getitem__)
    language = dict(all_sentences(UNLABELLED))
    assert len(language) == 15
    assert sum(probability(grammar, words) for words in language) == pytest.approx(1, abs=1e-12)
    assert {words: probability(grammar, words) for words in language} == pytest.approx(language)


def test_entropy_is_that_of_the_language():
    expected = -sum(p * math.log(p) for _, p in all_sentences(UNLABELLED))
    assert Grammar("<s>", UNLABELLED.__getitem__).entropy() == pytest.approx(expected, abs=1e-12)


def test_what_is_drawn_parses_to_its_labels():
    grammar = Grammar("<s>", lambda symbol: RULES[symbol] if symbol != "<does>" else RULES[symbol][:1])
    source = random.Random(0)
    for _ in range(200):
        words, labels = grammar.draw(source)
        (parse,) = grammar.parse(words)
        assert parse.labels == labels
        assert parse.derivations == 1
    assert set(labels) == {"frame", "who"}


def test_draws_follow_the_probabilities():
    grammar, source = Grammar("<s>", UNLABELLED.__getitem__), random.Random(1)
    drawn = [tuple(grammar.draw(source)[0]) for _ in range(4_000)]
    for words, p in all_sentences(UNLABELLED):
        assert drawn.count(words) / len(drawn) == pytest.approx(p, abs=4 * math.sqrt(p / len(drawn)))


@pytest.mark.parametrize(
    "words",
    [[], ["anna"], ["anna", "sleeps", "sleeps"], ["sleeps", "anna"], ["the", "old"], ["anna", "flies"], ["<who>"]],
)
def test_other_words_do_not_parse(words):
    assert Grammar("<s>", UNLABELLED.__getitem__).parse(words) == []


def test_two_derivations_are_counted_and_their_probabilities_added():
    rules = {"<s>": [Rule(1, ("<a>",)), Rule(3, ("<b>",))], "<a>": [Rule(1, ("x",))], "<b>": [Rule(1, ("x",))]}
    (parse,) = Grammar("<s>", rules.__getitem__).parse(["x"])
    assert (parse.derivations, parse.probability) == (2, pytest.approx(1))


def test_readings_with_other_labels_are_told_apart():
    rules = {"<s>": [Rule(1, ("x",), labels_of({"a": "1"})), Rule(3, ("x",), labels_of({"a": "2"}))]}
    assert [(p.labels, p.probability) for p in Grammar("<s>", rules.__getitem__).parse(["x"])] == [
        ({"a": "2"}, 0.75),
        ({"a": "1"}, 0.25),
    ]


def test_the_same_rule_twice_is_one_rule():
    grammar = Grammar("<s>", {"<s>": [Rule(1, ("x",)), Rule(1, ("x",)), Rule(2, ("y",))]}.__getitem__)
    assert grammar.entropy() == pytest.approx(math.log(2))
    assert grammar.parse(["x"])[0].derivations == 1


def test_a_symbol_that_derives_itself_is_refused():
    with pytest.raises(ValueError, match="'<a>' must not derive itself"):
        Grammar("<s>", {"<s>": [Rule(1, ("<a>",))], "<a>": [Rule(1, ("x", "<a>"))]}.__getitem__)


@pytest.mark.parametrize("rules", [[], [Rule(0, ("x",))], [Rule(1, ())]])
def test_a_symbol_without_rules_or_with_an_empty_one_is_refused(rules):
    with pytest.raises(ValueError, match="'<s>' must have rules and none of them empty"):
        Grammar("<s>", {"<s>": rules}.__getitem__)
