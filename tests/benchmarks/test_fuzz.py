import csv
import json
import random
import sys
from collections import Counter
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import fuzz, hostile, pages
from benchmarks.fuzz import accounted, as_read
from benchmarks.programs import ended
from pipelines import report
from vaemol.builtin import builtin_molecules
from vaemol.notation import to_smiles


def prepared(folder, accepted, rejected):
    pq.write_table(pa.table({"source_line": pa.array(accepted, pa.int64())}), folder / "rows.parquet")
    with (folder / "rejects.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["source_line", "reason"], *([line, "empty"] for line in rejected)])
    (folder / "summary.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("accepted", "rejected", "unaccounted", "out_of_order"),
    [
        ([2, 4, 7], [3, 5], 0, 0),
        ([2, 4], [3, 5], 1, 0),
        ([2, 4, 7], [3, 4, 5], 1, 0),
        ([2, 4, 7, 9], [3, 5], 1, 0),
        ([4, 2, 7], [5, 3], 0, 2),
        ([2, 2, 4, 7], [3, 5], 1, 1),
    ],
)
def test_every_row_is_to_be_there_once_and_in_order(tmp_path, accepted, rejected, unaccounted, out_of_order):
    found = accounted([2, 3, 4, 5, 7], prepared(tmp_path, accepted, rejected))
    assert (found["unaccounted_rows"], found["out_of_order"]) == (unaccounted, out_of_order)
    assert found["rejected_empty"] == found["rejected"] == len(rejected)


def test_where_nothing_was_prepared_every_row_is_missing(tmp_path):
    assert accounted([2, 3, 4], tmp_path) == {"unaccounted_rows": 3}


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("print('done')", ""),
        ("print('error: no', file=sys.stderr); sys.exit(1)", ""),
        ("1 / 0", "crashes"),
        ("import os; os.abort()", "crashes"),
        ("import time; time.sleep(60)", "hangs"),
    ],
)
def test_a_program_crashes_or_hangs_or_does_what_it_should(tmp_path, code, fault):
    assert ended([sys.executable, "-Sc", f"import sys; {code}"], tmp_path, seconds=3).fault == fault


def test_lines_are_read_as_the_command_lines_do():
    assert as_read(b"\xef\xbb\xbfa\rb\xff\r", "sentences") == ["a\rb\N{REPLACEMENT CHARACTER}"]
    assert as_read(b"C" * 1_000_000, "molecules") == [""]
    assert as_read(b"CCO ethanol", "molecules") == ["CCO ethanol", "CCO"]
    assert as_read(b" ", "molecules") == [" "]


def test_every_line_of_a_batch_goes_through_encode_and_decode(monkeypatch):
    monkeypatch.setattr(fuzz, "SAMPLE", 3)
    monkeypatch.setattr(fuzz, "_prepared", lambda *_: Counter())
    reported = []
    monkeypatch.setattr(fuzz, "_reported", lambda domain, texts, place: reported.append(len(texts)) or Counter())
    found = fuzz.done("molecules", 0, 40)
    assert (found["inputs"], found["lines"], found["report_inputs"]) == (40, 40, 40)
    assert (found["unaccounted_rows"], found["swapped_rows"]) == (0, 0)
    assert 40 < reported[0] <= 43


def test_a_text_that_comes_out_for_another_line_is_told_from_one_that_is_as_likely():
    once = ["a", "b", "c", "d", ""]
    assert fuzz.swapped(once, once) == {"swapped_rows": 0, "decoded_otherwise": 0}
    assert fuzz.swapped(once, ["a", "c", "b", "e", "x"]) == {"swapped_rows": 2, "decoded_otherwise": 2}


def test_a_line_that_kills_its_reader_is_counted(tmp_path, monkeypatch):
    def through(domain, lines, place):
        whys = ("", "got 'C': crashed", "got 'N': timeout", "got 'crashed': no text")
        told = [{"smiles": line.decode(), "error": why} for line, why in zip(lines, whys, strict=True)]
        return told, [{"smiles": "C" if not row["error"] else "", "error": row["error"]} for row in told], Counter()

    monkeypatch.setattr(fuzz, "_through", through)
    _, found = fuzz._commanded("molecules", ["O", "C", "N", "crashed"], tmp_path)
    assert (found["lines_crashed"], found["lines_timed_out"], found["encoded"]) == (1, 1, 1)


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_row_is_to_hold_what_stands_in_its_line(tmp_path, exchanged):
    texts = {2: "The  old boat", 3: "A letter", 4: "<b>", 5: "word " * 99, 6: "w" * 600}
    kept = ["A letter", "The old boat"] if exchanged else ["The old boat", "A letter"]
    pq.write_table(pa.table({"source_line": [2, 3, 4], "text": [*kept, "anything"]}), tmp_path / "rows.parquet")
    with (tmp_path / "rejects.csv").open("w", newline="") as file:
        refused = [(5, texts[6] if exchanged else texts[5]), (6, texts[5] if exchanged else texts[6])]
        csv.writer(file).writerows([["source_line", "text"], *refused])
    (tmp_path / "summary.json").write_text('{"settings": {"max_words": 50, "max_characters": 500, "lower": false}}')
    found = fuzz.misplaced("sentences", texts, tmp_path, random.Random(0))
    assert found == {"misplaced_rows": 4 if exchanged else 0, "looked_into": 4}


@pytest.mark.parametrize("suffix", fuzz.SUFFIXES["molecules"])
def test_a_molecule_is_to_be_that_of_its_line(tmp_path, suffix):
    texts = hostile.written(["CCO", "OCc1ccccc1", "C N", ""], tmp_path / f"hostile{suffix}", column="smiles")
    how = {"notation": "smiles", "standardise": True, "max_characters": 250, "max_heavy_atoms": 50}
    titled = [smiles for _, smiles in islice(builtin_molecules(), 4)] if suffix == ".sdf" else [*texts.values()]
    (tmp_path / "summary.json").write_text(json.dumps({"settings": how}))
    (tmp_path / "rejects.csv").write_text("source_line,text\n")
    plain = {
        line: text for (line, own), text in zip(texts.items(), titled, strict=True) if fuzz._plain("molecules", own)
    }
    rows = {line: fuzz._read("molecules", texts[line], how) for line in plain}
    if suffix != ".sdf":  # a block without places of atoms has no stereo
        assert rows == {line: to_smiles(text, "smiles") for line, text in plain.items()}
    for shift in (0, 1):
        held = [*rows.values()][shift:] + [*rows.values()][:shift]
        pq.write_table(pa.table({"source_line": [*rows], "text": held}), tmp_path / "rows.parquet")
        found = fuzz.misplaced("molecules", texts, tmp_path, random.Random(0))
        assert found == {"misplaced_rows": len(rows) * shift, "looked_into": len(rows)}


@pytest.mark.parametrize("domain", ["molecules", "sentences"])
def test_every_text_is_laid_into_a_table_of_its_report(tmp_path, domain):
    texts = [f"text {number}" for number in range(fuzz.PAGE)]
    root = pages.laid_out(domain, texts, tmp_path, proposals=fuzz.PROPOSALS)
    cells = {cell for path in root.rglob("*.csv") for row in csv.reader(path.read_text().splitlines()) for cell in row}
    assert {*texts} <= cells


@pytest.mark.parametrize("domain", ["molecules", "sentences"])
def test_a_report_over_many_proposals_is_small_and_says_what_it_leaves_out(tmp_path, domain):
    root = pages.laid_out(domain, ["CCO", "<script>", "c1ccccc1", ""], tmp_path, proposals=10_000)
    page = report.page(root)
    assert len(page) < report.LARGEST
    assert "script" not in {tag for tag, *_ in pages.Elements(page).found}
    said = page.decode()
    assert "Shown are 24 of 10,000; all are in <code>reports/" in said
    assert "1,000 of 10,000 valid and test rows" in said
    best = "optimize/best.csv" if domain == "molecules" else "interpolate/imputed.csv"
    for file in ("evaluate/samples.csv", "evaluate/reconstructions.csv", "interpolate/paths.csv", best):
        assert f"<code>reports/{domain}/{file}</code>" in said
