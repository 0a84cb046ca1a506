"""Stage: better molecules with few oracle calls, against draws of the prior; a killed run goes on where it was."""

from pipelines.stage import run

import json
import math
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from pipelines.findings import (
    Training,
    best_found,
    described,
    deviations,
    digits,
    figures,
    front_figures,
    front_found,
    medians,
    shifts,
)
from pipelines.params import OptimizeParams, domain_params
from pipelines.progress import progress
from pipelines.resume import code_of, locked, work_folder
from vaemol.constraints import all_of
from vaemol.optimization import climbed, optimize
from vaemol.prediction import KIND, objective_in, together
from vaemol.space import MoleculeSpace
from vaeseq.calls import Answers, Run, best_so_far, resumed
from vaeseq.checkpoint import files_of
from vaeseq.errors import InputError
from vaeseq.files import write_table, write_whole
from vaeseq.rounds import Call, SearchConfig

BEST = 10  # molecules of each objective in best.csv
MODEL = Path("models/molecules")
ROWS = Path("data/prepared/molecules/rows.parquet")
BASELINE = "random_prior"

Row = dict[str, Any]
Goal = tuple[str, ...]  # one objective, or several at once


def main(domain: str) -> None:
    """Write ``reports/molecules/optimize.json`` and the tables beside it."""
    if domain != "molecules":
        raise InputError(f"domain must be molecules, got {domain!r}: sentences have no property to optimise here")
    params = domain_params("molecules").optimize
    out = Path("reports/molecules/optimize")
    out.mkdir(parents=True, exist_ok=True)
    space = MoleculeSpace.load(MODEL)
    training = Training.load(ROWS, params.seed)
    with locked(_work(params)) as work:
        runs, first = _searched(space, params, training, work / "calls.csv")
    figures_found, tables = _found(space, params, runs, first, training)
    for name, rows in tables.items():
        write_table(out / f"{name}.csv", rows)
    write_whole(Path("reports/molecules/optimize.json"), json.dumps(figures_found, indent=2) + "\n")


def _work(params: OptimizeParams) -> Path:
    """The folder of the calls made with exactly these parameters, model, rows to start from and code.

    Which objective, method and seed a call is of stands beside it.
    """
    settings = params.model_dump_json(exclude={"objectives", "front", "method", "seed", "seeds"})
    rows = [ROWS] if params.start == "training" else []
    folders = [Path(text.removeprefix("filters:")) for text in params.require if text.startswith("filters:")]
    rows += [path for folder in folders if (path := folder / "patterns.txt").exists()]
    code = code_of("vaemol", "vaeseq", "pipelines.optimize", "pipelines.findings", "pipelines.columns")
    return work_folder("optimize-molecules", settings, *files_of(MODEL), *rows, *code)


def _searched(
    space: MoleculeSpace, params: OptimizeParams, training: Training, log: Path
) -> tuple[dict[Run, list[Call]], dict[str, int]]:
    """The calls of each run, and of each objective how many calls its search learns from first."""
    config = SearchConfig(params.budget, params.initial, params.batch)
    goals: list[Goal] = [(name,) for name in params.objectives] + ([params.front] if params.front else [])
    # All of them before the first search: a name may be wrong.
    for name in params.objectives if params.method == "ascent" else ():
        climbed(space, name.replace(KIND, "", 1))
    settings = {"max_heavy_atoms": params.max_heavy_atoms, "seconds": params.seconds, "answers": Answers(log)}
    named = partial(objective_in, space, **settings)
    admits = all_of(params.require, named=named)
    oracles = {goal: together(its) if its[1:] else its[0] for goal in goals if (its := [named(name) for name in goal])}
    seeds = range(params.seed, params.seed + params.seeds)
    runs: dict[Run, list[Call]] = {}
    first = dict.fromkeys(map(_called, goals), params.initial)
    with progress("optimising", len(goals) * 2 * len(seeds) * params.budget) as advance:
        for goal, method, seed in product(goals, (params.method, BASELINE), seeds):
            how = {"method": method, "seed": seed, "admits": admits, "several": len(goal) > 1}
            how["climbing"] = goal[0].replace(KIND, "", 1)
            if params.start == "training" and method != BASELINE:
                each = math.ceil(params.initial / len(goal))
                how["start"] = [text for name in goal for text in training.first(name, each, seed, admits)]
                first[_called(goal)] = min(params.initial, len(how["start"]))
            its = Run(_called(goal), method, seed)
            runs[its] = []
            for batch in resumed(log, its, partial(optimize, space, oracles[goal], config, **how)):
                runs[its] += batch
                advance(len(batch))
    return runs, first


def _found(
    space: MoleculeSpace,
    params: OptimizeParams,
    runs: dict[Run, list[Call]],
    first: dict[str, int],
    training: Training,
) -> tuple[Row, dict[str, list[Row]]]:
    """Figures of each objective and of the front, and the tables."""
    found: Row = {}
    tables: dict[str, list[Row]] = {name: [] for name in ("calls", "best", "front_calls", "front", "shifts")}
    for name in params.objectives:
        searched, drawn = (_of(runs, name, method) for method in (params.method, BASELINE))
        new = training.new(searched) if params.start == "training" else searched
        best = best_found(new, BEST)
        tables["best"] += _best_rows(space, name, best, training)
        shifted = shifts(name, best, drawn, training)
        tables["shifts"] += shifted
        found[name] = figures(searched, drawn, new, first[name])
        found[name] |= {"best_training": training.best(name), "median": medians(shifted)}
    if params.front:
        searched, drawn = (_of(runs, _called(params.front), method) for method in (params.method, BASELINE))
        new = training.new(searched) if params.start == "training" else searched
        front = front_found(new)
        tables["front"] = _front_rows(params.front, front, training)
        shifted = shifts("front", front, drawn, training)
        tables["shifts"] += shifted
        found["front"] = front_figures(searched, drawn, new) | {"median": medians(shifted)}
        found["front"]["best_training"] = {name: training.best(name) for name in params.front}
    for its, calls in runs.items():
        if its.objective in params.objectives:
            tables["calls"] += _call_rows(its, calls)
        else:
            tables["front_calls"] += _part_rows(its, calls, params.front)
    return found, tables


def _called(goal: Goal) -> str:
    return ", ".join(goal)


def _of(runs: dict[Run, list[Call]], objective: str, method: str) -> list[list[Call]]:
    """The calls of each seed."""
    return [calls for its, calls in runs.items() if (its.objective, its.method) == (objective, method)]


def _call_rows(its: Run, calls: list[Call]) -> list[Row]:
    place = {"objective": its.objective, "method": its.method, "seed": its.seed}
    return [
        {
            **place,
            "call": number,
            "smiles": call.text,
            "value": f"{call.value:.6g}" if call.value == call.value else "",
            "best_so_far": f"{best:.6g}" if best == best else "",
            "seconds": f"{call.seconds:.3f}",
        }
        for number, (call, best) in enumerate(zip(calls, best_so_far(calls), strict=True), start=1)
    ]


def _part_rows(its: Run, calls: list[Call], goal: Goal) -> list[Row]:
    return [
        {"method": its.method, "seed": its.seed, "call": number, "smiles": call.text}
        | {name: f"{part:.6g}" for name, part in zip(goal, call.parts, strict=True)}
        | {"seconds": f"{call.seconds:.3f}"}
        for number, call in enumerate(calls, start=1)
    ]


def _best_rows(space: MoleculeSpace, name: str, best: Sequence[Call], training: Training) -> list[Row]:
    rows = zip(best, deviations(space, name, best), described(best, training), strict=True)
    return [
        {"objective": name, "rank": rank, "smiles": call.text, "value": digits(call.value), "deviation": sure} | about
        for rank, (call, sure, about) in enumerate(rows, start=1)
    ]


def _front_rows(goal: Goal, front: Sequence[Call], training: Training) -> list[Row]:
    return [
        {"smiles": call.text} | {name: digits(part) for name, part in zip(goal, call.parts, strict=True)} | about
        for call, about in zip(front, described(front, training), strict=True)
    ]


if __name__ == "__main__":
    run(main)
