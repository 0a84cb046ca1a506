"""Make the tables of README.md and benchmarks/README.md from the result files.

Run as ``python -m benchmarks.tables``; with ``--check`` it writes nothing and fails where a table is out of date. A
table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; below it stand what its file does not have yet, and
how the figures came about: command, data, seed, budget, machine, day.
"""

import json
import re
import sys
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

from benchmarks import promised
from benchmarks import shown as of_all
from benchmarks import shown_molecules as of_molecules
from benchmarks import shown_sentences as of_sentences
from benchmarks.shown import Matrix

Figures = dict[str, Any]
ROWS = of_all.ROWS | of_molecules.ROWS | of_sentences.ROWS | promised.ROWS
MATRICES = of_all.MATRICES | of_molecules.MATRICES | of_sentences.MATRICES
RESULTS = Path("benchmarks/results")
PAGES = tuple(map(Path, ("README.md", "benchmarks/README.md", "vaemol/weights/README.md", "vaetext/weights/README.md")))
MISSING = "Not yet measured.\n"
NO_MODEL = re.compile("pace|over_seeds|.*_of_seed_")
_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(name: str) -> str:
    """The rows of one result file as Markdown, with how they came about."""
    path = RESULTS / f"{MATRICES[name].file if name in MATRICES else name}.json"
    if not path.exists():
        return MISSING
    result = json.loads(path.read_text(encoding="utf-8"))
    figures = result["figures"]
    lines, lacking = of_models(MATRICES[name], figures) if name in MATRICES else of_one(ROWS[name], figures)
    if not lines:
        return MISSING
    if lacking:
        lines.append(f"\nNot yet measured: {'; '.join(lacking)}.")
    told = f"`{result['command']}`, data `{result['data']['name']}`, seed {result['seed']}"
    budget = ", ".join(
        f"{name.replace('_', ' ')} {value if isinstance(value, str) else shown(value)}"
        for name, value in result["budget"].items()
    )
    where = _circumstances(list(result.get("parts", {}).values()) or [result])
    lines.append(f"\n{told}; {f'budget: {budget}; ' if budget else ''}{where}.")
    return "\n".join(lines) + "\n"


def _circumstances(parts: Sequence[Figures]) -> str:
    """Where and when all parts of a result were measured."""
    machines = [part["machine"] for part in parts]
    where = [machine["gpu"] or f"{machine['cores']} CPU cores, {machine['processor']}" for machine in machines]
    dates = [part["date"] for part in parts]
    return ", ".join(dict.fromkeys(where)) + ", " + " to ".join(dict.fromkeys([min(dates), max(dates)]))


def of_one(rows: Sequence[tuple[str, str, str]], figures: Figures) -> tuple[list[str], list[str]]:
    """A row for each figure that was measured, and what those are that were not."""
    head = ["| figure | value | unit and direction |", "|---|---:|---|"]
    found = [(at(figures, place), label, unit) for place, label, unit in rows]
    lines = [f"| {label} | {shown(value, unit)} | {unit} |" for value, label, unit in found if value is not None]
    return head + lines, [label for value, label, _ in found if value is None]


def of_models(matrix: Matrix, figures: Figures) -> tuple[list[str], list[str]]:
    """A row for each model and a column for each figure, and the rows and columns that nothing was measured of.

    What a model does not have is left empty.
    """
    figures = at(figures, matrix.under) or {} if matrix.under else figures
    rows = matrix.rows or [name for name in figures if not NO_MODEL.match(name) and isinstance(figures[name], dict)]
    found = {row: [cell(at(figures, place.format(row))) for place, _, _ in matrix.columns] for row in rows}
    table = {row: cells for row, cells in found.items() if any(cells)}
    if not table:  # as of a sum whose parts are not all there
        return [], []
    there = list(map(any, zip(*table.values(), strict=True)))
    columns = [column for column, its in zip(matrix.columns, there, strict=True) if its]
    names = "".join(f" {label}, {unit} |" for _, label, unit in columns)
    lines = [f"| {matrix.heading} |{names}", "|---|" + "---:|" * len(columns)]
    lines += [f"| {_named(matrix, row)} | {' | '.join(compress(cells, there))} |" for row, cells in table.items()]
    lacking = [_named(matrix, row) for row in found if row not in table]
    return lines, lacking + [label for (_, label, _), its in zip(matrix.columns, there, strict=True) if not its]


def _named(matrix: Matrix, row: str) -> str:
    return matrix.labels.get(row) or re.sub(r"\.(?!\d)", ": ", row.replace("_", " "))


def at(figures: Figures, place: str) -> Any:  # noqa: ANN401 - any JSON
    """A nested value by its dotted place; None where there is none.

    A name may hold a dot, ``log_p_0.4`` beside ``log_p_0``: the longest that is there counts.
    """
    if place in figures:
        return figures[place]
    parts = place.split(".")
    heads = (".".join(parts[:i]) for i in range(len(parts) - 1, 0, -1))
    head = next((head for head in heads if isinstance(figures.get(head), dict)), None)
    return None if head is None else at(figures[head], place.removeprefix(f"{head}."))


def cell(value: float | str | Figures | None) -> str:
    """A figure, one over several seeds, or none."""
    if isinstance(value, dict):
        return f"{shown(value['mean'])} ({shown(value['least'])} to {shown(value['most'])})"
    return "" if value is None else value if isinstance(value, str) else shown(value)


def shown(value: float, unit: str = "") -> str:
    """Three significant digits, or all of a whole number or one above a thousand; two decimals of what differs little.

    These are perplexities, and the nats of a sentence that they are made of.
    """
    if unit.startswith(("perplexity", "nats of a sentence")):
        return f"{value:.2f}"
    whole = float(value).is_integer() and abs(value) > 1
    return f"{value:,.0f}" if whole or abs(value) >= 999.5 else f"{value:.3g}"


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        made = _PLACE.sub(lambda match: match[1] + table(match[2]) + match[3], text)
        if made != text and "--check" in sys.argv[1:]:
            stale.append(str(page))
        elif made != text:
            page.write_text(made, encoding="utf-8")
    if stale:
        raise SystemExit(f"out of date: {', '.join(stale)}; run python -m benchmarks.tables")


if __name__ == "__main__":
    main()
