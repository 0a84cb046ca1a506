import csv
import sys
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import fuzz, pages
from benchmarks.fuzz import accounted, as_read
from benchmarks.programs import ended
from pipelines import report


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
    assert (found["inputs"], found["lines"], found["unaccounted_rows"]) == (40, 40, 0)
    assert 3 < reported[0] <= 6


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
