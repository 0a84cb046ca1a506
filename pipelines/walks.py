"""The chapters of the report on ways through the latent space: paths, clouds around a row, gaps filled in."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from pipelines.chapters import Chapter, different, figure_table, molecule
from pipelines.tables import Row, figures, short, shown, table, value
from pipelines.tiles import Easel

# Of each origin, how many paths are shown.
SHOWN = {"named": 4, "held_out": 3, "random": 2}
ORIGINS = {
    "named": "Named in params.yaml",
    "held_out": "Between held-out rows",
    "random": "Between random draws",
}


def paths(domain: str, root: Path, easel: Easel) -> Chapter:
    """Figures over all paths, and the first paths of each origin."""
    rows = table(root / "reports" / domain / "interpolate" / "paths.csv")
    found = figures(root / "reports" / domain / "interpolate.json")
    if not rows:
        return {}
    by_path: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        by_path.setdefault((row["origin"], row["path"]), []).append(row)
    origins = []
    for origin, title in ORIGINS.items():
        chosen = [steps for (its, _), steps in by_path.items() if its == origin][: SHOWN[origin]]
        if chosen:
            origins.append({"title": title, "paths": [_path(domain, steps, easel) for steps in chosen]})
    tables, shown_paths = _tables(found, "All paths", "By kind of path"), sum(len(its["paths"]) for its in origins)
    judged = bool(rows[0].get("nats_a_word"))
    return {"tables": tables, "origins": origins, "judged": judged, "shown": shown_paths, "of": len(by_path)}


def _tables(found: dict[str, object], alone_caption: str, nested_caption: str) -> list[Chapter]:
    """Figures that stand alone in one table, and nested ones in another with a column each."""
    alone = {name: figure for name, figure in found.items() if not isinstance(figure, dict)}
    nested = dict(_columns({name: figure for name, figure in found.items() if isinstance(figure, dict)}))
    made = [figure_table(alone_caption, {"value": alone})] if alone else []
    return made + ([figure_table(nested_caption, nested)] if nested else [])


def _columns(found: dict[str, object], prefix: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """The innermost dicts, each under all the names on the way to it."""
    own = {name: figure for name, figure in found.items() if not isinstance(figure, dict)}
    if own:
        yield prefix, own
    for name, figure in found.items():
        if isinstance(figure, dict):
            yield from _columns(figure, f"{prefix} {name}".strip())


def _path(domain: str, rows: list[Row], easel: Easel) -> Chapter:
    """One pair of ends, by each kind of path; a kind that gives the same texts as the one before is only named."""
    kinds, before = [], None
    for kind in dict.fromkeys(row["kind"] for row in rows):
        steps = [row for row in rows if row["kind"] == kind]
        texts = [row["text"] for row in steps]
        stops = [] if texts == before else _stops(domain, steps, easel)
        kinds.append({"kind": kind, "stops": stops})
        before = texts
    given = [short(row["given"]) for row in (rows[0], rows[-1]) if row.get("given")]
    return {"given": given, "kinds": kinds}


def _stops(domain: str, steps: list[Row], easel: Easel) -> list[Chapter]:
    """The different texts along a path, and an end that was asked for and missed.

    Neighbouring steps with the same text are one stop.
    """
    runs = [list(run) for _, run in groupby(steps, key=lambda row: row["text"])]
    stops = [(_place(run), run[0]) for run in runs]
    for at, row in ((0, steps[0]), (len(stops) + 1, steps[-1])):
        if row.get("given") and row["given"] != row["text"]:
            stops.insert(at, ("asked for", {"text": row["given"], "spelled": row.get("unknown", "")}))
    texts = [row["text"] for _, row in stops]
    if domain == "molecules":
        pictures = easel.draw_alike(texts)
        return [{"place": place} | _seen(row, its) for (place, row), its in zip(stops, pictures, strict=True)]
    befores = [texts[0], *texts[:-1]]
    return [
        {
            "place": place,
            "words": different(before, row["text"]),
            "odd": row.get("parses", "").lower() in ("false", "0"),
            "nats": shown(row, "nats_a_word"),
            "unknown": row.get("spelled", ""),
        }
        for (place, row), before in zip(stops, befores, strict=True)
    ]


def _place(run: list[Row]) -> str:
    first, last = (f"{value(row, 't') or 0:.3g}" for row in (run[0], run[-1]))
    return f"t {first}" if len(run) == 1 else f"t {first} to {last}"


def _seen(row: Row, picture: str) -> Chapter:
    notes = {
        "QED": shown(row, "qed"),
        "to start": shown(row, "similarity_start"),
        "to end": shown(row, "similarity_end"),
    }
    return {"text": short(row["text"]), "picture": picture, "notes": [f"{k} {v}" for k, v in notes.items() if v]}


def posterior(domain: str, root: Path, easel: Easel, most: int = 5) -> Chapter:
    """The first rows with what their posterior mean and three draws of their posterior decode to."""
    rows = table(root / "reports" / domain / "interpolate" / "posterior_table.csv")
    if not rows:
        return {}
    names = ("input", "mean", "sample_1", "sample_2", "sample_3")
    if domain == "molecules":
        first = [[molecule(row[name], easel, {}) for name in names] for row in rows[:most]]
    else:
        first = [
            [{"words": different(row[name] if name == "input" else row["input"], row[name])} for name in names]
            for row in rows[:most]
        ]
    return {"shown": first, "of": len(rows)}


def imputed(root: Path, most: int = 20) -> Chapter:
    """The first sentences with gaps, and the ways to fill them, each with its weight."""
    rows = table(root / "reports" / "sentences" / "interpolate" / "imputed.csv")
    sentences = [(text, list(its)) for text, its in groupby(rows, key=lambda row: row["text"])]
    found = []
    for text, ways in sentences[:most]:
        filled = [
            {"weight": f"{value(way, 'weight') or 0:.2f}", "words": different(text, way["completion"])}
            for way in ways[:most]
        ]
        found.append({"text": short(text), "original": different(text, ways[0]["original"]), "ways": filled})
    return {"shown": found, "of": len(sentences)} if found else {}
