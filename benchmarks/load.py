"""Does memory stay flat, and the report small, whatever the load?

Run as ``python -m benchmarks.load [LINES]``, by default 10^6: the prepare stage on as many molecules as MOSES has to
train on, which must be at hand, or with fewer lines on so many built-in ones; so many lines, a tenth and a hundredth of
them, through ``encode`` and ``decode`` of ``vaemol`` and ``vaetext`` and ``vaemol score`` on standard input; and a
report over 10,000 proposals of each kind. Of a million lines hardly two are the same: sentences are numbered, and of a
built-in molecule each SMILES has its atoms in another random order. Each figure is written as soon as it is measured.
"""

from pipelines.stage import DOMAINS

import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from rdkit import Chem

from benchmarks import footprint, moses, pages
from benchmarks.footprint import Footprint
from benchmarks.hostile import WORDS
from benchmarks.parts import Parts
from benchmarks.preparing import size, with_molecules
from benchmarks.programs import command
from pipelines import report
from pipelines.sources import Domain
from vaemol.builtin import builtin_molecules
from vaemol.molecule import parse

LINES, PROPOSALS = 1_000_000, 10_000
SHARES = {"hundredth": 100, "tenth": 10, "all": 1}  # of the lines
VERBS = {"molecules": ("encode", "decode", "score"), "sentences": ("encode", "decode")}


def texts_of(domain: Domain, count: int) -> Iterator[str]:
    """Built-in molecules with their atoms in random orders, or rows of words with a number, over and over."""
    if domain == "sentences":
        words = itertools.cycle(itertools.permutations(WORDS[:11], 4))
        yield from (f"{' '.join(its)} {number}" for number, its in enumerate(itertools.islice(words, count)))
        return
    known = [mol for _, smiles in builtin_molecules() if (mol := parse(smiles))]
    for number, mol in enumerate(itertools.islice(itertools.cycle(known), count)):
        yield Chem.MolToRandomSmilesVect(mol, 1, randomSeed=1 + number)[0]


def codes(domain: Domain, count: int) -> Iterator[str]:
    """A table of draws from a normal distribution, as many dimensions as the model of the package has."""
    first = subprocess.run(command(domain, "encode"), input=b"CCO\n", stdout=subprocess.PIPE, check=True).stdout
    names = [name for name in json.loads(first)[0] if name.startswith("z_")]
    yield ",".join(names)
    random = np.random.default_rng(moses.SEED)
    for _ in range(count):
        yield ",".join(f"{number:.3f}" for number in random.standard_normal(len(names)))


def taken(domain: Domain, verb: str, count: int, folder: Path) -> dict[str, float]:
    """What a command line takes for so many lines on its standard input."""
    lines, out = folder / "lines", folder / "out"
    with lines.open("w", encoding="utf-8") as file:
        made = codes(domain, count) if verb == "decode" else texts_of(domain, count)
        file.writelines(f"{line}\n" for line in made)
    program = command(domain, verb)
    with footprint.watched() as seen, lines.open("rb") as given, out.open("wb") as stream:
        started = time.perf_counter()
        subprocess.run(program, stdin=given, stdout=stream, stderr=subprocess.DEVNULL, check=False)
        seconds = time.perf_counter() - started
    with out.open(encoding="utf-8") as rows:
        came = sum(line.startswith("{") for line in rows)
    return _told(Footprint(came, seconds, max(seen) / 1e9)) | {"missing": count - came}


def prepared(count: int, folder: Path) -> dict[str, float]:
    """What the prepare stage takes for so many molecules, all its processes together, and how many it accepts.

    Raises:
        InputError: They are to be those of MOSES, and these cannot be had.
    """
    texts = moses.molecules(count) if count == moses.TRAIN else [*texts_of("molecules", count)]
    place = with_molecules(texts, folder / "prepared")
    found = _told(size(place))
    summary = json.loads((place / "data/prepared/molecules/summary.json").read_text(encoding="utf-8"))
    return found | {"accepted": summary["accepted"]}


def _told(found: Footprint) -> dict[str, float]:
    return {
        "rows": found.value,
        "rows_per_second": found.value / found.seconds,
        "peak_rss_gb": found.peak_rss_gb,
    }


def reported(domain: Domain, proposals: int, folder: Path) -> dict[str, object]:
    """The bytes of a report over so many proposals of each kind, and what it says of those it does not show."""
    root = pages.laid_out(domain, [*texts_of(domain, proposals)], folder / "report", proposals=proposals)
    page = report.page(root)
    says = re.findall(r"Shown are [\d,]+ of [\d,]+|[\d,]+ of [\d,]+ valid and test rows", page.decode("utf-8"))
    return {"proposals": proposals, "bytes": len(page), "most_bytes": report.LARGEST, "says": says}


def main(lines: int) -> None:
    """Write ``benchmarks/results/load_cpu.json``."""
    rows = moses.TRAIN if lines >= LINES else lines
    made = {"prepare_molecules": partial(prepared, rows)}
    made |= {
        f"{verb}_{domain}_{name}": partial(taken, domain, verb, lines // share)
        for domain, verbs in VERBS.items()
        for verb in verbs
        for name, share in SHARES.items()
    }
    made |= {f"report_{domain}": partial(reported, domain, PROPOSALS) for domain in DOMAINS}
    parts = Parts(
        "load_cpu",
        command=f"python -m benchmarks.load {lines}",
        data={"name": "builtin and moses" if rows == moses.TRAIN else "builtin", "rows": rows},
        seed=moses.SEED,
        budget={"lines": lines, "proposals": PROPOSALS},
    )
    for name, measure in made.items():
        with tempfile.TemporaryDirectory() as folder:
            parts.take(name, f"{name} {lines}", partial(measure, Path(folder)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
