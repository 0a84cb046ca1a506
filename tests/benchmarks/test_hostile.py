import pytest

from benchmarks import hostile
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


@pytest.mark.parametrize("domain", INPUTS)
@pytest.mark.parametrize("table", [False, True])
def test_rows_start_where_the_reader_finds_them(tmp_path, domain, table):
    format_ = "csv" if table else {"molecules": "smi", "sentences": "txt"}[domain]
    column = {"molecules": "smiles", "sentences": "text"}[domain]
    file, texts = tmp_path / f"hostile.{format_}", INPUTS[domain](400, 0, 2)
    starts = hostile.written(texts, file, column=column)
    assert [row.line for row in rows(file, Table(file=file.name, format=format_), domain)] == starts
    assert len(starts) == len(texts) if table else len(texts) - 40 < len(starts) <= len(texts)
