import itertools

import pytest

from benchmarks import load
from benchmarks.footprint import Footprint
from vaemol.builtin import builtin_molecules
from vaemol.molecule import parse
from vaemol.notation import to_smiles
from vaeseq.errors import InputError


def test_lines_are_as_many_as_asked_for_and_hardly_two_are_the_same():
    some = [*itertools.islice(load.texts_of("molecules", 30_000), 15_000, 15_100)]
    read = [smiles for _, smiles in builtin_molecules() if parse(smiles)]
    assert [to_smiles(text, "smiles") for text in some[:20]] == [
        to_smiles(read[(15_000 + i) % len(read)], "smiles") for i in range(20)
    ]
    sentences = [*load.texts_of("sentences", 20_000)]
    assert len(set(sentences)) == len(sentences) == 20_000
    assert len(set(some)) > 90


@pytest.mark.parametrize(("domain", "verb"), [("molecules", "decode"), ("molecules", "score"), ("sentences", "encode")])
def test_a_row_comes_out_for_every_line(tmp_path, domain, verb):
    found = load.taken(domain, verb, 5, tmp_path)
    assert (found["rows"], found["missing"]) == (5, 0)
    assert found["peak_rss_gb"] > 0


def test_the_whole_training_set_is_that_of_moses_or_nothing(tmp_path, monkeypatch):
    def none(count):
        raise InputError("not at hand")

    monkeypatch.setattr(load.moses, "molecules", none)
    with pytest.raises(InputError, match="not at hand"):
        load.prepared(load.moses.TRAIN, tmp_path)


def test_it_is_told_how_many_molecules_are_accepted(tmp_path, monkeypatch):
    def place(texts, folder):
        (folder / "data/prepared/molecules").mkdir(parents=True)
        (folder / "data/prepared/molecules/summary.json").write_text(f'{{"accepted": {len(texts) - 1}}}')
        return folder

    monkeypatch.setattr(load, "with_molecules", place)
    monkeypatch.setattr(load, "size", lambda _: Footprint(7, 2.0, 0.5))
    found = load.prepared(7, tmp_path)
    assert found == {"rows": 7, "rows_per_second": 3.5, "peak_rss_gb": 0.5, "accepted": 6}
