import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vaeseq.errors import InputError
from vaeseq.tokenizer import BOS, EOS, PAD, RESERVED, UNK, Tokenizer

LINES = [
    "The cat sat on the mat, and it's asleep.",
    "Don\u2019t the dogs bark?  ## no #1 ###x",
    "Ångström naïve 日本語 🎉\tend",
    "<eos> <pad> <unk> <mask> <bos>",
] * 3
# SELFIES-like: bracketed symbols, or else any single character.
CLOSED_PATTERN = r"\[[^\]]+\]|."
CLOSED_SYMBOLS = ("[C]", "[=N]", "[Branch1]", "C", "N", "<", ">")

WORDS = Tokenizer.of_words(LINES, size=560)
BPE = Tokenizer.of_bpe(LINES, size=300)
CLOSED = Tokenizer.of_symbols(CLOSED_SYMBOLS, CLOSED_PATTERN)
EVERY = pytest.mark.parametrize("tokenizer", [WORDS, BPE, CLOSED], ids=["words", "bpe", "closed"])
OPEN = pytest.mark.parametrize("tokenizer", [WORDS, BPE], ids=["words", "bpe"])

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
# Mostly what the vocabularies were made of, so that whole words, marks and reserved letters meet.
familiar = st.lists(
    st.sampled_from(
        [*" \n\t#<>'\u2019a1.é", "##", "the", " cat", "<eos>", "<unk>", "<bos>", "\0", "\u2028", "e\u0301", "İ"]
    )
).map("".join)


@OPEN
@given(text=text | familiar)
@example(text="##a ###b # ##")
@example(text=" \u00a0\u3000\r\n ")
@example(text="\ufeff\ufffd\x00\x7f")
def test_open_vocabularies_lose_nothing(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert UNK not in ids


@given(symbols=st.lists(st.sampled_from(CLOSED_SYMBOLS)))
def test_known_symbols_lose_nothing(symbols: list[str]) -> None:
    ids = CLOSED.encode("".join(symbols))
    assert CLOSED.decode(ids) == "".join(symbols)
    assert [CLOSED.symbol(i) for i in ids[1:-1]] == symbols


@given(pieces=st.lists(st.sampled_from(CLOSED_SYMBOLS) | st.sampled_from(["Q", "[Xx]", "é", "\0", "🎉"])))
def test_each_unknown_symbol_stays_visible_where_it_was(pieces: list[str]) -> None:
    ids = CLOSED.encode("".join(pieces))
    shown = [piece if piece in CLOSED_SYMBOLS else "<unk>" for piece in pieces]
    assert CLOSED.decode(ids) == "".join(shown)


@EVERY
@given(text=text | familiar)
def test_every_encoding_is_framed_and_reserved_ids_never_come_from_text(tokenizer: Tokenizer, text: str) -> None:
    first, *middle, last = tokenizer.encode(text)
    assert (first, last) == (BOS, EOS)
    assert not {PAD, BOS, EOS, RESERVED.index("<mask>")} & set(middle)
    assert all(0 <= i < tokenizer.size for i in middle)


@pytest.mark.parametrize("pattern", [r"[CN]", r"[CN]|<[a-z]+>", r"\S+"], ids=["gap", "match", "greedy"])
@pytest.mark.parametrize("symbol", RESERVED)
def test_reserved_symbols_are_not_read_from_text_whatever_the_pattern_takes(pattern: str, symbol: str) -> None:
    tokenizer = Tokenizer.of_symbols(["C", "N"], pattern)
    middle = tokenizer.encode(f"C{symbol}N")[1:-1] + tokenizer.encode(f"C {symbol} N")[1:-1]
    assert set(middle) <= {UNK, tokenizer.encode("C")[1], tokenizer.encode("N")[1]}


@EVERY
def test_saved_and_loaded_gives_the_same_ids_and_texts(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    texts = [*LINES, "", "[C][=N]CQ", "words nobody wrote: zyzzyva ##q", "\0<mask>"]
    assert loaded.size == tokenizer.size
    assert loaded.encode_batch(texts) == tokenizer.encode_batch(texts)
    assert [loaded.symbol(i) for i in range(loaded.size)] == [tokenizer.symbol(i) for i in range(tokenizer.size)]
    assert [loaded.decode(ids) for ids in loaded.encode_batch(texts)] == [
        tokenizer.decode(ids) for ids in tokenizer.encode_batch(texts)
    ]


@EVERY
def test_a_batch_is_its_texts_one_by_one(tokenizer: Tokenizer) -> None:
    texts = ["", *LINES, "C", "[C]" * 50]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]
    assert tokenizer.encode_batch([]) == []


@pytest.mark.parametrize("make", [Tokenizer.of_words, Tokenizer.of_bpe])
def test_words_without_a_symbol_of_their_own_are_named_once(make: Callable[..., Tokenizer]) -> None:
    tokenizer = make(["The cat sleeps on the mat."] * 9, size=600)
    assert tokenizer.spelled("The cat sleeps on the mat.") == []
    assert tokenizer.spelled("The zyzzyva \ud800 sleeps on a zyzzyva, naïve") == ["zyzzyva", "?", "a", "naïve"]


@EVERY
def test_reserved_symbols_have_the_first_ids(tokenizer: Tokenizer) -> None:
    assert [tokenizer.symbol(i) for i in range(5)] == list(RESERVED)


@EVERY
@given(data=st.data())
def test_any_ids_decode_to_text_and_stop_at_the_first_end(tokenizer: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, tokenizer.size - 1).filter(lambda i: i != EOS), max_size=20))
    decoded = tokenizer.decode(ids)
    decoded.encode("utf-8")
    assert tokenizer.decode([BOS, *ids, EOS, *data.draw(st.lists(st.integers(0, tokenizer.size - 1)))]) == decoded
    assert tokenizer.decode([*ids, PAD, PAD]) == decoded
    assert decoded.count("<unk>") >= ids.count(UNK)


@EVERY
def test_lone_surrogates_become_question_marks(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("C\ud800N\udfff") == tokenizer.encode("C?N?")


def test_characters_outside_the_pattern_are_unknown_one_by_one() -> None:
    tokenizer = Tokenizer.of_symbols(["C", "N"], "[CN]")
    assert tokenizer.decode(tokenizer.encode("CQ\n\nN")) == "C<unk><unk><unk>N"


@pytest.mark.parametrize("tokenizer", [BPE, CLOSED], ids=["bpe", "closed"])
@pytest.mark.parametrize("unit", ["C", "[C]", "CN<"])
def test_a_hundred_thousand_characters(tokenizer: Tokenizer, unit: str) -> None:
    long = unit * (100_000 // len(unit))
    assert tokenizer.decode(tokenizer.encode(long)) == long


def test_a_hundred_thousand_characters_of_words() -> None:
    long = "the cat's mat. " * 6_667
    assert WORDS.decode(WORDS.encode(long)) == long


@pytest.mark.parametrize("unit", ["q", "q'", "日"])
def test_one_endless_word_is_cut_in_linear_time(unit: str) -> None:
    long = unit * (100_000 // len(unit))
    assert WORDS.decode(WORDS.encode(long)) == long


def test_words_keep_the_most_frequent_words_whole() -> None:
    tokenizer = Tokenizer.of_words(["rare", "common common", "common the the"], size=517 + 2)
    assert len(tokenizer.encode("common")) == 3
    assert len(tokenizer.encode("rare")) == 2 + 4
    assert tokenizer.size == 519


def test_a_word_carries_its_leading_space() -> None:
    tokenizer = Tokenizer.of_words(["the the the the cat cat"], size=600)
    assert [tokenizer.symbol(i) for i in tokenizer.encode("the the cat")[1:-1]] == ["the", " the", " cat"]


def test_vocabularies_do_not_depend_on_the_order_of_lines() -> None:
    forwards, backwards = (Tokenizer.of_words(lines, size=530) for lines in (LINES, LINES[::-1]))
    assert forwards.encode(LINES[0]) == backwards.encode(LINES[0])
    one, other = (Tokenizer.of_symbols(symbols, CLOSED_PATTERN) for symbols in (CLOSED_SYMBOLS, CLOSED_SYMBOLS[::-1]))
    assert one.encode("".join(CLOSED_SYMBOLS)) == other.encode("".join(CLOSED_SYMBOLS))


def test_a_closed_vocabulary_is_in_alphabetical_order() -> None:
    assert [CLOSED.symbol(i) for i in range(5, CLOSED.size)] == sorted(CLOSED_SYMBOLS)


def test_pieces_of_bpe_are_at_most_what_was_asked() -> None:
    assert BPE.size == 300
    assert len(BPE.encode("the cat sat")) < len("the cat sat")


@pytest.mark.parametrize("make", [Tokenizer.of_words, Tokenizer.of_bpe], ids=["words", "bpe"])
@pytest.mark.parametrize("size", [-1, 0, 5, 260])
def test_a_vocabulary_without_room_for_bytes_is_refused(make: Callable[..., Tokenizer], size: int) -> None:
    with pytest.raises(InputError, match="size"):
        make(LINES, size=size)


def _refused(path: Path) -> None:
    with pytest.raises(InputError, match=path.name):
        Tokenizer.load(path)


def test_missing_and_foreign_files_are_input_errors(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    _refused(path)
    for content in [b"", b"{}", b"null", b"[1]", b"\xff\xfe\x00", b'{"model": {}}', b"not json"]:
        path.write_bytes(content)
        _refused(path)
    path.unlink()
    path.mkdir()
    _refused(path)


def test_a_tokenizer_that_does_more_than_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    Tokenizer.of_symbols("ab", "a|b").save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    length = {"strategy": {"Fixed": 2_000_000}, "direction": "Right", "pad_to_multiple_of": None}
    padding = length | {"pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}
    for change in ({"padding": padding}, {"normalizer": {"type": "Lowercase"}}):
        path.write_text(json.dumps(content | change), encoding="utf-8")
        with pytest.raises(InputError, match="nothing else"):
            Tokenizer.load(path)


ADDED = {"id": 9, "content": "C", "special": False}
ADDED |= dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)


@pytest.mark.parametrize(
    ("tokenizer", "part", "change"),
    [
        (CLOSED, "model", {"unk_token": "nope"}),
        (WORDS, "model", {"unk_token": "nope"}),
        (WORDS, "model", {"max_input_chars_per_word": 3}),
        (WORDS, "model", {"continuing_subword_prefix": "@@"}),
        (BPE, "model", {"unk_token": "<unk>"}),
        (BPE, "model", {"dropout": 0.5}),
        (BPE, "model", {"continuing_subword_prefix": "##"}),  # a panic of the library
        (BPE, "model", {"end_of_word_suffix": "</w>"}),
        (BPE, "model", {"byte_fallback": True}),
        (BPE, "model", {"fuse_unk": True}),
        (BPE, "model", {"ignore_merges": True}),
        (BPE, "pre_tokenizer", {"add_prefix_space": True}),
        (CLOSED, "pre_tokenizer", {"behavior": "Removed"}),
        (CLOSED, "pre_tokenizer", {"pattern": {"String": "C"}}),
        (CLOSED, "model", {"type": "Unigram", "unk_id": None, "vocab": [[symbol, 0.0] for symbol in RESERVED]}),
        (CLOSED, None, {"added_tokens": [ADDED]}),
    ],
)
def test_a_tokenizer_of_another_kind_than_ours_is_refused(
    tokenizer: Tokenizer, part: str | None, change: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    (stored[part] if part else stored).update(change)
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError, match="tokenizer"):
        Tokenizer.load(path)


def test_a_pattern_that_never_ends_is_an_input_error() -> None:
    with pytest.raises(InputError, match="gave up"):
        Tokenizer.of_symbols("ab", "(?:a|a)*c").encode("a" * 24 + "b")


@EVERY
def test_a_tokenizer_without_our_reserved_symbols_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    whole = path.read_text(encoding="utf-8")
    for symbol, id_ in itertools.product(["<mask>"], [3, 7, None]):
        stored = json.loads(whole)
        stored["model"]["vocab"][symbol] = id_
        if id_ is None:
            del stored["model"]["vocab"][symbol]
        path.write_text(json.dumps(stored), encoding="utf-8")
        with pytest.raises(InputError):
            Tokenizer.load(path)


@EVERY
def test_a_vocabulary_with_a_gap_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["model"]["vocab"].pop(next(symbol for symbol, i in stored["model"]["vocab"].items() if i == 6))
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError):
        Tokenizer.load(path)
