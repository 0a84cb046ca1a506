"""Sets made of shares of tables, and rows cut by the vocabulary of a model that is there."""

import itertools
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest
from rdkit.Chem import CanonSmiles

from pipelines.params import MoleculePrepareParams, SentencePrepareParams
from pipelines.prepare import prepare_corpus
from pipelines.sources import Raw, RawFile, Table
from vaemol.notation import SELFIES_PATTERN, symbols, to_text
from vaeseq.errors import InputError
from vaeseq.tokenizer import Tokenizer

CHAINS = ["".join(atoms) + "c1ccccc1" for atoms in itertools.product("CNO", repeat=3)]
SETTINGS = MoleculePrepareParams(valid_fraction=0.2, test_fraction=0.2, workers=1)


def raw_folder(
    folder: Path, tables: dict[str, tuple[list[str], float]], rows: int | None = None, **split: Literal["train", "test"]
) -> Path:
    folder.mkdir()
    for name, (smiles, _) in tables.items():
        (folder / name).write_text("\n".join(smiles) + "\n", encoding="utf-8")
    Raw(
        name="toy",
        domain="molecules",
        licence="CC0",
        attribution="nobody",
        rows=rows,
        tables=tuple(
            Table(file=name, format="smi", share=share, split=split.get(name.removesuffix(".smi")))
            for name, (_, share) in tables.items()
        ),
        files=tuple(RawFile(path=name, sha256="0" * 64, bytes=1) for name in tables),
    ).save(folder)
    return folder


def test_a_table_gives_its_share_and_the_draw_is_of_what_is_left(tmp_path: Path) -> None:
    tables = {"half.smi": (CHAINS[:20], 0.5), "whole.smi": (CHAINS[20:], 1.0)}
    drawn = {}
    for rows in (None, 12):
        raw = raw_folder(tmp_path / f"raw-{rows}", tables, rows)
        summary = prepare_corpus(raw, tmp_path / f"out-{rows}", SETTINGS)
        drawn[rows] = pq.read_table(tmp_path / f"out-{rows}/rows.parquet")["source_id"].to_pylist()
        assert (summary["source_rows"], summary["input"]) == (len(CHAINS), len(drawn[rows]))
    assert [name.split(":")[0] for name in drawn[None]] == ["half.smi"] * 10 + ["whole.smi"] * (len(CHAINS) - 20)
    assert len(drawn[12]) == 12
    assert set(drawn[12]) < set(drawn[None])


def test_what_is_held_out_of_one_set_is_held_out_of_a_set_that_contains_it(tmp_path: Path) -> None:
    def held_out(name: str, tables: dict[str, tuple[list[str], float]], **split: Literal["train", "test"]) -> set[str]:
        prepare_corpus(raw_folder(tmp_path / name, tables, **split), tmp_path / f"{name}-out", SETTINGS)
        rows = pq.read_table(tmp_path / f"{name}-out/rows.parquet", columns=["smiles", "split"]).to_pylist()
        return {row["smiles"] for row in rows if row["split"] != "train"}

    alone = held_out("alone", {"own.smi": (CHAINS, 1.0)})
    own = {"own.smi": (CHAINS, 1.0)}
    assert held_out("mixed", {"given.smi": (CHAINS[:20], 1.0)} | own, given="train") == alone
    tested = held_out("tested", {"given.smi": (CHAINS[:6], 1.0)} | own, given="test")
    assert tested == alone | set(map(CanonSmiles, CHAINS[:6]))


def test_a_row_that_the_vocabulary_of_a_model_cannot_spell_is_rejected(tmp_path: Path) -> None:
    known = {symbol for smiles in CHAINS for symbol in symbols(to_text(smiles, "selfies"), "selfies")}
    tokenizer = Tokenizer.of_symbols(known, SELFIES_PATTERN)
    (tmp_path / "model").mkdir()
    tokenizer.save(tmp_path / "model/tokenizer.json")
    (tmp_path / "model/config.json").write_text('{"domain": {"cut": "words"}}', encoding="utf-8")
    raw = raw_folder(tmp_path / "raw", {"some.smi": ([*CHAINS[:20], "CCBr", "CSC", "BrCCBr"], 1.0)})
    summary = prepare_corpus(raw, tmp_path / "out", SETTINGS, start=tmp_path / "model")
    assert summary["rejected"] == {"unknown_symbol": 3}
    assert (summary["accepted"], summary["unknown_symbols"], summary["vocabulary"]) == (20, 0, tokenizer.size)
    assert Tokenizer.load(tmp_path / "out/tokenizer.json") == tokenizer


def test_what_a_model_cuts_into_pieces_is_not_told_as_words(tmp_path: Path) -> None:
    lines = [f"{who} saw {what}." for who in "abcdefghij" for what in "klmnopqrst"]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "some.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {"name": "toy", "domain": "sentences", "licence": "CC0", "attribution": "nobody"}
    files = (RawFile(path="some.txt", sha256="0" * 64, bytes=1),)
    Raw(tables=(Table(file="some.txt", format="txt"),), files=files, **facts).save(raw)
    (tmp_path / "model").mkdir()
    Tokenizer.of_bpe(lines, size=300).save(tmp_path / "model/tokenizer.json")
    model = tmp_path / "model/config.json"
    model.write_text('{"domain": {"name": "sentences", "cut": "bpe", "vocabulary": 300}}', encoding="utf-8")
    asked = SentencePrepareParams(cut="words", workers=1)
    summary = prepare_corpus(raw, tmp_path / "out", asked, start=tmp_path / "model")
    assert summary["cut"] == summary["settings"]["cut"] == "bpe"
    assert summary["settings"]["vocabulary"] == 300
    model.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="must be the folder of a model"):
        prepare_corpus(raw, tmp_path / "out", asked, start=tmp_path / "model")
