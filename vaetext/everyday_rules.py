"""The rules of ``everyday``: what each symbol of its frames stands for.

A frame fixes tense and polarity and loops over what is left open (class and person of the subject, group and number of
the object, scene), so that agreement and sense hold by construction.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence

from vaetext import everyday_verbs as verbs
from vaetext.everyday_families import groups, scenes
from vaetext.everyday_lexicon import Group, Subjects, frames, subjects, weights
from vaetext.everyday_objects import WILLESS, liking, part_of_group, part_of_scene, share_of, verb_phrase, written
from vaetext.everyday_templates import NUMBERS, POLARITIES, Features, choose, fill, open_features, symbol
from vaetext.grammar import Rule, labels_of

START = "<sentence>"
WHERE = 0.04  # share of the verb phrases that say the place where a frame leaves it open


@functools.cache
def expand(text: str) -> tuple[Rule, ...]:
    """The rules of a symbol; none if nothing in the lexicon fits."""
    name, arguments, at = symbol(text)
    return tuple(rule for rule in _rules(name, arguments, at) if rule.weight > 0)


def _rules(name: str, arguments: tuple[str, ...], at: Features) -> Iterable[Rule]:
    match name:
        case "sentence":
            return _frames()
        case "frame":
            return (rule for row in frames()[arguments[0]] for rule in _frame(row))
        case "clause":
            return _clause(arguments, at)
        case "question":
            return _question(arguments, at)
        case "inverted":
            return _inverted(at)
        case "subject" | "anyone" | "somebody" | "agent":
            return _subject(name, at)
        case "predicate":
            return _predicate(arguments, at)
        case "vp" if "where" in arguments:
            return _where([argument for argument in arguments if argument != "where"], at)
        case "vp":
            return verb_phrase(arguments[0], arguments[1:], at)
        case "does":
            form = "s" if at["agreement"] == "sg" else "plain"
            items = fill(f"<vp:{':'.join((form, *arguments))}>", at)
            return [Rule(_size(items), items)]
        case "finite":
            return (rule for verb in arguments[0].split("|") for rule in written(verbs.finite(verb, at)))
        case "invert":
            return written(((1.0, verbs.inverted_auxiliary(at, arguments[0])),))
        case "tag":
            return written(((1.0, verbs.tag(at)),))
        case "liking":
            return liking()
        case _ if "scene" in at:
            return part_of_scene(name, at)
        case _ if "group" in at:
            return part_of_group(name, arguments, groups()[at["group"]], at)
        case _:
            return written(choose(name, at), at)


def _where(arguments: Sequence[str], at: Features) -> Iterator[Rule]:
    """Verb phrases of which some say the place."""
    for share, ending in ((1 - WHERE, ""), (WHERE, ":place")):
        items = fill(f"<vp:{':'.join(arguments)}{ending}>", at)
        yield Rule(share * _size(items), items)


def _size(items: Sequence[str]) -> float:
    """How many verb phrases a template can hold, by weight; 0 if one of its symbols has no rules."""
    total = 1.0
    for item in (item for item in items if item[0] == "<"):
        weight = sum(rule.weight for rule in expand(item))
        total *= weight if symbol(item).name in ("predicate", "vp", "does") else bool(weight)
    return total


# Frames.


def _frames() -> Iterator[Rule]:
    for frame in frames():
        yield Rule(weights("weights").get(frame, 1.0), (f"<frame:{frame}>",), labels_of({"frame": frame}))


def _frame(row: str) -> Iterator[Rule]:
    header, _, template = row.partition(": ")
    options = dict(word.split("=") for word in header.split() if "=" in word)
    subject = {"subject": options.pop("subject")} if "subject" in options else {}
    for word in (word for word in header.split() if "=" not in word):
        tense, sign = word.rstrip("+-"), word[-1]
        for polarity in POLARITIES:
            if sign not in "+-" or (sign == "+") == (polarity == "affirmative"):
                at = options | {"tense": tense, "polarity": polarity}
                weight = weights("tenses")[tense] * weights("polarities")[polarity]
                labels = labels_of(subject | {"tense": tense, "polarity": polarity})
                filled = list(_filled(template, at))
                total = sum(rule.weight for rule in filled)
                yield from (Rule(weight * r.weight / total, r.items, r.labels | labels) for r in filled)


def _filled(template: str, at: Features) -> Iterator[Rule]:
    open_ = open_features(template) - set(at)
    for weight, own, labels in _things(open_, at):
        for share, doer in _doers(open_ - set(own), at):
            items = fill(template, at | own | doer)
            yield Rule(weight * share * _size(items), items, labels_of(labels))


def _things(open_: frozenset[str], at: Features) -> Iterator[tuple[float, Features, dict[str, str]]]:
    """Weights, features and labels of the objects that a frame speaks of."""
    numbers = [at["number"]] if "number" in at else NUMBERS
    if "group" in open_:
        for group in (group for group in groups().values() if _wanted(group, at)):
            for number in (number for number in numbers if number in group.nouns):
                features = {"group": group.name, "number": number, "who": _agreement_of(number)}
                for doer in dict.fromkeys((group.doer, "people")) if "class" in open_ else (group.doer,):
                    weight = group.weight_of(number) * share_of(group, doer)
                    if weight:
                        yield weight, features | {"class": doer}, {"topic": group.topic}
    elif "scene" in open_:
        for name, scene in scenes().items():
            for number in ("sg", "pl"):
                features = {"scene": name, "number": number}
                # Where there is a subject besides the thing, the verb agrees with the subject.
                agreement = {} if "class" in at else {"who": _agreement_of(number)}
                yield 1.0, features | agreement, {"topic": scene.topic}
    else:
        yield 1.0, {}, {}


def _wanted(group: Group, at: Features) -> bool:
    """Whether a group is what a frame asks for by its options ``doer`` and ``trait``."""
    return at.get("doer", group.doer) == group.doer and ("trait" not in at or at["trait"] in group.traits)


def _agreement_of(number: str) -> str:
    return "they" if number == "pl" else "it"


def _doers(open_: frozenset[str], at: Features) -> Iterator[tuple[float, Features]]:
    """Weights and features of the subjects that a frame leaves open."""
    if not open_ & {"class", "who"}:
        yield 1.0, {}
        return
    humans = [doer for doer in subjects() if doer not in WILLESS]
    for doer in [at["class"]] if "class" in at else humans:
        whos = _shares(subjects()[doer]) if "who" in open_ else {at.get("who", ""): 1.0}
        yield from ((share, {"class": doer, "who": who} if who else {"class": doer}) for who, share in whos.items())


def _shares(rows: Iterable[Subjects]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for row in rows:
        shares[row.who] = shares.get(row.who, 0.0) + row.weight
    return shares


# Clauses.


def _clause(arguments: tuple[str, ...], at: Features) -> Iterator[Rule]:
    template = f"<subject> <{':'.join(('predicate', *arguments))}>"
    for doer, rows in subjects().items():
        for who, share in _shares(rows).items():
            items = fill(template, at | {"class": doer, "who": who})
            yield Rule(share * _size(items), items)


def _question(arguments: tuple[str, ...], at: Features) -> Iterator[Rule]:
    form = verbs.AFTER_AUXILIARY[at["tense"]]
    template = f"<inverted> <vp:{':'.join((form, *arguments))}>"
    for doer in subjects():
        items = fill(template, at | {"class": doer})
        yield Rule(_size(items), items)


def _inverted(at: Features) -> Iterator[Rule]:
    """Auxiliary and subject; nobody asks "did I?" out of the blue."""
    for who, share in _shares(subjects()[at["class"]]).items():
        if who != "i":
            yield Rule(share * (2.5 if who == "you" else 1.0), fill("<invert:do> <subject>", at | {"who": who}))


def _predicate(arguments: tuple[str, ...], at: Features) -> Iterator[Rule]:
    bare = verbs.finite_form(at)
    phrase = ":".join((bare or verbs.AFTER_AUXILIARY[at["tense"]], *arguments))
    before = ((1.0, ""),) if bare else verbs.with_auxiliary(at)
    for weight, words in before:
        items = fill(f"{words} <vp:{phrase}>", at)
        yield Rule(weight / len(before) * _size(items), items)


def _subject(name: str, at: Features) -> Iterator[Rule]:
    """``subject`` is one person, ``anyone`` is all; ``somebody`` carries no label, ``agent`` is never a pronoun."""
    for row in subjects()[at["class"]]:
        if (name != "subject" or row.who == at["who"]) and (name != "agent" or row.label not in (row.who, "he_she")):
            labels = labels_of({"subject": row.label} if name in ("subject", "anyone") else {})
            total = sum(weight for weight, _ in row.phrases)
            for weight, text in row.phrases:
                yield Rule(row.weight * weight / total, fill(text, {}), labels)
