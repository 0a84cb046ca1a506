"""The English that is the same in every grammar: inflection, articles, and how words are joined into a written line."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

VOWELS = "aeiou"
# Past and participle where they are not regular (British spelling).
_IRREGULAR = """
be was been; beat beat beaten; become became become; begin began begun; bite bit bitten; blow blew blown; break
broke broken; bring brought brought; build built built; buy bought bought; catch caught caught; choose chose
chosen; come came come; cut cut cut; dig dug dug; do did done; draw drew drawn; drink drank drunk; drive drove
driven; eat ate eaten; fall fell fallen; feed fed fed; feel felt felt; find found found; fly flew flown; forget
forgot forgotten; freeze froze frozen; get got got; give gave given; go went gone; grow grew grown; hang hung
hung; have had had; hear heard heard; hide hid hidden; hit hit hit; hold held held; keep kept kept; know knew
known; lay laid laid; lead led led; leave left left; lend lent lent; let let let; lie lay lain; light lit lit;
lose lost lost; make made made; mean meant meant; meet met met; pay paid paid; put put put; read read read;
rewrite rewrote rewritten; ride rode ridden; ring rang rung; rise rose risen; run ran run; say said said; see
saw seen; sell sold sold; send sent sent; sew sewed sewn; shake shook shaken; shine shone shone; show showed
shown; shut shut shut; sing sang sung; sit sat sat; sleep slept slept; speak spoke spoken; spend spent spent;
stand stood stood; steal stole stolen; sweep swept swept; swim swam swum; take took taken; teach taught taught;
tear tore torn; tell told told; think thought thought; throw threw thrown; understand understood understood;
wear wore worn; win won won; write wrote written
"""
IRREGULAR_VERBS = {verb: (past, part) for verb, past, part in (entry.split() for entry in _IRREGULAR.split(";"))}
# Verbs of two syllables that double their last consonant all the same.
DOUBLING = {"travel", "cancel", "refer", "prefer", "admit", "label", "shovel", "forget", "unwrap"}
IRREGULAR_PLURALS = {
    **{"child": "children", "foot": "feet", "goose": "geese", "mouse": "mice"},
    **{"calf": "calves", "knife": "knives", "leaf": "leaves", "loaf": "loaves", "scarf": "scarves", "shelf": "shelves"},
    **{"thief": "thieves", "wife": "wives", "wolf": "wolves", "quiz": "quizzes"},
}
IRREGULAR_DEGREES = {"good": ("better", "best"), "bad": ("worse", "worst"), "shy": ("shyer", "shyest")}
LONG_DEGREES = {"tired", "bored", "valuable"}
# Adjectives that are not compared: "a very wooden table" is out.
WITHOUT_DEGREES = {
    *("red", "blue", "green", "yellow", "white", "black", "brown", "grey", "wooden"),
    *("new", "broken", "empty", "free", "wild", "wet", "local"),
    *("huge", "wonderful", "terrible", "excellent", "delicious"),
}
# First letters that lie about the sound: "an hour", "a uniform".
ARTICLE_AN = ("hour", "honest", "heir")
ARTICLE_A = ("uni", "use", "usual", "euro", "one", "ukulele")


class Forms(NamedTuple):
    """The five forms of a verb; a phrase such as "turn off" inflects its first word."""

    base: str
    s: str
    past: str
    part: str
    ing: str


def conjugate(phrase: str) -> Forms:
    """The forms of a verb phrase, from its base form."""
    verb, space, rest = phrase.partition(" ")
    regular = _ending(verb, "ed")
    past, part = IRREGULAR_VERBS.get(verb, (regular, regular))
    forms = (verb, _third_person(verb), past, part, _ending(verb, "ing"))
    return Forms(*(form + space + rest for form in forms))


def plural(noun: str) -> str:
    """The plural of a noun; of several words the last one changes."""
    head, space, last = noun.rpartition(" ")
    if last.endswith("man"):
        return head + space + last.removesuffix("man") + "men"
    return head + space + IRREGULAR_PLURALS.get(last, _sibilant_s(last))


def comparative(adjective: str) -> str:
    """The comparative degree: "hotter", "more careful"."""
    return IRREGULAR_DEGREES[adjective][0] if adjective in IRREGULAR_DEGREES else _degree(adjective, "er", "more")


def superlative(adjective: str) -> str:
    """The superlative degree: "hottest", "most careful"."""
    return IRREGULAR_DEGREES[adjective][1] if adjective in IRREGULAR_DEGREES else _degree(adjective, "est", "most")


def article(word: str) -> str:
    """The indefinite article before ``word``."""
    if word.startswith(ARTICLE_AN):
        return "an"
    return "an" if word[0].lower() in VOWELS and not word.startswith(ARTICLE_A) else "a"


def join(tokens: Sequence[str]) -> str:
    """Write tokens as one line: articles, spaces, and capitals at the start and after an opening quote.

    The tokens are words, the marks ``, . ? !``, and curly quotes, which are written straight. The article is always
    the token ``a``.
    """
    line = ""
    capital = True
    for i, token in enumerate(tokens):
        word = article(tokens[i + 1]) if token == "a" else token
        attached = not line or token in ",.?!”" or tokens[i - 1] == "“"
        line += ("" if attached else " ") + ('"' if token in "“”" else word[0].upper() + word[1:] if capital else word)
        capital = token == "“"
    return line


def split(line: str, words: Collection[str]) -> list[str] | None:
    """The tokens whose ``join`` is ``line``, or nothing if there are none.

    Args:
        line: A written sentence.
        words: All tokens that can occur; it tells a name from a capital at the start of a sentence.
    """
    tokens: list[str] = []
    quoted = False
    for piece in re.findall(r"[^\s,.?!\"]+|[,.?!\"]", line):
        starts = not tokens or tokens[-1] == "“"
        if piece == '"':
            quoted = not quoted
            piece = "“" if quoted else "”"
        elif piece == "an":
            piece = "a"
        elif starts and piece not in words:
            piece = "a" if piece == "An" else piece[0].lower() + piece[1:]
        if piece not in words:
            return None
        tokens.append(piece)
    return tokens if tokens and tokens[-1] != "a" and join(tokens) == line else None


def _third_person(verb: str) -> str:
    irregular = {"be": "is", "have": "has"}
    return irregular.get(verb) or (verb + "es" if verb in ("do", "go") else _sibilant_s(verb))


def _sibilant_s(word: str) -> str:
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh", "tomato", "potato", "mango", "hero")) else "s")


def _ending(verb: str, ending: str) -> str:
    """``verb`` with ``ed`` or ``ing``."""
    if ending == "ing" and verb.endswith("ie"):
        return verb[:-2] + "ying"
    if ending == "ed" and verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ied"
    if verb.endswith("e") and verb != "be" and not (ending == "ing" and verb.endswith(("ee", "oe", "ye"))):
        return verb[:-1] + ending
    return verb + (verb[-1] if _doubles(verb) else "") + ending


def _doubles(word: str) -> bool:
    """Whether the last consonant is doubled: one syllable, one vowel, one final consonant."""
    single = re.fullmatch(r"[^aeiou]*(?:qu)?[aeiou][bdgklmnprtz]", word)
    return word in DOUBLING or single is not None


def _degree(adjective: str, ending: str, adverb: str) -> str:
    syllables = len(re.findall(r"[aeiouy]+", adjective.removesuffix("e")))
    if adjective in LONG_DEGREES or syllables > 2 or (syllables == 2 and not adjective.endswith(("y", "le", "ow"))):
        return f"{adverb} {adjective}"
    if adjective.endswith("y") and adjective[-2] not in VOWELS:
        return adjective[:-1] + "i" + ending
    if adjective.endswith("e"):
        return adjective + ending[1:]
    return adjective + (adjective[-1] if _doubles(adjective) else "") + ending
