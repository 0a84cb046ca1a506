import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.readers import RawRow
from pipelines.records import molecule_records, molecule_split, sentence_records, sentence_split
from vaeseq.errors import Rejected
from vaetext.sentence import split_of

SETTINGS = {"notation": "smiles", "standardise": True, "max_characters": 100, "max_heavy_atoms": 30, "seed": 0}


@given(st.text(min_size=1), st.integers(0, 9))
def test_fractions_are_hit(text, seed):
    record = {"smiles": text, "scaffold": ""}
    rule = {"split": "random", "seed": seed}
    assert molecule_split(record, valid_fraction=0.0, test_fraction=0.0, **rule) == "train"
    assert molecule_split(record, valid_fraction=1.0, test_fraction=0.0, **rule) == "valid"
    assert molecule_split(record, valid_fraction=0.5, test_fraction=0.5, **rule) != "train"
    draws = [
        molecule_split({"smiles": f"{text}{i}", "scaffold": ""}, valid_fraction=0.1, test_fraction=0.3, **rule)
        for i in range(400)
    ]
    assert 10 <= draws.count("valid") <= 80
    assert 70 <= draws.count("test") <= 170


def test_scaffolds_are_drawn_whole_and_chains_one_by_one():
    rule = {"split": "scaffold", "valid_fraction": 0.3, "test_fraction": 0.3, "seed": 0}
    ring = {molecule_split({"smiles": f"{'C' * i}c1ccccc1", "scaffold": "c1ccccc1"}, **rule) for i in range(20)}
    chains = {molecule_split({"smiles": "C" * i, "scaffold": ""}, **rule) for i in range(1, 40)}
    assert len(ring) == 1
    assert chains == {"train", "valid", "test"}


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_sentences_follow_their_own_rule(text):
    assert sentence_split({"text": text}) == split_of(text)


def test_copies_are_numbered_seeded_and_distinct():
    row = RawRow(1, None, "CCOC(=O)c1ccccc1N", {})
    texts = [[r["text"] for r in molecule_records(row, randomise=5, **SETTINGS | {"seed": seed})] for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert len(set(texts[0])) == len(texts[0]) == 6
    assert [r["copy"] for r in molecule_records(row, randomise=5, **SETTINGS)] == list(range(6))


def test_a_molecule_with_one_order_of_atoms_has_no_copies():
    assert len(molecule_records(RawRow(1, None, "C", {}), randomise=5, **SETTINGS)) == 1


def test_labels_come_along():
    row = RawRow(1, None, " Oh. ", {"frame": "sigh", "other": "x"})
    limits = {"max_words": 5, "max_characters": 50, "lower": True}
    assert sentence_records(row, labels=("frame",), **limits) == [
        {"text": "oh.", "words": 1, "characters": 3, "frame": "sigh"}
    ]


def test_what_the_reader_could_not_use_keeps_its_reason():
    row = RawRow(1, None, "C", {}, "malformed")
    with pytest.raises(Rejected, match="malformed"):
        molecule_records(row, randomise=0, **SETTINGS)
    with pytest.raises(Rejected, match="malformed"):
        sentence_records(row, labels=(), max_words=5, max_characters=50, lower=False)
