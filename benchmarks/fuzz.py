"""Hostile rows through prepare, encode, decode and the report: does anything crash, hang, or lose a row?

Run as ``python -m benchmarks.fuzz [INPUTS]``, so many of each domain, from a clean checkout. Every input goes through
the prepare stage, in files of each kind by turns, and as a line through ``encode`` and then ``decode`` of ``vaemol`` or
``vaetext``; every one that is not too long for prepare is laid into the tables of a report, with a sample of what came
out. All of it runs in processes of its own. A batch is a function of the seed and its number; one that is done is kept
in ``work/`` and not done again, as long as the commit is the same.

Rows are to come out in order: lines of the source rise; a row of plain text holds what stands in its line, which for
some of the accepted ones is made anew; and the first lines of a batch, given in reverse too, decode to the same texts.
Where one does not but to a text of no other line, two symbols were as likely up to rounding.
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
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
from rdkit import Chem, rdBase

from benchmarks import hostile, pages
from benchmarks.preparing import placed
from benchmarks.programs import COLUMN, command, ended
from benchmarks.record import circumstances, write
from pipelines.lines import SHOWN
from pipelines.resume import locked, work_folder
from pipelines.sources import Domain
from vaemol.molecule import Limits
from vaemol.record import molecule_text
from vaeseq.commands import code_columns
from vaeseq.console import LONGEST_LINE
from vaeseq.errors import Rejected
from vaeseq.files import replacing, unmarked
from vaetext.sentence import sentence_record

INPUTS, BATCH, SEED = 1_000_000, 25_000, 0
READ = 300  # of the rows that prepare accepts of each batch, made anew
REVERSED = 5_120  # of each batch, whole chunks of the command lines: in reverse each holds the same lines
SAMPLE = 500  # of what came out of each batch, for the reports
PAGE, PROPOSALS = 1_000, 67  # texts of a report, and the rows of each of its tables, which hold them all
PATIENCE = 1_800.0  # seconds, after which a program counts as one that hangs
INPUTS_OF = {"molecules": hostile.molecules, "sentences": hostile.sentences}
SUFFIXES = {"molecules": (".smi", ".csv", ".sdf", ".parquet"), "sentences": (".txt", ".csv", ".parquet")}
FAULTS = ("crashes", "hangs", "unaccounted_rows", "out_of_order", "misplaced_rows", "swapped_rows", "foreign_markup")


def done(domain: Domain, batch: int, count: int) -> Counter[str]:
    """What became of the inputs of one batch."""
    started = time.monotonic()
    texts = INPUTS_OF[domain](count, SEED, batch)
    suffix, chance = SUFFIXES[domain][batch % len(SUFFIXES[domain])], random.Random(batch)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        found = _prepared(domain, texts, suffix, place, chance)
        came_out, of_lines = _commanded(domain, texts, place)
        found.update(of_lines)
        laid = [text for text in texts if len(text) < hostile.LONG]  # prepare takes no longer one, so no report has it
        found["report_inputs"] += len(laid)
        laid += chance.sample(came_out, min(SAMPLE, len(came_out)))
        chance.shuffle(laid)
        found.update(_reported(domain, laid, place))
    return found + Counter(inputs=count, seconds=math.ceil(time.monotonic() - started))


def _prepared(domain: Domain, texts: list[str], suffix: str, place: Path, chance: random.Random) -> Counter[str]:
    file = place / f"hostile{suffix}"
    rows = hostile.written(texts, file, column=COLUMN[domain])
    placed(file, domain)
    end = ended([sys.executable, "-m", "pipelines.prepare", domain], place, seconds=PATIENCE)
    folder = place / "data" / "prepared" / domain
    found = accounted([*rows], folder) + Counter({end.fault: 1} if end.fault else {})
    if (folder / "summary.json").exists():
        found += misplaced(domain, rows, folder, chance)
    return found + Counter(blank=len(texts) - len(rows))


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


def misplaced(domain: Domain, texts: Mapping[int, str], folder: Path, chance: random.Random) -> Counter[str]:
    """Rows of a prepared folder that do not hold what stands in their lines, as far as that is plain to see."""
    with (folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
        refused = [(unmarked(row["text"]), texts.get(int(row["source_line"]), "")) for row in csv.DictReader(file)]
    refused = [(held, text) for held, text in refused if _plain(domain, text) and "\n" not in text]
    settings = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["settings"]
    rows = pq.read_table(folder / "rows.parquet", columns=["source_line", "text"]).to_pylist()
    accepted = [(row["text"], texts.get(row["source_line"], "")) for row in rows]
    accepted = [(held, text) for held, text in accepted if _plain(domain, text)]
    accepted = chance.sample(accepted, min(READ, len(accepted)))
    wrong = sum(held.strip() != text[:SHOWN].strip() for held, text in refused)
    wrong += sum(held != _read(domain, text, settings) for held, text in accepted)
    return Counter(misplaced_rows=wrong, looked_into=len(refused) + len(accepted))


def _plain(domain: Domain, text: str) -> bool:
    """Whether every reader of a source file sees the same in it, the whole of it."""
    record = "M  END" in text
    flat = text.replace("\n", "") if record else text
    alone = record or domain == "sentences" or len(text.split()) == 1
    begins = record or text[:1].isalnum()
    return len(text) < hostile.LONG and flat.isascii() and flat.isprintable() and alone and begins


def _read(domain: Domain, text: str, settings: Mapping[str, object]) -> str | None:
    """The text of the row that this one is to be."""
    try:
        if domain == "sentences":
            limits = {name: settings[name] for name in ("max_words", "max_characters", "lower")}
            return str(sentence_record(text, **limits)["text"])
        with rdBase.BlockLogs():
            smiles = Chem.MolToSmiles(Chem.MolFromMolBlock(text)) if "M  END" in text else text
        limits = Limits(settings["max_characters"], settings["max_heavy_atoms"])
        how = {name: settings[name] for name in ("notation", "standardise")}
        return molecule_text(smiles, limits=limits, **how)[0]
    except Rejected:
        return None


def _commanded(domain: Domain, texts: list[str], place: Path) -> tuple[list[str], Counter[str]]:
    """What comes out of ``decode`` for what comes out of ``encode``, and what is wrong with either."""
    lines, column = [hostile.line_of(text) for text in texts], COLUMN[domain]
    told, written, found = _through(domain, lines, place)
    kept = [row[column] in as_read(line, domain) for row, line in zip(told, lines, strict=False)]
    found["unaccounted_rows"] += len(kept) - sum(kept)
    why = Counter(str(row["error"]).rpartition(": ")[2] for row in told)
    found.update(lines_crashed=why["crashed"], lines_timed_out=why["timeout"])
    _, again, faults = _through(domain, lines[:REVERSED][::-1], place)
    once = [row[column] for row in written[:REVERSED]]
    found.update(faults + swapped(once, [row[column] for row in reversed(again)]))
    coded = sum(not row["error"] for row in told)
    return [row[column] for row in written if row[column]], found + Counter(encoded=coded, lines=len(lines))


def _through(
    domain: Domain, lines: list[bytes], place: Path
) -> tuple[list[dict[str, object]], list[dict[str, object]], Counter[str]]:
    """The rows of ``encode`` for these lines, and those of ``decode`` for their codes; bad lines are bad codes too."""
    told, found = _told(command(domain, "encode"), lines, place)
    names = [name for name in told[0] if name.startswith("z_")] if told else code_columns(1)
    codes = [
        line if row["error"] else ",".join(str(row[name]) for name in names).encode()
        for row, line in zip(told, lines, strict=False)
    ]
    written, faults = _told(command(domain, "decode"), [",".join(names).encode(), *codes], place, headers=1)
    right = [bool(row["error"]) == bool(code["error"]) for row, code in zip(written, told, strict=False)]
    faults["unaccounted_rows"] += len(right) - sum(right)
    return told, written, found + faults


def swapped(once: Sequence[str], again: Sequence[str]) -> Counter[str]:
    """Of texts that came out twice, how many are those of other lines the second time, and how many of none."""
    others = {text for text in once if text}
    changed = [new for old, new in zip(once, again, strict=False) if old != new]
    of_others = sum(new in others for new in changed)
    return Counter(swapped_rows=of_others, decoded_otherwise=len(changed) - of_others)


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
    for first in range(0, len(texts), PAGE):
        pages.laid_out(domain, texts[first : first + PAGE], folder / f"{first:09}", proposals=PROPOSALS)
    end = ended([sys.executable, "-m", "benchmarks.pages", str(folder)], place, seconds=PATIENCE)
    if end.fault:
        return Counter({end.fault: 1})
    found = json.loads(end.out) if end.out else {"pages": 0, "foreign_markup": 0}
    return Counter(pages=found["pages"], foreign_markup=found["foreign_markup"])


def summed(domain: Domain, inputs: int) -> Counter[str]:
    """The batches of a domain together, of which those that are kept are not done again."""
    settings = json.dumps([domain, SEED, BATCH, READ, REVERSED, SAMPLE, PAGE, PROPOSALS, circumstances()["commit"]])
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
            "made_anew_of_a_batch": READ,
            "reversed_of_a_batch": REVERSED,
            "texts_of_a_report": PAGE,
            "patience_seconds": PATIENCE,
        },
        figures={
            "smiles_inputs": found["molecules"]["inputs"],
            "sentence_inputs": found["sentences"]["inputs"],
            "lines": sum(its["lines"] for its in found.values()),
            **{name: sum(its[name] for its in found.values()) for name in (*FAULTS, "report_inputs")},
            "rows_crashed": sum(its["rejected_crashed"] + its["lines_crashed"] for its in found.values()),
            "rows_timed_out": sum(its["rejected_timeout"] + its["lines_timed_out"] for its in found.values()),
            **{domain: dict(sorted(its.items())) for domain, its in found.items()},
        },
        begun=begun,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS)
