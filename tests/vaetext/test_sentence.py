import hashlib
import unicodedata
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vaeseq.errors import Rejected
from vaetext.sentence import normalised, sentence_record, split_of, word_count

SENTENCES = st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1), min_size=1).map(" ".join)


@given(st.text())
def test_normalising_twice_is_normalising_once(text):
    once = normalised(text)
    assert normalised(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(SENTENCES)
def test_a_record_is_a_fixed_point_and_counts_itself(sentence):
    record = sentence_record(sentence, max_words=10_000, max_characters=100_000)
    again = sentence_record(record["text"], max_words=10_000, max_characters=100_000)
    assert again == record
    assert record["words"] == word_count(sentence) == record["text"].count(" ") + 1
    assert record["characters"] == len(record["text"])


def test_white_space_and_accents_are_brought_to_one_form():
    assert sentence_record("\ufeff".strip("\ufeff") + "  Cafe\u0301\u00a0 au\tlait.\r\n")["text"] == "Café au lait."
    assert sentence_record("Ein GRUSS", lower=True)["text"] == "ein gruss"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" \t ", "empty"),
        ("one two three four", "too_long"),
        ("x" * 21, "too_long"),
        ("a\x07b", "control_character"),
        ("a\ud800b", "encoding"),
    ],
)
def test_what_is_no_sentence_is_rejected_with_its_reason(text, reason):
    with pytest.raises(Rejected) as error:
        sentence_record(text, max_words=3, max_characters=20)
    assert error.value.reason == reason


def test_composing_makes_one_character_of_four_at_most():
    composed = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    assert max(len(unicodedata.normalize("NFD", character)) for character in composed) == 4
    longest = "\u1f82" * 20  # an alpha with three marks
    spelt = unicodedata.normalize("NFD", longest)
    assert len(spelt) == 80
    assert sentence_record(spelt, max_characters=20)["text"] == longest


def test_a_long_run_of_accents_is_rejected_before_it_is_put_in_order():
    run = "\u0301" * 500_000 + "\u0323" * 500_000  # NFC would take hours
    with pytest.raises(Rejected, match="too_long"):
        sentence_record(run)


def reference_split(sentence):
    key = "".join(c for c in sentence.lower() if c in "abcdefghijklmnopqrstuvwxyz0123456789 ").strip()
    return int(hashlib.sha1((key or sentence).encode()).hexdigest(), 16) % 20


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_the_split_is_the_rule(sentence):
    letters = [character for character in sentence.lower() if character.isalpha()]
    assume(2 * sum("a" <= letter <= "z" for letter in letters) >= len(letters))
    assert split_of(sentence) == {0: "test", 1: "valid"}.get(reference_split(sentence), "train")


def test_case_and_punctuation_do_not_part_sentences():
    assert {split_of(s) for s in ("Go on!", "go on", "GO ON?", "“Go on.”")} == {split_of("Go on.")}


def test_a_mark_that_stands_alone_may_part_sentences_and_letters_outside_ascii_do_not():
    assert split_of("houses - they sleep.") == "train"
    assert split_of("houses, they sleep.") == "test"
    assert all(split_of(f"na\u00efve {i}") == split_of(f"nave {i}") for i in range(40))


def test_sentences_of_another_script_are_parted_by_their_own_letters():
    splits = Counter(
        split_of(f"A: слово номер {'абвгдежзик'[i // 100]}{'абвгдежзик'[i // 10 % 10]}") for i in range(1_000)
    )
    assert set(splits) == {"train", "valid", "test"}
    assert {split_of(s) for s in ("Спасибо", "спасибо!", "«СПАСИБО.»")} == {split_of("Спасибо.")}
    marks = [chr(i) for i in range(0x93E, 0x94D)]
    assert len({split_of(f"क{a}क{b}") for a in marks for b in marks}) == 3, "marks part words there"


def test_about_one_in_twenty_is_test_and_one_in_twenty_valid():
    counts = Counter(split_of(f"sentence number {i}") for i in range(4_000))
    assert 150 < counts["test"] < 250
    assert 150 < counts["valid"] < 250
