"""Hostile rows through prepare, encode, decode and the report: does anything crash, hang, or lose a row?

Run as ``python -m benchmarks.fuzz [INPUTS]``, so many of each domain, from a clean checkout. Every input goes through
the prepare stage, in files of each kind by turns, and as a line through ``encode`` and then ``decode`` of ``vaemol`` or
``vaetext``; of what came out a sample is laid into reports beside as many inputs. All of it runs in processes of its
own. A batch is a function of the seed and its number; one that is done is kept in ``work/`` and not
done again, as long as the commit is the same.
"""

from pipelines.stage import DOMAINS

import csv
import json
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import hostile, pages
from benchmarks.preparing import placed
from benchmarks.programs import COLUMN, command, ended
from benchmarks.record import circumstances, write
from pipelines.resume import locked, work_folder
from pipelines.sources import Domain
from vaeseq.commands import code_columns
from vaeseq.console import LONGEST_LINE
from vaeseq.files import replacing

INPUTS, BATCH, SEED = 1_000_000, 25_000, 0
SAMPLE = 500  # of each batch, for the reports
REPORTS, PROPOSALS = 3, 50  # of each batch, and the rows of each of their tables
PATIENCE = 1_800.0  # seconds, after which a program counts as one that hangs
INPUTS_OF = {"molecules": hostile.molecules, "sentences": hostile.sentences}
SUFFIXES = {"molecules": (".smi", ".csv", ".sdf", ".parquet"), "sentences": (".txt", ".csv", ".parquet")}
FAULTS = ("crashes", "hangs", "unaccounted_rows", "out_of_order", "foreign_markup")


def done(domain: Domain, batch: int, count: int) -> Counter[str]:
    """What became of the inputs of one batch."""
    started = time.monotonic()
    texts = INPUTS_OF[domain](count, SEED, batch)
    suffix, chance = SUFFIXES[domain][batch % len(SUFFIXES[domain])], random.Random(batch)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        found = _prepared(domain, texts, suffix, place)
        came_out, of_lines = _commanded(domain, texts, place)
        found.update(of_lines)
        short = [text for text in texts if len(text) < hostile.LONG]  # prepare takes no longer one, so no report has it
        chosen = [chance.sample(its, min(SAMPLE, len(its))) for its in (came_out, short)]
        found.update(_reported(domain, [*chain(*chosen)], place))
    return found + Counter(inputs=count, seconds=math.ceil(time.monotonic() - started))


def _prepared(domain: Domain, texts: list[str], suffix: str, place: Path) -> Counter[str]:
    file = place / f"hostile{suffix}"
    starts = hostile.written(texts, file, column=COLUMN[domain])
    placed(file, domain)
    end = ended([sys.executable, "-m", "pipelines.prepare", domain], place, seconds=PATIENCE)
    found = accounted(starts, place / "data" / "prepared" / domain)
    return found + Counter({end.fault: 1} if end.fault else {}) + Counter(blank=len(texts) - len(starts))


def accounted(starts: Sequence[int], folder: Path) -> Counter[str]:
    """What a prepared folder says of the rows that start at these lines of the source."""
    if not (folder / "summary.json").exists():
        return Counter(unaccounted_rows=len(starts))
    accepted = pq.read_table(folder / "rows.parquet", columns=["source_line"])["source_line"].to_pylist()
    with (folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
        rejected = [(int(row["source_line"]), row["reason"]) for row in csv.DictReader(file)]
    refused = [line for line, _ in rejected]
    seen, known = Counter([*accepted, *refused]), set(starts)
    return Counter(
        accepted=len(accepted),
        rejected=len(refused),
        unaccounted_rows=sum(abs(seen[line] - 1) for line in starts) + sum(seen[line] for line in seen.keys() - known),
        out_of_order=sum(b <= a for lines in (accepted, refused) for a, b in pairwise(lines)),
        **Counter(f"rejected_{reason}" for _, reason in rejected),
    )


def _commanded(domain: Domain, texts: list[str], place: Path) -> tuple[list[str], Counter[str]]:
    """What comes out of ``decode`` for what comes out of ``encode``, and what is wrong with either."""
    lines = [hostile.line_of(text) for text in texts]
    told, found = _told(command(domain, "encode"), lines, place)
    column = COLUMN[domain]
    kept = [row[column] in as_read(line, domain) for row, line in zip(told, lines, strict=False)]
    found["unaccounted_rows"] += len(kept) - sum(kept)
    names = [name for name in told[0] if name.startswith("z_")] if told else code_columns(1)
    codes = [
        line if row["error"] else ",".join(str(row[name]) for name in names).encode()
        for row, line in zip(told, lines, strict=False)
    ]
    written, faults = _told(command(domain, "decode"), [",".join(names).encode(), *codes], place, headers=1)
    right = [bool(row["error"]) == bool(code["error"]) for row, code in zip(written, told, strict=False)]
    faults["unaccounted_rows"] += len(right) - sum(right)
    coded = sum(not row["error"] for row in told)
    return [row[column] for row in written if row[column]], found + faults + Counter(encoded=coded, lines=len(lines))


def _told(
    program: list[str], lines: list[bytes], place: Path, *, headers: int = 0
) -> tuple[list[dict[str, object]], Counter[str]]:
    """The rows that a command line writes of lines, one of each, and how many are missing."""
    end = ended(program, place, given=b"".join(line + b"\n" for line in lines), seconds=PATIENCE)
    rows = json.loads(end.out) if end.out and not end.fault else []
    missing = abs(len(lines) - headers - len(rows))
    return rows, Counter(unaccounted_rows=missing, **({end.fault: 1} if end.fault else {}))


def as_read(line: bytes, domain: Domain) -> list[str]:
    """The text that a command line is to give back of a line; of a molecule without a name that stands behind it."""
    if len(line) >= LONGEST_LINE:
        return [""]
    text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n").decode("utf-8", "replace")
    return [text, *text.split()[:1]] if domain == "molecules" and text.split() else [text]


def _reported(domain: Domain, texts: list[str], place: Path) -> Counter[str]:
    """What is wrong with pages over texts."""
    folder = place / "pages"
    for number in range(REPORTS):
        chosen = random.Random(number).sample(texts, len(texts))
        pages.laid_out(domain, chosen, folder / str(number), proposals=PROPOSALS)
    end = ended([sys.executable, "-m", "benchmarks.pages", str(folder)], place, seconds=PATIENCE)
    if end.fault:
        return Counter({end.fault: 1})
    found = json.loads(end.out) if end.out else {"pages": 0, "foreign_markup": 0}
    return Counter(pages=found["pages"], foreign_markup=found["foreign_markup"])


def summed(domain: Domain, inputs: int) -> Counter[str]:
    """The batches of a domain together, of which those that are kept are not done again."""
    settings = json.dumps([domain, SEED, BATCH, SAMPLE, REPORTS, PROPOSALS, circumstances()["commit"]])
    total: Counter[str] = Counter()
    with locked(work_folder(f"fuzz-{domain}", settings)) as work:
        for batch, first in enumerate(range(0, inputs, BATCH)):
            count = min(BATCH, inputs - first)
            kept = work / f"{batch}-{count}.json"
            if not kept.exists():
                found = done(domain, batch, count)
                with replacing(kept) as partial:
                    partial.write_text(json.dumps(found) + "\n", encoding="utf-8")
            total.update(json.loads(kept.read_text(encoding="utf-8")))
            told = ", ".join(f"{total[name]} {name.replace('_', ' ')}" for name in FAULTS)
            print(f"{domain}: {first + count:,} of {inputs:,}, {told}", file=sys.stderr, flush=True)
    return total


def main(inputs: int) -> None:
    """Write ``benchmarks/results/trust_fuzz.json``."""
    begun = circumstances()
    found = {domain: summed(domain, inputs) for domain in DOMAINS}
    write(
        "trust_fuzz",
        command=f"python -m benchmarks.fuzz {inputs}",
        data={"name": "made up", "rows": inputs * len(DOMAINS)},
        seed=SEED,
        budget={
            "batch": BATCH,
            "reported_of_a_batch": 2 * SAMPLE,
            "reports_of_a_batch": REPORTS,
            "patience_seconds": PATIENCE,
        },
        figures={
            "smiles_inputs": found["molecules"]["inputs"],
            "sentence_inputs": found["sentences"]["inputs"],
            "lines": sum(its["lines"] for its in found.values()),
            **{name: sum(its[name] for its in found.values()) for name in FAULTS},
            **{domain: dict(sorted(its.items())) for domain, its in found.items()},
        },
        begun=begun,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS)
