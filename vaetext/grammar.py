"""Phrase grammars with weights and labels: drawing sentences, exact parsing, exact entropy.

A grammar is a finite set of rules ``symbol -> items`` with a probability; an item is a word or another symbol, and no
symbol derives itself, so every quantity here is a finite sum. A rule may carry labels; the labels of a sentence are
those of all rules of its derivation.
"""

import math
import random
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

Labels = frozenset[tuple[str, str]]
NO_LABELS: Labels = frozenset()


class Rule(NamedTuple):
    """One way of expanding a symbol; items that start with ``<`` are symbols, all others are words."""

    weight: float
    items: tuple[str, ...]
    labels: Labels = NO_LABELS


class Parse(NamedTuple):
    """All derivations of a text that carry the same labels."""

    labels: dict[str, str]
    probability: float
    derivations: int


@dataclass(slots=True)
class _Node:
    """A point in the prefix tree of a symbol's rules."""

    words: "dict[str, _Node]" = field(default_factory=dict)
    symbols: "dict[str, _Node]" = field(default_factory=dict)
    ends: list[tuple[float, Labels]] = field(default_factory=list)
    # The symbols that can start with a word, filled on demand.
    starting: "dict[str, list[tuple[str, _Node]]]" = field(default_factory=dict)


class Grammar:
    """The rules reachable from a start symbol.

    Attributes:
        rules: The rules of each symbol, their weights normalised to probabilities.
        words: Every word of the language.
    """

    def __init__(self, start: str, expand: Callable[[str], Sequence[Rule]]) -> None:
        """Collect the rules.

        Args:
            start: The symbol of a whole sentence.
            expand: The rules of a symbol, none of them empty; their weights need not sum to one.

        Raises:
            ValueError: A symbol has no rules or derives itself.
        """
        self.start = start
        self.rules: dict[str, list[Rule]] = {}
        self._order: list[str] = []  # a symbol comes after all the symbols in its rules
        self._collect(start, expand, [])
        self.words = {item for rules in self.rules.values() for rule in rules for item in rule.items if item[0] != "<"}
        self._cumulative = {symbol: list(accumulate(r.weight for r in rules)) for symbol, rules in self.rules.items()}
        self._first: dict[str, set[str]] = {}
        for symbol in self._order:
            heads = (rule.items[0] for rule in self.rules[symbol])
            self._first[symbol] = {word for head in heads for word in self._first.get(head, (head,))}
        self._trees = {symbol: _tree(rules) for symbol, rules in self.rules.items()}

    def _collect(self, symbol: str, expand: Callable[[str], Sequence[Rule]], above: list[str]) -> None:
        if symbol in above:
            raise ValueError(f"symbol {symbol!r} must not derive itself; it does by way of {above!r}")
        if symbol in self.rules:
            return
        rules: dict[tuple[tuple[str, ...], Labels], float] = {}
        for weight, items, labels in expand(symbol):
            rules[items, labels] = rules.get((items, labels), 0.0) + weight
        total = sum(rules.values())
        if total <= 0 or () in [items for items, _ in rules]:
            raise ValueError(f"symbol {symbol!r} must have rules and none of them empty; got {rules!r}")
        for item in dict.fromkeys(item for items, _ in rules for item in items if item[0] == "<"):
            self._collect(item, expand, [*above, symbol])
        self.rules[symbol] = [Rule(weight / total, *rule) for rule, weight in rules.items() if weight]
        self._order.append(symbol)

    def draw(self, source: random.Random) -> tuple[list[str], dict[str, str]]:
        """Draw the words of one sentence, and its labels."""
        words: list[str] = []
        labels: dict[str, str] = {}
        agenda = [self.start]
        while agenda:
            item = agenda.pop()
            if item[0] != "<":
                words.append(item)
                continue
            cumulative = self._cumulative[item]
            rule = self.rules[item][min(bisect(cumulative, source.random()), len(cumulative) - 1)]
            labels.update(rule.labels)
            agenda.extend(reversed(rule.items))
        return words, labels

    def parse(self, words: Sequence[str]) -> list[Parse]:
        """All parses of a sequence of words, the most probable first; empty if the language does not hold it."""
        spans = _Chart(self, words).spans(self.start, 0)
        parses = [Parse(dict(sorted(labels)), p, n) for end, labels, p, n in spans if end == len(words)]
        return sorted(parses, key=lambda parse: -parse.probability)

    def entropy(self) -> float:
        r"""Entropy of a derivation in nats: exact, and that of a sentence where no sentence has two derivations.

        $H(s) = \sum_r p_r \left(-\ln p_r + \sum_{i \in r} H(i)\right)$ over the rules $r$ of symbol $s$.

        References:
            Grenander (1967), Syntax-Controlled Probabilities, Brown University; Soule (1974), Entropies of
            probabilistic grammars, Information and Control 25(1), https://doi.org/10.1016/S0019-9958(74)90799-2
        """
        entropies: dict[str, float] = {}
        for symbol in self._order:
            entropies[symbol] = sum(
                rule.weight * (sum(entropies.get(item, 0.0) for item in rule.items) - math.log(rule.weight))
                for rule in self.rules[symbol]
            )
        return entropies[self.start]

    def starting(self, node: _Node, word: str) -> list[tuple[str, _Node]]:
        """The symbols that may follow at ``node`` and can start with ``word``."""
        if word not in node.starting:
            node.starting[word] = [(s, child) for s, child in node.symbols.items() if word in self._first[s]]
        return node.starting[word]

    def tree(self, symbol: str) -> _Node:
        """The prefix tree of a symbol's rules."""
        return self._trees[symbol]


# Where a symbol ends, its labels, the probability of all its derivations, and their number.
_Span = tuple[int, Labels, float, int]


class _Chart:
    """The spans found in one sentence: top-down, each symbol at each place once."""

    def __init__(self, grammar: Grammar, words: Sequence[str]) -> None:
        self._grammar = grammar
        self._words = [*words, ""]
        self._found: dict[tuple[str, int], list[_Span]] = {}

    def spans(self, symbol: str, start: int) -> list[_Span]:
        """The ways in which ``symbol`` can start at ``start``."""
        found = self._found.get((symbol, start))
        if found is None:
            found = self._found[symbol, start] = _merged(self._walk(symbol, start))
        return found

    def _walk(self, symbol: str, start: int) -> list[_Span]:
        complete: list[_Span] = []
        agenda = [(self._grammar.tree(symbol), start, NO_LABELS, 1.0, 1)]
        while agenda:
            node, at, labels, probability, derivations = agenda.pop()
            for weight, own in node.ends:
                complete.append((at, labels | own if own else labels, probability * weight, derivations))
            word = self._words[at]
            if word in node.words:
                agenda.append((node.words[word], at + 1, labels, probability, derivations))
            for item, child in self._grammar.starting(node, word):
                for end, more, p, n in self.spans(item, at):
                    agenda.append((child, end, labels | more if more else labels, probability * p, derivations * n))
        return complete


def _merged(spans: list[_Span]) -> list[_Span]:
    """One span for those that have the same end and the same labels."""
    if len(spans) < 2:
        return spans
    found: dict[tuple[int, Labels], tuple[float, int]] = {}
    for end, labels, probability, derivations in spans:
        p, n = found.get((end, labels), (0.0, 0))
        found[end, labels] = (p + probability, n + derivations)
    return [(*key, *value) for key, value in found.items()]


def _tree(rules: Sequence[Rule]) -> _Node:
    root = _Node()
    for rule in rules:
        node = root
        for item in rule.items:
            branch = node.symbols if item[0] == "<" else node.words
            node = branch.setdefault(item, _Node())
        node.ends.append((rule.weight, rule.labels))
    return root


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Labels in the form that rules carry."""
    return frozenset(labels.items())
