"""Tense, polarity and agreement: auxiliaries, the verb form after them, tags."""

from vaetext.english import Forms, conjugate
from vaetext.everyday_lexicon import AGREEMENT, OBJECTIVE, Choices
from vaetext.everyday_templates import Features

# The form of a verb phrase: its form in the lexicon, the kinds of group that mostly have it, and whether things are
# meant by their kind ("she bakes cakes", not "she bakes the cake every day").
VOLUNTARY = ("practice", "routine", "task")
ALL = (*VOLUNTARY, "accident")
HABITS = ("practice", "routine")
FORMS = {
    "s": ("s", HABITS, True),
    "plain": ("base", HABITS, True),
    "habit": ("base", HABITS, True),
    "habit_ing": ("ing", HABITS, True),
    "ever": ("part", ("practice", "task"), True),
    "base": ("base", VOLUNTARY, False),
    "ing": ("ing", VOLUNTARY, False),
    "did": ("base", ALL, False),
    "past": ("past", ALL, False),
    "part": ("part", ALL, False),
}
AFTER_AUXILIARY = {
    "present": "habit",
    "past": "did",
    "future": "base",
    "progressive": "ing",
    "past_progressive": "ing",
    "perfect": "part",
    "past_perfect": "part",
}
AUXILIARIES = {
    "present": {"i": "do", "pl": "do", "sg": "does"},
    "past": {"i": "did", "pl": "did", "sg": "did"},
    "future": {"i": "will", "pl": "will", "sg": "will"},
    "progressive": {"i": "am", "pl": "are", "sg": "is"},
    "past_progressive": {"i": "was", "pl": "were", "sg": "was"},
    "perfect": {"i": "have", "pl": "have", "sg": "has"},
    "past_perfect": {"i": "had", "pl": "had", "sg": "had"},
}
CONTRACTED = {"will": "won't", "am": "aren't"}  # "aren't I?"; all others add n't


def finite_form(at: Features) -> str | None:
    """The form of a verb that stands without an auxiliary, if it does."""
    if at["polarity"] == "negative" or at["tense"] not in ("present", "past"):
        return None
    return "past" if at["tense"] == "past" else "s" if at["agreement"] == "sg" else "plain"


def auxiliary(tense: str, agreement: str, verb: str = "") -> str:
    """The auxiliary of a tense; ``be`` is its own in the present and the past."""
    if verb == "be" and tense in ("present", "past"):
        tense = {"present": "progressive", "past": "past_progressive"}[tense]
    return AUXILIARIES[tense][agreement]


def contracted(word: str) -> str:
    """An auxiliary with "not" drawn into it."""
    return CONTRACTED.get(word, word + "n't")


def negated(word: str) -> Choices:
    """An auxiliary with "not", in full or drawn together."""
    full = (1.0, f"{word} not")
    return (full,) if word == "am" else (full, (1.0, contracted(word)))


def with_auxiliary(at: Features, verb: str = "") -> Choices:
    """The auxiliary before a predicate."""
    word = auxiliary(at["tense"], at["agreement"], verb)
    return negated(word) if at["polarity"] == "negative" else ((1.0, word),)


def inverted_auxiliary(at: Features, verb: str = "") -> str:
    """The auxiliary at the front of a question."""
    word = auxiliary(at["tense"], at["agreement"], verb)
    return contracted(word) if at["polarity"] == "negative" else word


def finite(verb: str, at: Features) -> Choices:
    """A verb of the frame itself with its auxiliaries: "did not want", "is", "has been"."""
    forms = conjugate(verb)
    if verb == "be" and at["tense"] in ("present", "past"):
        return with_auxiliary(at, verb)
    form = finite_form(at)
    if form is not None:
        return ((1.0, _field(forms, form)),)
    after = _field(forms, AFTER_AUXILIARY[at["tense"]])
    return tuple((weight, f"{words} {after}") for weight, words in with_auxiliary(at, verb))


def tag(at: Features) -> str:
    """The question tag of a clause: "didn't she" after an affirmative one."""
    who = at["who"]
    word = auxiliary(at["tense"], AGREEMENT[who])
    pronoun = "I" if OBJECTIVE[who] == "me" else who
    return f"{contracted(word) if at['polarity'] == 'affirmative' else word} {pronoun}"


def _field(forms: Forms, form: str) -> str:
    return getattr(forms, FORMS[form][0])
