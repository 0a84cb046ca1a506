"""The chapter of the report on the search for better molecules: how soon, which, at what cost, and how they differ.

Files hold values as they are sought, where higher is better; the page shows them as they are measured.
"""

from collections.abc import Sequence
from itertools import combinations, groupby
from pathlib import Path
from statistics import fmean

from pipelines.chapters import Chapter, figure_table
from pipelines.charts import Chart, Series, Strip, lines, scatter, strips
from pipelines.glossary import PROPERTIES, REQUIREMENTS, in_words, meaning, number, objective_title
from pipelines.params import OptimizeParams
from pipelines.tables import Row, figures, short, shown, table, value
from pipelines.tiles import Easel

BASELINE, RANDOM = "random_prior", "random draws of the prior"
SEARCHED, DRAWN, TAUGHT = "c0", "c1", "c7"
METHODS = {
    "structural": "a Gaussian process over structures learns from the molecules scored so far, and chooses among what "
    "the latent space (around good molecules and between two of them) and a genetic algorithm propose",
    "structural_without_space": "a Gaussian process over structures learns from the molecules scored so far, and "
    "chooses among what a genetic algorithm proposes; the model takes no part",
    "bayesian": "a Gaussian process learns, from the molecules scored so far, which points of the latent space are "
    "worth decoding next",
    "retraining": "a Gaussian process chooses points of the latent space, and the model learns from the best that "
    "were found, weighed by rank",
    "ascent": "points around the best molecules so far climb what the model predicts, and never further out than the "
    "molecules that it was taught",
    "genetic": "a genetic algorithm crosses and changes the best molecules so far; the model takes no part",
}
LOW, KIND, DRAW = "min:", "property:", "random_"
BEST, ON_FRONT = 8, 12  # molecules shown
# Of molecules in shifts.csv: in the legend, and the colour.
GROUPS = {"training": ("training rows", TAUGHT), "random": (RANDOM, DRAWN), "best": ("the best found", SEARCHED)}
SCORE = "score"  # unit of the figures that are values of an objective
QUANTILES = ("q05", "q25", "q50", "q75", "q95")
TIMES = (("first third of the calls", "s1"), ("second third", "s3"), ("last third", "s5"))


def optimisation(params: OptimizeParams, root: Path, easel: Easel) -> Chapter:
    """How soon each objective rose, its best molecules, how properties shifted, and what no molecule beats."""
    folder = root / "reports" / "molecules" / "optimize"
    calls, best, parts = (table(folder / f"{name}.csv") for name in ("calls", "best", "front_calls"))
    if not calls and not parts:
        return {}
    found = figures(root / "reports" / "molecules" / "optimize.json")
    shifts = {name: list(its) for name, its in groupby(table(folder / "shifts.csv"), key=lambda row: row["objective"])}
    return {
        "how": METHODS[params.method],
        "require": [(text, REQUIREMENTS.get(text, "")) for text in params.require],
        "waived": [its for its in REQUIREMENTS.items() if its[0] not in params.require],
        "starts": _starts(params, found) if params.start == "training" else [],
        "budget": max(int(row["call"]) for row in calls or parts),
        "seeds": len({row["seed"] for row in calls or parts}),
        "predicted": any(KIND in name for name in (*params.objectives, *params.front)),
        "objectives": [
            {
                "chart": _race(name, [row for row in calls if row["objective"] == name], _level(name, its, params)),
                "shift": _shift(_plain(name), shifts.get(name, [])),
                "title": objective_title(name),
                "figures": _figures(objective_title(name), its, name.startswith(LOW)),
                "best": [
                    _winner(row, easel, f"no. {place}", {"score": _score(row), "SA": shown(row, "sa_score")})
                    for place, row in enumerate(winners[:BEST], 1)
                ],
                "of": len(winners),
            }
            for name in dict.fromkeys(row["objective"] for row in calls)
            for winners in [[row for row in best if row["objective"] == name]]
            for its in [found.get(name, {})]
        ],
        "front": _front(params.front, parts, table(folder / "front.csv"), easel, found.get("front", {})),
        "front_shift": _shift("the front", shifts.get("front", [])),
    }


def _starts(params: OptimizeParams, found: dict[str, dict]) -> list[tuple[str, str]]:
    """Of each objective, which training rows its search starts from."""
    best = {name: found.get(name, {}).get("best_training") for name in params.objectives}
    best |= found.get("front", {}).get("best_training", {})
    how = {name: "lowest" if name.startswith(LOW) else "highest" for name, value in best.items() if value is not None}
    return [
        (objective_title(name), f"those of the {how[name]} measured values" if name in how else "some drawn at random")
        for name in best
    ]


def _figures(title: str, found: dict[str, object], low: bool = False) -> Chapter:
    """Figures of the search, and those of random draws beside them; of what is to be low as it is measured."""
    if not found:
        return {}
    if low:
        scores = {name for name in found if meaning(name.removeprefix(DRAW)).unit == SCORE}
        found = found | {name: _natural(found[name], LOW) for name in scores if found[name] is not None}
    drawn = {name.removeprefix(DRAW): figure for name, figure in found.items() if name.startswith(DRAW)}
    searched = {name: figure for name, figure in found.items() if not name.startswith(DRAW)}
    made = figure_table(title, {"search": searched, "random draws": drawn})
    for row in made["rows"]:
        told = row["meaning"]
        if low and told.unit == SCORE and told.better:
            row["meaning"] = told._replace(better="lower")
    return made


def _level(objective: str, found: dict[str, float | None], params: OptimizeParams) -> tuple[str, float] | None:
    """What a search is to rise above, of the kind that its curve is of: a measurement is no prediction."""
    name, key = "best training row, measured" if KIND in objective else "best training row", "best_training"
    if params.start == "training":
        name, key = "best before it starts", "best_at_start"
    level = found.get(key)
    return None if level is None else (name, _natural(level, objective))


def _race(objective: str, rows: list[Row], reference: tuple[str, float] | None) -> Chart | None:
    series = []
    for method in dict.fromkeys(row["method"] for row in rows):
        name, style = (RANDOM, DRAWN) if method == BASELINE else (in_words(method), SEARCHED)
        by_seed: dict[str, dict[int, float]] = {}
        for row in rows:
            if row["method"] == method and (best := value(row, "best_so_far")) is not None:
                by_seed.setdefault(row["seed"], {})[int(row["call"])] = _natural(best, objective)
        if not by_seed:
            continue
        # A mean is of all seeds: from where each has a value, and one that ended early keeps its last.
        calls = range(max(map(min, by_seed.values())), max(map(max, by_seed.values())) + 1)
        ordered = [[its.get(call, its[max(its)]) for its in by_seed.values()] for call in calls]
        band = [[min(v) for v in ordered], [max(v) for v in ordered]] if len(by_seed) > 1 else [None, None]
        series.append(Series(name, [*calls], [fmean(v) for v in ordered], style, *band))
    if not series:
        return None
    return lines(
        f"Best so far: {objective_title(objective)}",
        series,
        x_label="oracle calls",
        y_label="value",
        caption=f"{'lower' if objective.startswith(LOW) else 'higher'} is better; the axis ends at the budget",
        reference=reference,
    )


def _shift(title: str, rows: list[Row]) -> Chart | None:
    """Properties before and after, a strip each of training rows, of random draws and of the best."""
    made = []
    for name, its in groupby(rows, key=lambda row: row["property"]):
        every = {row["molecules"]: [value(row, q) for q in QUANTILES] for row in its}
        strip = {group: quantiles for group, quantiles in every.items() if None not in quantiles}
        middles = [number(strip[group][2]) for group in ("training", "best") if group in strip]
        boxes = [(GROUPS[group][1], quantiles) for group, quantiles in strip.items()]
        made.append(Strip(PROPERTIES.get(name, in_words(name)), " → ".join(middles), boxes))
    if not made:
        return None
    legend = [GROUPS[group] for group in dict.fromkeys(row["molecules"] for row in rows)]
    caption = "thin: 5 to 95 % of the molecules; thick: the middle half; mark: median, in figures training rows → best"
    return strips(f"Properties: {title}", made, legend=legend, caption=caption)


def _score(row: Row) -> str:
    """As it is measured; of a prediction with how sure the model is of it."""
    found = value(row, "value")
    measured = "" if found is None else number(_natural(found, row["objective"]))
    return " ± ".join(filter(None, (measured, shown(row, "deviation"))))


def _winner(row: Row, easel: Easel, place: str, notes: dict[str, str]) -> Chapter:
    """A molecule beside the training molecule that is most like it, turned the same way."""
    texts = [row["smiles"], row.get("nearest_training") or ""]
    tiles = [
        {"text": short(text), "picture": picture, "notes": []}
        for text, picture in zip(texts, easel.draw_alike(texts), strict=True)
    ]
    kept = [f"{name} {text}" for name, text in notes.items() if text]
    return {
        "verdict": " · ".join([*filter(None, [place]), *kept]),
        "found": tiles[0],
        "nearest": tiles[1],
        "similarity": shown(row, "nearest_training_similarity"),
    }


def _front(names: Sequence[str], calls: list[Row], front: list[Row], easel: Easel, found: dict[str, object]) -> Chapter:
    """All calls of a search for several objectives, two of them in each picture, and the molecules on the front."""
    if not calls or not front:
        return {}
    spread = [front[round(i * (len(front) - 1) / max(1, ON_FRONT - 1))] for i in range(min(ON_FRONT, len(front)))]
    chosen = list({row["smiles"]: row for row in (front if len(front) <= ON_FRONT else spread)}.values())
    return {
        "titles": [objective_title(name) for name in names],
        "of": len(front),
        "figures": _figures("The front", found),
        "charts": [_plane(pair, calls, front, len(names) == 2) for pair in combinations(names, 2)],
        "molecules": [
            _winner(row, easel, "", {_plain(name): number(_natural(value(row, name) or 0.0, name)) for name in names})
            for row in chosen
        ],
    }


def _plane(names: Sequence[str], calls: list[Row], front: list[Row], joined: bool) -> Chart:
    budget = max(int(row["call"]) for row in calls)
    searched = [row for row in calls if row["method"] != BASELINE]

    def cloud(name: str, style: str, rows: list[Row]) -> Series:
        known = [row for row in rows if all(value(row, each) is not None for each in names)]
        return Series(name, *([_natural(value(row, each), each) for row in known] for each in names), style)

    clouds = [
        cloud(name, style, [row for row in searched if i <= 3 * (int(row["call"]) - 1) / budget < i + 1])
        for i, (name, style) in enumerate(TIMES)
    ]
    clouds.append(cloud(RANDOM, TAUGHT, [row for row in calls if row["method"] == BASELINE]))
    x_label, y_label = (
        f"{objective_title(name.removeprefix(LOW))} ({'low' if name.startswith(LOW) else 'high'} is better)"
        for name in names
    )
    return scatter(
        " and ".join(_plain(name) for name in names),
        [one for one in clouds[::-1] if one.x][::-1],
        x_label=x_label,
        y_label=y_label,
        caption="each dot is an oracle call; no molecule found beats one on the front in all objectives",
        front=cloud("the front", "c3", front),
        joined=joined,
    )


def _plain(name: str) -> str:
    return objective_title(name).partition(",")[0]


def _natural(sought: float, objective: str) -> float:
    """A value as it is measured: what is to be low is negated in the files. Zero has no sign."""
    return 0.0 - sought if objective.startswith(LOW) else sought
