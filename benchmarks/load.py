"""Does memory stay flat, and the report small, whatever the load?

Run as ``python -m benchmarks.load [LINES]``, by default 10^6: so many lines, a tenth and a hundredth of them, through
``vaemol encode`` and ``vaetext encode`` on standard input; a report over 10,000 proposals of each kind; and the prepare
stage on as many molecules as MOSES has to train on, or with fewer lines as on these. They are of MOSES where that is at
hand, else built-in ones over and over. Each figure is written as soon as it is measured.
"""

from pipelines.stage import DOMAINS

import itertools
import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks import footprint, moses, pages
from benchmarks.footprint import Footprint
from benchmarks.hostile import WORDS
from benchmarks.parts import Parts
from benchmarks.preparing import size, with_molecules
from benchmarks.programs import command
from pipelines import report
from pipelines.sources import Domain
from vaemol.builtin import builtin_molecules
from vaeseq.errors import InputError

LINES, PROPOSALS = 1_000_000, 10_000
SHARES = {"hundredth": 100, "tenth": 10, "all": 1}  # of the lines


def texts_of(domain: Domain, count: int) -> list[str]:
    """Built-in molecules, or rows of words, over and over."""
    some = (smiles for _, smiles in builtin_molecules())
    if domain == "sentences":
        some = (" ".join(words) for words in itertools.permutations(WORDS[:11], 4))
    return list(itertools.islice(itertools.cycle(some), count))


def encoded(domain: Domain, count: int, folder: Path) -> dict[str, float]:
    """What a command line takes for so many lines on its standard input."""
    lines, out = folder / "lines", folder / "out"
    lines.write_text("\n".join(texts_of(domain, count)) + "\n", encoding="utf-8")
    program = command(domain, "encode")
    with footprint.watched() as seen, lines.open("rb") as given, out.open("wb") as taken:
        started = time.perf_counter()
        subprocess.run(program, stdin=given, stdout=taken, stderr=subprocess.DEVNULL, check=False)
        seconds = time.perf_counter() - started
    with out.open(encoding="utf-8") as rows:
        came = sum(line.startswith("{") for line in rows)
    return _told(Footprint(came, seconds, max(seen) / 1e9)) | {"missing": count - came}


def prepared(count: int, folder: Path) -> dict[str, float]:
    """What the prepare stage takes for so many molecules, all its processes together."""
    return _told(size(with_molecules(molecules(count), folder / "prepared")))


def molecules(count: int) -> list[str]:
    """Of MOSES, or where that cannot be had built-in ones."""
    try:
        return moses.molecules(count)
    except InputError:
        return texts_of("molecules", count)


def _told(found: Footprint) -> dict[str, float]:
    return {
        "rows": found.value,
        "rows_per_second": found.value / found.seconds,
        "peak_rss_gb": found.peak_rss_gb,
    }


def reported(domain: Domain, proposals: int, folder: Path) -> dict[str, object]:
    """The bytes of a report over so many proposals of each kind, and what it says of those it does not show."""
    root = pages.laid_out(domain, texts_of(domain, proposals), folder / "report", proposals=proposals)
    page = report.page(root)
    says = re.findall(r"Shown are [\d,]+ of [\d,]+|[\d,]+ of [\d,]+ valid and test rows", page.decode("utf-8"))
    return {"proposals": proposals, "bytes": len(page), "most_bytes": report.LARGEST, "says": says}


def main(lines: int) -> None:
    """Write ``benchmarks/results/load_cpu.json``."""
    rows = moses.TRAIN if lines >= LINES else lines
    made = {
        f"encode_{domain}_{name}": partial(encoded, domain, lines // share)
        for domain in DOMAINS
        for name, share in SHARES.items()
    }
    made |= {f"report_{domain}": partial(reported, domain, PROPOSALS) for domain in DOMAINS}
    made["prepare_molecules"] = partial(prepared, rows)
    parts = Parts(
        "load_cpu",
        command=f"python -m benchmarks.load {lines}",
        data={"name": "builtin and moses", "rows": rows},
        seed=moses.SEED,
        budget={"lines": lines, "proposals": PROPOSALS},
    )
    for name, measure in made.items():
        with tempfile.TemporaryDirectory() as folder:
            parts.take(name, f"{name} {lines}", partial(measure, Path(folder)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
