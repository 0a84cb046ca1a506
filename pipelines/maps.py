"""Maps of the latent space: where the encoder puts rows, coloured by what is known of them, and what a plane holds."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import quantiles

from pipelines.chapters import Chapter
from pipelines.charts import Chart, Series, label, scatter
from pipelines.glossary import PROPERTIES, in_words
from pipelines.tables import Row, short, table, value
from pipelines.tiles import SMALL, Easel

WANTED = {
    "molecules": ("log_p", "molecular_weight", "qed", "rings"),
    "sentences": ("topic", "tense", "frame", "words"),
}
KINDS = tuple(f"c{i}" for i in range(8))  # classes of the style sheet
SHADES = tuple(f"s{i}" for i in range(7))


def latent_maps(domain: str, root: Path) -> list[Chart]:
    """Two principal components of the posterior means, coloured by what is known of the rows."""
    rows = table(root / "reports" / domain / "evaluate" / "latent_map.csv")
    rows = [row for row in rows if value(row, "x") is not None and value(row, "y") is not None]
    columns = [name for name in (rows[0] if rows else {}) if name not in ("split", "text", "x", "y")]
    wanted = [name for name in WANTED[domain] if name in columns] or columns
    return [_map(rows, name) for name in wanted[:4]]


def manifold(domain: str, root: Path, easel: Easel) -> Chapter:
    """What codes from all over a latent plane decode to; empty where the latent has another dimension than two.

    Pictures are all there or none is: half a plane shows nothing.
    """
    rows = table(root / "reports" / domain / "evaluate" / "manifold.csv")
    if not rows:
        return {}
    lines = [list(line) for _, line in groupby(rows, key=lambda row: row["row"])]
    drawn = domain == "sentences" or len(rows) <= easel.left
    return {
        "columns": [_place(row, "z_1") for row in lines[0]],
        "lines": [{"place": _place(line[0], "z_2"), "cells": _cells(domain, line, easel)} for line in lines if drawn],
    }


def _place(row: Row, name: str) -> str:
    return label(round(value(row, name) or 0.0, 2))


def _cells(domain: str, line: list[Row], easel: Easel) -> list[Chapter]:
    texts = [row["text"] for row in line]
    pictures = easel.draw_alike(texts, width=SMALL) if domain == "molecules" else [""] * len(texts)
    return [{"text": short(text), "picture": picture} for text, picture in zip(texts, pictures, strict=True)]


def _map(rows: list[Row], name: str) -> Chart:
    title = PROPERTIES.get(name, in_words(name))
    numbers = [value(row, name) for row in rows]
    distinct = {row[name] for row in rows}
    clouds = _shades(rows, name) if None not in numbers and len(distinct) > 1 else _kinds(rows, name)
    return scatter(title, clouds)


def _cloud(name: str, rows: Sequence[Row], style: str) -> Series:
    return Series(name, [value(row, "x") for row in rows], [value(row, "y") for row in rows], style)


def _kinds(rows: list[Row], name: str) -> list[Series]:
    """One cloud for each of the most frequent labels, and one for the rest."""
    common = [
        label for label, _ in sorted(Counter(row[name] for row in rows).items(), key=lambda item: (-item[1], item[0]))
    ]
    named = common if len(common) <= len(KINDS) else common[: len(KINDS) - 1]
    rest = [row for row in rows if row[name] not in named]
    clouds = [
        _cloud(short(label) or "none", [row for row in rows if row[name] == label], style)
        for label, style in zip(named, KINDS, strict=False)
    ]
    return clouds + ([_cloud("other", rest, KINDS[-1])] if rest else [])


def _shades(rows: list[Row], name: str) -> list[Series]:
    """One cloud for each value, or where there are many for each seventh of the rows, the lowest first."""
    values = [value(row, name) for row in rows]
    few = len(set(values)) <= len(SHADES)
    edges = sorted(set(values)) if few else sorted({*quantiles(values, n=len(SHADES)), max(values)})
    places = [bisect_left(edges, v) for v in values]
    return [
        _cloud(
            f"{'' if few else 'to '}{edge:.3g}",
            [row for row, place in zip(rows, places, strict=True) if place == i],
            SHADES[i * (len(SHADES) - 1) // max(1, len(edges) - 1)],
        )
        for i, edge in enumerate(edges)
        if i in places
    ]
