import pytest

from vaetext.english import article, comparative, conjugate, join, plural, split, superlative

WORDS = {"“", "”", ",", ".", "?", "a", "the", "hour", "old", "apple", "Anna", "said", "I", "uniform", "saw", "do"}


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("bake", "bakes baked baked baking"),
        ("carry", "carries carried carried carrying"),
        ("play", "plays played played playing"),
        ("stop", "stops stopped stopped stopping"),
        ("visit", "visits visited visited visiting"),
        ("travel", "travels travelled travelled travelling"),
        ("watch", "watches watched watched watching"),
        ("see", "sees saw seen seeing"),
        ("write", "writes wrote written writing"),
        ("have", "has had had having"),
        ("go", "goes went gone going"),
        ("lie", "lies lay lain lying"),
        ("be", "is was been being"),
    ],
)
def test_verbs(base, forms):
    assert " ".join(conjugate(base)[1:]) == forms


def test_a_verb_phrase_inflects_its_first_word():
    assert conjugate("turn off").ing == "turning off"


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        ("cat", "cats"),
        ("box", "boxes"),
        ("lily", "lilies"),
        ("key", "keys"),
        ("apple tree", "apple trees"),
        ("knife", "knives"),
        ("old man", "old men"),
        ("tomato", "tomatoes"),
        ("photo", "photos"),
    ],
)
def test_plurals(noun, many):
    assert plural(noun) == many


@pytest.mark.parametrize(
    ("adjective", "degrees"),
    [
        ("old", ("older", "oldest")),
        ("big", ("bigger", "biggest")),
        ("large", ("larger", "largest")),
        ("funny", ("funnier", "funniest")),
        ("simple", ("simpler", "simplest")),
        ("valuable", ("more valuable", "most valuable")),
        ("tired", ("more tired", "most tired")),
        ("beautiful", ("more beautiful", "most beautiful")),
        ("good", ("better", "best")),
    ],
)
def test_degrees(adjective, degrees):
    assert (comparative(adjective), superlative(adjective)) == degrees


@pytest.mark.parametrize(
    ("word", "expected"), [("cat", "a"), ("apple", "an"), ("hour", "an"), ("uniform", "a"), ("umbrella", "an")]
)
def test_articles(word, expected):
    assert article(word) == expected


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ("the old apple .", "The old apple."),
        ("a old apple .", "An old apple."),
        ("Anna saw a hour , the uniform .", "Anna saw an hour, the uniform."),
        ("“ the apple , ” said Anna .", '"The apple," said Anna.'),
        ("Anna said , “ I saw a uniform . ”", 'Anna said, "I saw a uniform."'),
        ("“ do I ? ” said Anna .", '"Do I?" said Anna.'),
    ],
)
def test_joined_tokens_are_split_again(tokens, line):
    assert join(tokens.split()) == line
    assert split(line, WORDS) == tokens.split()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "the old apple.",
        "The  old apple.",
        "The old apple .",
        "The Old apple.",
        "A old apple.",
        "Anna saw an uniform.",
        "The old dog.",
        'The "apple.',
        "Anna saw a",
        "The old apple.\n",
        "The old-apple.",
    ],
)
def test_lines_that_join_never_writes_are_refused(line):
    assert split(line, WORDS) is None
