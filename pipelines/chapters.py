"""The chapters of the report on data, training and what the model is worth, each from the files of one domain.

A chapter is what its part of the template shows: plain lists and dicts. One whose files are missing is empty.
"""

import math
import re
from difflib import SequenceMatcher
from pathlib import Path
from statistics import NormalDist, fmean

from pipelines.charts import Chart, Series, lines, scatter
from pipelines.glossary import FIGURES, NAMES, in_words, meaning, number, reason
from pipelines.tables import Row, figures, short, shown, table, value
from pipelines.tiles import Easel
from vaetext.words import UNIT

Chapter = dict[str, object]

CURVES = {
    "elbo": ("ELBO", "nats per row", "higher is better"),
    "kl": ("KL: what the latent carries", "nats per row", "should settle at the rate asked for"),
    "reconstruction": ("Reconstruction: what is still to be said", "nats per row", "lower is better"),
    "mutual_information": (
        "Mutual information",
        "nats",
        "how well z tells held-out rows apart, at most ln(their number); higher is better",
    ),
}
_UNIT = re.compile(UNIT)
PROMISED, NORMAL = [i / 20 for i in range(1, 20)], NormalDist()  # of intervals around a prediction
DOTS = 1_000  # of one picture; more cannot be told apart
# Of the rows of the importance-weighted bound.
WEIGHTED = ("bits_per_heavy_atom", "bits_per_character", "word_perplexity", "iwae_less_elbo", "iwae_less_language")


def data(domain: str, root: Path) -> Chapter:
    """Where the rows came from and what became of them."""
    summary = figures(root / "data" / "prepared" / domain / "summary.json")
    if not summary:
        return {}
    cut = summary.get("notation") or summary.get("cut") or ""
    return {
        "name": short(summary["source"]),
        "licence": short(summary["licence"]),
        "attribution": short(summary.get("attribution", "")),
        "source_rows": summary.get("source_rows", summary["input"]),
        "input": summary["input"],
        "accepted": summary["accepted"],
        "copies": summary.get("copies", 0),
        "cut": cut,
        "vocabulary": summary["vocabulary"],
        "symbols_mean": number(float(summary["symbols_mean"])),
        "symbols_max": summary["symbols_max"],
        "split": summary["split"],
        "rejected": {reason(slug): count for slug, count in summary["rejected"].items()},
        "changed": {reason(what): count for what, count in summary.get("changed", {}).items()},
    }


def training(domain: str, root: Path, rate: float | None) -> Chapter:
    """The curves, and figures of the state that was kept."""
    rows = table(root / "reports" / domain / "train" / "history.csv")
    kept = figures(root / "reports" / domain / "train.json")
    if not rows:
        return {}
    charts = [_curve(rows, name, rate if name == "kl" else None) for name in CURVES]
    return {
        "charts": [chart for chart in charts if chart],
        "kept": {k: number(v) for k, v in kept.items() if v is not None},
    }


def _curve(rows: list[Row], name: str, rate: float | None) -> Chart | None:
    series = []
    for split, title, style in (("train", "training rows", "c0"), ("valid", "held-out rows", "c1")):
        points = [(value(row, "step"), value(row, name)) for row in rows if row["split"] == split]
        points = [(step, height) for step, height in points if step is not None and height is not None]
        series.append(Series(title, [step for step, _ in points], [height for _, height in points], style))
    if not any(one.x for one in series):
        return None
    title, unit, caption = CURVES[name]
    reference = ("rate asked for", rate) if rate else None
    return lines(title, series, x_label="optimiser steps", y_label=unit, caption=caption, reference=reference)


def tables(found: dict[str, object]) -> list[Chapter]:
    """Two tables of figures: of rows by split, and of samples of the prior."""
    splits = [split for split in ("train", "valid", "test") if found.get(split)]
    made = []
    if splits:
        made.append(figure_table("Rows of the data, by split", {split: found[split] for split in splits}))
    drawn = {name: found[name] for name in ("prior", "prior_fitted") if found.get(name)}
    if drawn:
        made.append(figure_table("Samples drawn from the prior", drawn))
    return made


def figure_table(caption: str, columns: dict[str, dict[str, object]]) -> Chapter:
    """Figures in rows, each with what it means, and one column for each of ``columns``."""
    found = {name for column in columns.values() for name, figure in column.items() if _is_figure(name, figure, column)}
    known = {name: place for place, name in enumerate(FIGURES)}
    order = sorted(found, key=lambda name: (known.get(name.removesuffix("_fitted"), len(known)), name))
    return {
        "caption": caption,
        "columns": [(in_words(name), column.get("rows")) for name, column in columns.items()],
        "rows": [
            {"meaning": meaning(name), "cells": [_cell(name, column) for column in columns.values()]} for name in order
        ],
    }


def _is_figure(name: str, figure: object, column: dict[str, object]) -> bool:
    plain = name.removesuffix("_fitted")
    told_elsewhere = name == "rows" or plain.endswith(("_of", "_cap", "_samples", "_rows", "_standard_error"))
    return isinstance(figure, int | float) and not told_elsewhere


def _cell(name: str, column: dict[str, object]) -> tuple[str, str]:
    """A figure and what it was taken over."""
    if not isinstance(column.get(name), int | float):
        return "", ""
    over, plain = [], name.removesuffix("_fitted")  # under another prior, over the same
    if f"{plain}_of" in column:
        over.append(f"of {number(column[f'{plain}_of'])}")
    if f"{plain}_cap" in column:
        over.append(f"cap {number(column[f'{plain}_cap'])}")
    if f"{plain}_samples" in column:
        over.append(f"{number(column[f'{plain}_samples'])} draws")
    if (error := f"{plain}_standard_error{name.removeprefix(plain)}") in column:
        over.append(f"standard error {number(column[error])}")
    rows_of = "iwae_rows" if plain in WEIGHTED else f"{plain}_rows"
    if rows_of in column:
        over.append(f"{number(column[rows_of])} rows")
    return number(column[name]), ", ".join(over)


def predictions(domain: str, root: Path) -> Chapter:
    """How right predicted properties are by split, and a picture of each over held-out rows."""
    folder = root / "reports" / domain / "evaluate"
    qualities, rows = table(folder / "properties.csv"), table(folder / "predictions.csv")
    if not qualities:
        return {}
    of = {key: [row for row in rows if (row["property"], row["split"]) == key] for key in map(_key, qualities)}
    held_out: dict[str, list[Row]] = {}
    for (name, split), its in of.items():
        held_out.setdefault(name, []).extend(its if split != "train" else [])
    unseen = {name: of.get((name, "test")) or its for name, its in held_out.items()}
    return {
        "new_scaffolds": figures(root / "data" / "prepared" / domain / "summary.json").get("scaffolds_shared") == 0,
        "rows": [
            {column: row[column] for column in ("property", "split")}
            | {column: shown(row, column) for column in ("r2", "rmse", "coverage_90")}
            | {"rows": number(int(row["rows"]))}
            | {"unlike": number(fmean(not _true(each["inside"]) for each in its)) if (its := of[_key(row)]) else ""}
            for row in qualities
        ],
        "charts": [
            chart
            for name, its in held_out.items()
            if its
            for chart in (_predicted(name, its), _calibrated(name, unseen[name]))
        ],
    }


def _key(row: Row) -> tuple[str, str]:
    return row["property"], row["split"]


def _predicted(name: str, rows: list[Row]) -> Chart:
    """A dot for each row, or of many rows for every nth."""
    caption = "valid and test rows"
    if len(rows) > DOTS:
        chosen = rows[:: math.ceil(len(rows) / DOTS)]
        rows, caption = chosen, f"{len(chosen):,} of {len(rows):,} {caption}"
    clouds = [
        Series(title, *([value(row, column) for row in its] for column in ("predicted", "measured")), style)
        for title, style, its in (
            ("like what it was taught", "c0", [row for row in rows if _true(row["inside"])]),
            ("unlike it", "c1", [row for row in rows if not _true(row["inside"])]),
        )
        if its
    ]
    return scatter(short(name), clouds, x_label="predicted", y_label="measured", caption=caption)


def _calibrated(name: str, rows: list[Row]) -> Chart:
    """How often the truth lies within the middle interval of a prediction, for intervals of any width."""
    errors = [abs(value(row, "measured") - value(row, "predicted")) / value(row, "deviation") for row in rows]
    shares = [fmean(error <= NORMAL.inv_cdf((1 + promised) / 2) for error in errors) for promised in PROMISED]
    return lines(
        f"{short(name)}: how sure it is",
        [Series("found", PROMISED, shares, "c0"), Series("if it were as sure as it should be", (0, 1), (0, 1), "c7")],
        x_label="share of rows that an interval is to hold",
        y_label="share that it holds",
        caption=f"{', '.join({row['split']: None for row in rows})} rows, where valid rows chose how sure it is; above "
        "the straight line it is less sure than it could be, below it too sure",
    )


def samples(domain: str, root: Path, easel: Easel, most: int = 24) -> Chapter:
    """The first samples of the file, which nobody chose, and of how many they are."""
    rows = table(root / "reports" / domain / "evaluate" / "samples.csv")
    if not rows:
        return {}
    if domain == "sentences":
        first = [{"text": short(row.get("text", ""))} for row in rows[:most]]
    else:
        notes = [{name: shown(row, name) for name in ("qed", "log_p")} for row in rows[:most]]
        first = [molecule(row.get("smiles", ""), easel, its) for row, its in zip(rows, notes, strict=False)]
    return {"shown": first, "of": len(rows)}


def molecule(smiles: str, easel: Easel, notes: dict[str, str]) -> Chapter:
    """A picture with its notes; a note without a value is left out."""
    kept = [f"{NAMES.get(name, name)} {text}" for name, text in notes.items() if text]
    return {"text": short(smiles), "picture": easel.draw(smiles) if smiles else "", "notes": kept}


def reconstructions(domain: str, root: Path, easel: Easel, each: int = 4) -> Chapter:
    """The first held-out rows that came back exactly, and the first that did not."""
    rows = table(root / "reports" / domain / "evaluate" / "reconstructions.csv")
    held_out = [row for row in rows if row["split"] == "test"] or [row for row in rows if row["split"] == "valid"]
    if not held_out:
        return {}
    right = [row for row in held_out if _true(row["exact"])]
    wrong = [row for row in held_out if not _true(row["exact"])]
    pairs = [_pair(domain, row, easel) for row in (*right[:each], *wrong[:each])]
    return {"pairs": pairs, "right": len(right), "of": len(held_out)}


def _true(text: str) -> bool:
    return text.lower() in ("true", "1", "1.0")


def _pair(domain: str, row: Row, easel: Easel) -> Chapter:
    pair = {"exact": _true(row["exact"]), "similarity": shown(row, "similarity")}
    texts = row["original"], row["reconstruction"]
    if domain == "molecules":
        pictures = easel.draw_alike(texts)
        ends = [{"text": short(t), "picture": p, "notes": []} for t, p in zip(texts, pictures, strict=True)]
        return pair | {"original": ends[0], "reconstruction": ends[1]}
    return pair | {"original": short(texts[0]), "words": different(texts[0], texts[1])}


def different(before: str, after: str) -> list[tuple[str, bool | None, str]]:
    """The words of ``after``, each with whether it is new since ``before``, and with what parts it from the one before.

    With None in place of whether it is new, what is gone without others.
    """
    old, new = _words(short(before)), _words(short(after))
    if not new:
        return []
    found: list[tuple[str, bool | None, str]] = []
    matched = SequenceMatcher(None, [word for word, _ in old], [word for word, _ in new], autojunk=False)
    for what, i, j, first, last in matched.get_opcodes():
        if what == "delete":
            found.append(("".join(gap + word for word, gap in old[i:j]).strip(), None, old[i][1]))
        found += [(word, what != "equal", gap) for word, gap in new[first:last]]
    return found


def _words(text: str) -> list[tuple[str, str]]:
    """The words of a text, each with what parts it from the one before: a space, or nothing in scripts without."""
    places = [word.span() for word in _UNIT.finditer(text)]
    ends = [-1, *(end for _, end in places)]
    return [(text[i:j], "" if i == end else " ") for end, (i, j) in zip(ends, places, strict=False)]
