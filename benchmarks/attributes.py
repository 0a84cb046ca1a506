"""Attributes given by arithmetic on codes: how often does the label change, and how often does the rest stay?

Run as ``python -m benchmarks.attributes`` after ``make repro`` with ``everyday``, whose grammar says the labels of what
comes out. A direction goes from the mean code of training sentences of one label to that of another
(``vaeseq.attributes``); test sentences of the first label are shifted along it, or changed into the nearest sentence on
the way whose code is on the other side. The control shuffles the labels first; its direction is as long.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.record import write
from vaeseq.attributes import changed, shifted, trait
from vaetext.everyday import LABELS, parse
from vaetext.paths import edits_to
from vaetext.space import SentenceSpace

SEED, LEARNT, TRIED, STRENGTHS, BEAMS = 0, 1_000, 100, (0.5, 1.0, 2.0), 16
CHANGES = (
    ("polarity", "affirmative", "negative"),
    ("polarity", "negative", "affirmative"),
    ("tense", "past", "future"),
    ("tense", "future", "past"),
    ("tense", "present", "past"),
    ("tense", "past", "present"),
    ("subject", "he_she", "we"),
    ("subject", "we", "he_she"),
    ("subject", "he_she", "they"),  # number alone, where we and he_she differ in person too
    ("subject", "they", "he_she"),
)
Row = dict[str, Any]


def shares(rows: Sequence[Row], label: str, wanted: str, texts: Sequence[str]) -> Row:
    """Of what became of sentences: those that the grammar reads, that have the label then, and that have all others."""
    found = [parse(text) for text in texts]
    turned = [bool(its) and its[label] == wanted for its in found]
    kept = [
        bool(its) and all(its[n] == row[n] for n in LABELS if n != label) for its, row in zip(found, rows, strict=True)
    ]
    counted = {
        "parses": found,
        "changed": turned,
        "rest_kept": kept,
        "both": [a and b for a, b in zip(turned, kept, strict=True)],
    }
    return {name: sum(map(bool, its)) / len(rows) for name, its in counted.items()}


def main() -> None:
    """Write ``benchmarks/results/attributes_everyday.json``."""
    space = SentenceSpace.load(Path("models/sentences"))
    table = pq.read_table("data/prepared/sentences/rows.parquet", columns=["text", "split", *LABELS]).to_pylist()
    random = np.random.default_rng(SEED)
    rows = [table[i] for i in random.permutation(len(table))]
    figures: Row = {}
    distance = partial(edits_to, space)
    for label, was, wanted in CHANGES:
        kinds = [
            [row["text"] for row in rows if row["split"] == "train" and row[label] == value][:LEARNT]
            for value in (was, wanted)
        ]
        test = [row for row in rows if row["split"] == "test" and row[label] == was][:TRIED]
        mixed = random.permutation(np.array([*kinds[0], *kinds[1]])).tolist()
        attribute, control = trait(space, *kinds), trait(space, mixed[: len(kinds[0])], mixed[len(kinds[0]) :])
        longer = control.along * (attribute.along.norm() / control.along.norm())
        texts, judged = [row["text"] for row in test], partial(shares, test, label, wanted)
        shift = partial(shifted, space, texts, beams=BEAMS)
        stronger = zip(STRENGTHS, shift(attribute.along, strengths=STRENGTHS), strict=True)
        figures[f"{label}_{was}_to_{wanted}"] = {
            "rows": len(test),
            "nearest": judged(changed(space, texts, attribute, distance, beams=BEAMS)),
            "nearest_control": judged(changed(space, texts, control._replace(along=longer), distance, beams=BEAMS)),
            **{f"strength_{s:g}": judged(its) for s, its in stronger},
            "control": judged(*shift(longer)),
        }
    write(
        "attributes_everyday",
        command="python -m benchmarks.attributes",
        data={"name": "everyday", "rows": len(table)},
        seed=SEED,
        budget={"learnt_from": LEARNT, "tried": TRIED, "beams": BEAMS},
        figures=figures,
    )


if __name__ == "__main__":
    main()
