"""All groups and scenes of ``everyday``: those of the lexicon, and what they share in families."""

import functools
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TypeVar

from vaetext.english import Forms
from vaetext.everyday_lexicon import Choices, Group, Scene, own_groups, own_scenes, table, words

Member = TypeVar("Member", Group, Scene)
RARE = 0.1  # share of what a group borrows from its family


@functools.cache
def groups() -> dict[str, Group]:
    """All groups by name; ``topic.group+family1`` holds what verbs of ``topic.group`` borrow in a family."""
    found = _in_families("groups", own_groups())
    taken = {(verb.base, noun) for group in found.values() for verb in group.verbs for noun in group.objects}
    for family, entry in table("everyday_families.toml").items():
        members = [found[name] for name in entry.get("groups", "").split()]
        found |= {group.name: group for group in _borrowing(family, members, words(entry.get("verbs", "")), taken)}
    return found


@functools.cache
def scenes() -> dict[str, Scene]:
    """All scenes by name."""
    return _in_families("scenes", own_scenes())


def _in_families(kind: str, own: dict[str, Member]) -> dict[str, Member]:
    """Groups or scenes with what their families add to each; all families before anything is borrowed."""
    found = dict(own)
    for entry in table("everyday_families.toml").values():
        found |= {name: _wider(found[name], entry) for name in entry.get(kind, "").split()}
    return found


def _wider(member: Member, family: dict[str, str]) -> Member:
    adjectives, places = (words(family.get(part, "")) for part in ("adjectives", "places"))
    return replace(member, adjectives=_usually(member.adjectives, adjectives), places=_usually(member.places, places))


def _usually(own: Choices, shared: Collection[str]) -> Choices:
    """A group's own choices, and rarely those of its family; a group without any needs none."""
    taken = {text for _, text in own}
    others = [text for text in shared if text not in taken]
    if not own or not others:
        return own
    total = sum(weight for weight, _ in own)
    return (
        *((weight / total * (1 - RARE), text) for weight, text in own),
        *((RARE / len(others), text) for text in others),
    )


def _borrowing(
    family: str, members: list[Group], verbs: Collection[str], taken: set[tuple[str, str]]
) -> Iterator[Group]:
    """Groups of the verbs that take any object of the family, which tells the topic.

    Each pair of verb and object is there once: no sentence gets a second derivation.
    """
    numbers = dict.fromkeys(number for member in members for number in member.nouns)
    objects = {
        noun: (number, member.topic)
        for number in numbers
        for member in members
        for noun in member.nouns.get(number, ())
    }
    for member in members:
        takers: dict[tuple[str, float, tuple[str, ...]], list[Forms]] = {}
        for verb in (verb for verb in member.verbs if verb.base in verbs):
            new = [noun for noun in objects if (verb.base, noun) not in taken]
            taken |= {(verb.base, noun) for noun in new}
            for topic in dict.fromkeys(objects[noun][1] for noun in new):
                theirs = tuple(noun for noun in new if objects[noun][1] == topic)
                takers.setdefault((topic, RARE * len(theirs) / len(new), theirs), []).append(verb)
        for i, ((topic, share, theirs), forms) in enumerate(takers.items(), start=1):
            nouns = {n: found for n in numbers if (found := tuple(noun for noun in theirs if objects[noun][0] == n))}
            name = f"{member.name}+{family}{i}"
            yield replace(member, name=name, topic=topic, verbs=tuple(forms), nouns=nouns, own={}, share=share)
