"""All groups of ``everyday``: those of the lexicon, and what they share in families."""

import functools
from collections.abc import Collection, Iterator
from dataclasses import replace

from vaetext.english import Forms
from vaetext.everyday_lexicon import Choices, Group, own_groups, table, words

RARE = 0.1  # share of what a group borrows from its family


@functools.cache
def groups() -> dict[str, Group]:
    """All groups by name; ``topic.group+1`` holds what verbs of ``topic.group`` borrow."""
    found = dict(own_groups())
    taken = {(verb.base, noun) for group in found.values() for verb in group.verbs for noun in group.objects}
    for entry in table("everyday_families.toml").values():
        members = [found[name] for name in entry["groups"].split()]
        adjectives, places = words(entry.get("adjectives", "")), words(entry.get("places", ""))
        wider = [
            replace(
                member,
                adjectives=_usually(member.adjectives, adjectives),
                places=_usually(member.places, places) if member.places else (),
            )
            for member in members
        ]
        found |= {group.name: group for group in wider}
        found |= {group.name: group for group in _borrowing(wider, words(entry.get("verbs", "")), taken)}
    return found


def _usually(own: Choices, shared: Collection[str]) -> Choices:
    """A group's own choices, and rarely those of its family."""
    taken = {text for _, text in own}
    others = [text for text in shared if text not in taken]
    rare = RARE if own else 1.0
    total = sum(weight for weight, _ in own)
    return (
        *((weight / total * (1 - rare if others else 1.0), text) for weight, text in own),
        *((rare / len(others), text) for text in others),
    )


def _borrowing(members: list[Group], verbs: Collection[str], taken: set[tuple[str, str]]) -> Iterator[Group]:
    """Groups of the verbs that take any object of the family, each pair once: no sentence gets a second derivation."""
    numbers = dict.fromkeys(number for member in members for number in member.nouns)
    objects = {noun: number for number in numbers for member in members for noun in member.nouns.get(number, ())}
    for member in members:
        takers: dict[tuple[tuple[str, str], ...], list[Forms]] = {}
        for verb in (verb for verb in member.verbs if verb.base in verbs):
            new = {noun: number for noun, number in objects.items() if (verb.base, noun) not in taken}
            taken |= {(verb.base, noun) for noun in new}
            if new:
                takers.setdefault(tuple(new.items()), []).append(verb)
        for i, (new, forms) in enumerate(takers.items(), start=1):
            nouns = {n: found for n in numbers if (found := tuple(noun for noun, number in new if number == n))}
            yield replace(member, name=f"{member.name}+{i}", verbs=tuple(forms), nouns=nouns, own={}, share=RARE)
