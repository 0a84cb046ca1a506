import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks import attributes, record
from benchmarks.shown_sentences import MATRICES
from vaeseq.inversion import Inverted
from vaetext.everyday import LABELS, sentences
from vaetext.space import SentenceSpace

CHANGES = [f"{label}_{was}_to_{wanted}" for label, was, wanted in attributes.CHANGES]


def test_shares_are_of_all_sentences() -> None:
    rows = list(sentences(400, seed=0))
    first = rows[0]
    same = next(row for row in rows[1:] if row["tense"] == first["tense"])
    other = next(row for row in rows if row["tense"] != first["tense"])
    found = [first["text"], other["text"], "no sentence of that grammar"]
    shares = attributes.shares([first, same, first], "tense", first["tense"], found)
    rest = [all(a[n] == b[n] for n in LABELS if n != "tense") for a, b in ((first, first), (other, same))]
    assert shares == {"parses": 2 / 3, "changed": 1 / 3, "rest_kept": sum(rest) / 3, "both": 1 / 3}


def test_the_table_has_all_changes_each_both_ways() -> None:
    assert sorted(MATRICES["attributes_everyday"].rows) == sorted(CHANGES)
    assert {(label, wanted, was) for label, was, wanted in attributes.CHANGES} == set(attributes.CHANGES)


def test_each_change_is_of_its_test_sentences_beside_its_control(model, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    monkeypatch.setattr(record, "circumstances", dict)
    for name, value in {"LEARNT": 20, "TRIED": 3, "STRENGTHS": (1.0,), "BEAMS": 2}.items():
        monkeypatch.setattr(attributes, name, value)
    monkeypatch.setattr(attributes, "CHANGES", attributes.CHANGES[-2:])
    # Codes of an untrained model that give a text back are sought long and in vain.
    monkeypatch.setattr(
        SentenceSpace, "pinned", lambda space, texts: Inverted(space.encode(texts).mean, torch.ones(len(texts)) > 0)
    )
    shutil.copytree(model, "models/sentences")
    rows = [row | {"split": ("train", "train", "test")[i % 3]} for i, row in enumerate(sentences(400, seed=0))]
    folder = tmp_path / "data/prepared/sentences"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    attributes.main()
    found = json.loads((record.RESULTS / "attributes_everyday.json").read_text(encoding="utf-8"))["figures"]
    assert list(found) == ["subject_he_she_to_they", "subject_they_to_he_she"]
    for row in found.values():
        assert row.pop("rows") == 3
        assert row.keys() == {"nearest", "nearest_control", "strength_1", "control"}
        assert all(0 <= share <= 1 for shares in row.values() for share in shares.values())
