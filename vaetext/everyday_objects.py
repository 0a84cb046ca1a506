"""The verb phrases of ``everyday`` and their parts: whatever depends on a group or a scene of the lexicon."""

from collections.abc import Iterable, Iterator

from vaetext.english import comparative, superlative
from vaetext.everyday_families import RARE, groups, scenes
from vaetext.everyday_lexicon import Group, choices, even
from vaetext.everyday_templates import Features, fill
from vaetext.everyday_verbs import AFTER_AUXILIARY, FORMS, VOLUNTARY
from vaetext.grammar import Rule, labels_of

ADJECTIVE_SHARE = 0.45
# They act, but they do not plan, promise or enjoy, and nobody else does what they do.
WILLESS = {
    *("dog", "cat", "bird", "train", "machine", "shop", "team", "band"),
    *("it", "storm", "fog", "temperature"),
}
ODD_JOB = 0.01  # share of each thing that people do in what a worker does
DESCRIBED = 5.0  # weight of a thing in a scene with an adjective, against one without
ODD_FORM = 0.05  # weight of a form that a kind of group seldom has: tasks as habits, accidents in plans
# What stands before an object, by its number; before a subject; before things that are meant by their kind.
DETERMINERS = {
    "sg": "6*the | this | 0.7*that | 3*a",
    "pl": "6*the | these | 0.7*those",
    "mass": "6*the | 0.5*this | 4*",
    "the": "the",
    "kin": "<owner>",
    "fixed": "",
}
OF_THEMES = {"sg": "5*the | this", "pl": "5*the | these", "mass": "the", "the": "the", "kin": "<owner>", "fixed": ""}
OF_A_KIND = {"pl": "", "mass": "", "the": "the", "kin": "<owner>", "fixed": ""}
# What is done again and again is mostly done with things of a kind.
HABITUAL = OF_A_KIND | {"sg": "the | this", "pl": "9* | 0.5*the | 0.5*these", "mass": "9* | the"}


def written(texts: Iterable[tuple[float, str]], at: Features | None = None) -> Iterator[Rule]:
    """One rule for each text."""
    return (Rule(weight, fill(text, at or {})) for weight, text in texts)


def verb_phrase(form: str, wanted: tuple[str, ...], at: Features) -> Iterator[Rule]:
    """What a class of subjects can do: one rule for each group that has the form, the traits and the parts wanted."""
    _, kinds, generic = FORMS[form]
    for group in groups().values():
        weight = group.weight * share_of(group, at["class"]) * (1.0 if group.kind in kinds else ODD_FORM)
        if not weight or not _fits(group, wanted) or not _forms(group, form):
            continue
        template = f"<verb:{form}>"
        if group.nouns:
            template += " <np:habitual>" if generic and group.kind != "routine" else " <np>"
        template += "".join(f" <{part}>" for part in wanted if part in ("place", "how"))
        yield Rule(weight, fill(template, {"group": group.name}), labels_of({"topic": group.topic}))


def share_of(group: Group, doer: str) -> float:
    """How often a class of subjects does what a group is about; a cook can do what anybody does, but mostly cooks."""
    if group.doer == doer:
        return 1.0
    return 0.0 if {group.doer, doer} & WILLESS else RARE if doer == "people" else ODD_JOB


def _fits(group: Group, wanted: tuple[str, ...]) -> bool:
    voluntary = group.kind in VOLUNTARY
    has = {"place": group.places, "placed": group.places, "how": group.manners, "voluntary": voluntary}
    return all(has.get(part, part in group.traits) for part in wanted)


def part_of_group(name: str, arguments: tuple[str, ...], group: Group, at: Features) -> Iterable[Rule]:
    """The rules of a symbol that needs a group; none where the group has nothing to offer."""
    match name:
        case "verb":
            return _verb(group, arguments[0])
        case "done":
            tenseless = group.kind == "accident" and at["tense"] in ("future", "progressive")
            return () if tenseless or "active" in group.traits else _verb(group, "part")
        case "main":
            form = AFTER_AUXILIARY[at["tense"]]
            return _verb(group, form) if group.kind in FORMS[form][1] else ()
        case "np":
            return _noun_phrase(group, habitual="habitual" in arguments)
        case "object":
            return _determined(group, at["number"], OF_THEMES[at["number"]], "<noun>")
        case "theme":
            themes = _determined(group, at["number"], OF_THEMES[at["number"]], "<own>")
            return themes if at["number"] in group.own else ()
        case "noun":
            return written(even(group.nouns[at["number"]]))
        case "own":
            return written(even(group.own[at["number"]]))
        case "adjective":
            return written(group.adjectives)
        case "gradable":
            return written(group.gradable)
        case "comparative":
            return written((weight, comparative(text)) for weight, text in group.gradable)
        case "superlative":
            return written((weight, superlative(text)) for weight, text in group.gradable)
        case "quality":
            return written(choices("2*<gradable> | 3*<degree> <gradable>"), at) if group.gradable else ()
        case "place":
            return written(group.places)
        case "how":
            return written(even(group.manners))
        case _:
            raise ValueError(f"<{name}> must be a part of a group, a scene or a phrase; it is none of them")


def _verb(group: Group, form: str) -> Iterator[Rule]:
    return written(even(_forms(group, form)))


def _forms(group: Group, form: str) -> list[str]:
    field, _, _ = FORMS[form]
    # "They read it" could be either tense: such verbs have no present without "he" or "she".
    return [getattr(verb, field) for verb in group.verbs if form != "plain" or verb.base != verb.past]


def _noun_phrase(group: Group, *, habitual: bool) -> Iterator[Rule]:
    """The object of a verb."""
    for number, nouns in group.nouns.items():
        determiners = HABITUAL[number] if habitual else _determiners(group, number)
        weight = len(nouns) * (RARE if habitual and number == "sg" else 1.0)
        for adjective, share in _with_adjective(group):
            for rule in _determined(group, number, determiners, f"{adjective}<noun>"):
                yield Rule(rule.weight * weight * share, rule.items)


def _determiners(group: Group, number: str) -> str:
    """What can stand before an object, as a list of choices."""
    bare = " | 4*" if number == "pl" and group.kind == "practice" else ""
    owned = " | 3*<owner>" if "owned" in group.traits else ""
    return DETERMINERS[number] + bare + owned


def _with_adjective(group: Group) -> tuple[tuple[str, float], ...]:
    share = ADJECTIVE_SHARE if group.adjectives else 0.0
    return ("", 1 - share), *((("<adjective> ", share),) if share else ())


def _determined(group: Group, number: str, determiners: str, template: str) -> Iterator[Rule]:
    listed = choices(determiners)
    total = sum(weight for weight, _ in listed)
    for weight, determiner in listed:
        yield Rule(weight / total, fill(f"{determiner} {template}", {"group": group.name, "number": number}))


def liking() -> Iterator[Rule]:
    """Things of a kind that can be liked."""
    for group in (group for group in groups().values() if "liked" in group.traits):
        for number in (number for number in OF_A_KIND if number in group.own):
            for adjective, share in _with_adjective(group):
                for rule in _determined(group, number, OF_A_KIND[number], f"{adjective}<own>"):
                    weight = rule.weight * share * group.weight_of(number)
                    yield Rule(weight, rule.items, labels_of({"topic": group.topic}))


def part_of_scene(name: str, at: Features) -> Iterable[Rule]:
    """The rules of a symbol that needs a scene."""
    scene = scenes()[at["scene"]]
    match name:
        case "spot":
            return written(scene.places)
        case "thing":
            nouns = scene.things if at["number"] == "sg" else scene.plurals
            total = sum(weight for weight, _ in scene.adjectives)
            described = (
                (DESCRIBED * w / total, f"{adjective} {noun}") for w, adjective in scene.adjectives for noun in nouns
            )
            return written([*even(nouns), *described])
        case "item":
            return written(choices("a <thing>" if at["number"] == "sg" else "<thing> | two <thing> | some <thing>"), at)
        case _:
            return written(choices("the <thing>"), at)
