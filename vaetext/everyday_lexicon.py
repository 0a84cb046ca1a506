"""The lexicon of ``everyday`` as its grammar wants it: verbs with their forms, nouns by number."""

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from vaetext.english import WITHOUT_DEGREES, Forms, conjugate, plural

Choices = tuple[tuple[float, str], ...]
Nouns = dict[str, tuple[str, ...]]
# Who a pronoun or phrase agrees with: its own pronouns, and the class that verbs distinguish.
AGREEMENT = {"i": "i", "you": "pl", "we": "pl", "they": "pl", "he": "sg", "she": "sg", "it": "sg"}
OBJECTIVE = {"i": "me", "you": "you", "we": "us", "they": "them", "he": "him", "she": "her", "it": "it"}
POSSESSIVE = {"i": "my", "you": "your", "we": "our", "they": "their", "he": "his", "she": "her", "it": "its"}
KINDS = ("practice", "routine", "task", "accident")


@dataclass(frozen=True)
class Group:
    """What can be done with the same things.

    Any verb goes with any object, place and manner of the group.

    Attributes:
        name: ``topic.group``, unique.
        doer: The class of subjects.
        kind: One of ``KINDS``.
        nouns: The objects by number: ``sg``, ``pl``, ``mass``, ``the`` (only definite), ``kin`` (only possessive)
            and ``fixed`` (no determiner); empty for a group without objects.
        own: The objects that no earlier group has, by number: where there is no verb, they alone tell the topic.
        share: Of its verbs, how often they are drawn with these objects.
    """

    name: str
    topic: str
    doer: str
    kind: str
    traits: frozenset[str]
    verbs: tuple[Forms, ...]
    nouns: Nouns
    own: Nouns
    adjectives: Choices
    places: Choices
    manners: tuple[str, ...]
    share: float = 1.0

    @property
    def objects(self) -> set[str]:
        """The objects of every number."""
        return {noun for nouns in self.nouns.values() for noun in nouns}

    @property
    def weight(self) -> float:
        """How often a group is drawn: by its verbs, so that all their forms occur; less often without objects."""
        return self.share * len(self.verbs) * (1.0 if self.nouns else 0.45)

    def weight_of(self, number: str) -> float:
        """The part of the weight that falls on the objects of one number."""
        return self.weight * len(self.nouns[number]) / sum(map(len, self.nouns.values()))

    @property
    def gradable(self) -> Choices:
        """The adjectives that have degrees."""
        return tuple((weight, text) for weight, text in self.adjectives if text not in WITHOUT_DEGREES)


@dataclass(frozen=True)
class Scene:
    """Things that are somewhere: any thing can be in any place."""

    topic: str
    things: tuple[str, ...]
    plurals: tuple[str, ...]
    adjectives: Choices
    places: Choices


@dataclass(frozen=True)
class Subjects:
    """Phrases that agree alike and carry the same label."""

    weight: float
    who: str
    label: str
    phrases: Choices


@functools.cache
def own_groups() -> dict[str, Group]:
    """The groups of the lexicon by name."""
    found: dict[str, Group] = {}
    taken: set[str] = set()
    for topic, entries in table("everyday_lexicon.toml").items():
        for name, entry in entries.items():
            group = _group(topic, name, entry, taken)
            found[group.name] = group
            taken |= group.objects
    return found


@functools.cache
def own_scenes() -> dict[str, Scene]:
    """The scenes of the lexicon by name."""
    return {
        name: Scene(
            topic=entry["topic"],
            things=words(entry["things"]),
            plurals=tuple(map(plural, words(entry["things"]))),
            adjectives=even(words(entry["adjectives"])),
            places=even(words(entry["places"])),
        )
        for name, entry in table("everyday_scenes.toml").items()
    }


@functools.cache
def subjects() -> dict[str, tuple[Subjects, ...]]:
    """The subjects of each class; their weights sum to one."""
    rows_of = table("everyday_frames.toml")["subjects"]
    total = {doer: sum(row[0] for row in rows) for doer, rows in rows_of.items()}
    return {
        doer: tuple(Subjects(row[0] / total[doer], row[1], row[2], choices(row[3])) for row in rows)
        for doer, rows in rows_of.items()
    }


@functools.cache
def frames() -> dict[str, tuple[str, ...]]:
    """The rows of each frame."""
    rows_of = table("everyday_frames.toml")["frames"]
    return {name: (rows,) if isinstance(rows, str) else tuple(rows) for name, rows in rows_of.items()}


@functools.cache
def phrases() -> dict[str, Choices]:
    """The phrase lists by name."""
    return {name: choices(text) for name, text in table("everyday_frames.toml")["phrases"].items()}


@functools.cache
def weights(kind: str) -> dict[str, float]:
    """One of the tables of weights: ``tenses``, ``polarities`` or ``weights`` (of frames)."""
    return table("everyday_frames.toml")[kind]


def choices(text: str) -> Choices:
    """The choices of a text such as ``"a | 2*b"`` with their weights."""
    result = []
    for part in text.split("|") if "<" not in text else _split_outside_symbols(text):
        weight, star, phrase = part.strip().rpartition("*")
        result.append((float(weight) if star else 1.0, phrase))
    return tuple(result)


def _split_outside_symbols(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character == "<") - (character == ">")
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _group(topic: str, name: str, entry: dict[str, str], taken: set[str]) -> Group:
    count = words(entry.get("count", ""))
    nouns = {
        "sg": count,
        "pl": (*map(plural, count), *words(entry.get("plural", ""))),
        **{number: words(entry.get(number, "")) for number in ("mass", "the", "kin", "fixed")},
    }
    kind = entry.get("kind", "practice")
    if kind not in KINDS:
        raise ValueError(f"kind of group {topic}.{name} must be one of {KINDS}, got {kind!r}")
    return Group(
        name=f"{topic}.{name}",
        topic=topic,
        doer=entry.get("class", "people"),
        kind=kind,
        traits=frozenset(entry.get("traits", "").split()),
        verbs=tuple(map(conjugate, words(entry["verbs"]))),
        nouns={number: words for number, words in nouns.items() if words},
        own={number: new for number, words in nouns.items() if (new := tuple(w for w in words if w not in taken))},
        adjectives=even(words(entry.get("adjectives", ""))),
        places=even(words(entry.get("places", ""))),
        manners=words(entry.get("how", "")),
    )


def even(texts: Iterable[str]) -> Choices:
    """All texts equally likely."""
    return tuple((1.0, text) for text in texts)


def words(text: str) -> tuple[str, ...]:
    """The entries of a list such as ``"a, b c"``."""
    return tuple(word.strip() for word in text.split(",")) if text else ()


@functools.cache
def table(name: str) -> dict[str, dict]:
    """One of the files of the lexicon."""
    return tomllib.loads(resources.files("vaetext").joinpath(name).read_text(encoding="utf-8"))
