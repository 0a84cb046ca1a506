import pytest

from benchmarks import hostile
from benchmarks.fuzz import SUFFIXES, _plain
from pipelines.readers import rows
from pipelines.sources import Table

INPUTS = {"molecules": hostile.molecules, "sentences": hostile.sentences}


@pytest.mark.parametrize("domain", INPUTS)
def test_a_batch_is_a_function_of_the_seed_and_its_number(domain):
    made = INPUTS[domain]
    assert made(50, 0, 0) == made(50, 0, 0)
    assert made(50, 0, 0) != made(50, 0, 1)
    assert made(50, 0, 0) != made(50, 1, 0)
    assert len(set(made(300, 0, 0))) > 200


def test_sentences_hold_all_that_is_promised():
    texts = hostile.sentences(3_000, 0, 0)
    together = "".join(texts)
    for piece in ("\0", "\x07", "\u202e", "\ud800", "\N{FAMILY}", "=HYPERLINK(", "<script>", "\r", "\n"):
        assert piece in together
    assert sorted(map(len, texts))[-1] == hostile.LONG


@pytest.mark.parametrize(("domain", "suffix"), [(domain, suffix) for domain in INPUTS for suffix in SUFFIXES[domain]])
def test_rows_start_where_the_reader_finds_them(tmp_path, domain, suffix):
    column = {"molecules": "smiles", "sentences": "text"}[domain]
    file, texts = tmp_path / f"hostile{suffix}", INPUTS[domain](400, 0, 2)
    written = hostile.written(texts, file, column=column)
    read = [*rows(file, Table(file=file.name, format=suffix[1:]), domain)]
    assert [row.line for row in read] == [*written]
    by_line = suffix in (".smi", ".txt")
    assert len(texts) - 40 < len(written) <= len(texts) if by_line else len(written) == len(texts)
    plain = [(row.text, written[row.line]) for row in read if _plain(domain, written[row.line])]
    assert len(plain) > 20
    assert [held for held, _ in plain] == [text[: len(held)] for held, text in plain]


def test_texts_stand_in_records_that_may_still_be_molecules(tmp_path):
    hostile.written(["", "$$$$", "C\n$$$$\nC"], tmp_path / "hostile.sdf", column="smiles")
    read = [row.text for row in rows(tmp_path / "hostile.sdf", Table(file="hostile.sdf", format="sdf"), "molecules")]
    assert len(read) == 3
    assert read[0].endswith("M  END")
    assert "$$$$" in read[1]
