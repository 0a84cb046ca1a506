"""A model of one's own file in a script that puts no space between words."""

import csv
import json
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from pipelines import cli, fit
from pipelines.plan import SETTINGS
from pipelines.tables import table

SMALL = {"embedding": 8, "encoder_hidden": 8, "decoder_hidden": 12, "language_hidden": 8}
LETTERS = "一二三四五六七八九十我你他喝茶去学校回家"


def lines() -> list[str]:
    """Sentences, one that is wrapped, one of a word, one that comes twice, one that is too long, and blank lines."""
    chance = random.Random(0)
    found = ["".join(chance.choices(LETTERS, k=chance.randint(8, 14))) + "。" for _ in range(160)]
    return [*found, "", "这个句子很长所以", "断在行尾。", "  ", "茶", found[0], "长" * 1_000_000, ""]


def test_a_document_without_spaces_becomes_a_model_with_paths_and_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "LEAST", 5)
    small = {"pairs": 1, "random": 1, "beams": 4, "imputed_rows": 2}
    monkeypatch.setitem(SETTINGS["sentences"], "interpolate", small)
    monkeypatch.setitem(SETTINGS["sentences"], "model", SMALL)
    (tmp_path / "mine.txt").write_text("\n".join(lines()) + "\n", encoding="utf-8")
    assert cli.vaetext(["fit", "mine.txt", "--minutes", "0.01", "--output", "told.json"]) == 0
    assert "Traceback" not in capfd.readouterr().err
    (told,) = json.loads((tmp_path / "told.json").read_text())
    folder = tmp_path / "mine-sentences"
    assert YAML(typ="safe").load((folder / "params.yaml").read_text())["sentences"]["prepare"]["cut"] == "bpe"

    with (folder / "data/prepared/sentences/rejects.csv").open(encoding="utf-8", newline="") as file:
        reasons = Counter(row["reason"] for row in csv.DictReader(file))
    assert reasons == {"duplicate": 1, "too_long": 1}
    assert int(told["rows"]) + int(told["rejected"]) == sum(bool(line.strip()) for line in lines()) == 165
    texts = pq.read_table(folder / "data/prepared/sentences/rows.parquet")["text"].to_pylist()
    assert {"这个句子很长所以", "断在行尾。", "茶"} < set(texts), "a line is a row, and nothing is joined"

    found = folder / "reports/sentences/interpolate"
    gaps = table(found / "imputed.csv")
    assert gaps
    assert all(row["text"].count("___") == 2 and "___" not in row["completion"] for row in gaps)
    assert 'id="sentences-imputed"' in (folder / "reports/index.html").read_text(encoding="utf-8")
    assert all(float(row["nats_a_word"]) < 50 for row in table(found / "paths.csv"))
