"""Stage: better molecules with few oracle calls, against draws of the prior; a killed run goes on where it was."""

import csv
import json
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipelines.params import OptimizeParams, domain_params
from pipelines.progress import progress
from pipelines.resume import locked, work_folder
from pipelines.stage import run
from vaemol.constraints import all_of
from vaemol.molecule import parse
from vaemol.optimization import nearest_similarity, optimize
from vaemol.prediction import objective_in
from vaemol.properties import properties
from vaemol.space import MoleculeSpace
from vaeseq.calls import Run, best_calls, best_so_far, resumed
from vaeseq.errors import InputError
from vaeseq.rounds import Call, SearchConfig

BEST = 10  # molecules of each objective in best.csv
NEIGHBOURS = 50_000  # training molecules, chosen at random, that the best are compared with
MODEL = Path("models/molecules")
BASELINE = "random_prior"

Row = dict[str, Any]


def main(domain: str) -> None:
    """Write ``reports/molecules/optimize.json`` and the tables beside it."""
    if domain != "molecules":
        raise InputError(f"domain must be molecules, got {domain!r}: sentences have no property to optimise here")
    params = domain_params("molecules").optimize
    out = Path("reports/molecules/optimize")
    out.mkdir(parents=True, exist_ok=True)
    space = MoleculeSpace.load(MODEL)
    with locked(_work(params)) as work:
        runs = _searched(space, params, work / "calls.csv")
    _write(out / "calls.csv", [row for its, calls in runs.items() for row in _call_rows(its, calls)])
    best = {name: best_calls(runs[Run(name, params.method, params.seed)], BEST) for name in params.objectives}
    _write(out / "best.csv", _best_rows(best, _training(params.seed)))
    figures = {name: _figures(runs, name, params) for name in params.objectives}
    Path("reports/molecules/optimize.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _work(params: OptimizeParams) -> Path:
    """The folder of the calls made with exactly these parameters and this model."""
    model = [path for path in sorted(MODEL.iterdir()) if path.suffix in (".json", ".safetensors")]
    return work_folder("optimize-molecules", params.model_dump_json(), *model)


def _searched(space: MoleculeSpace, params: OptimizeParams, log: Path) -> dict[Run, list[Call]]:
    config = SearchConfig(params.budget, params.initial, params.batch)
    # All of them before the first search: a name may be wrong.
    admits = all_of(params.require)
    oracles = {name: objective_in(space, name, max_heavy_atoms=params.max_heavy_atoms) for name in params.objectives}
    runs = {Run(name, method, params.seed): [] for name in params.objectives for method in (params.method, BASELINE)}
    with progress("optimising", len(runs) * params.budget) as advance:
        for its, calls in runs.items():
            how = {"method": its.method, "seed": its.seed, "admits": admits}
            for batch in resumed(log, its, partial(optimize, space, oracles[its.objective], config, **how)):
                calls += batch
                advance(len(batch))
    return runs


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


def _training(seed: int) -> list[str]:
    table = pq.read_table("data/prepared/molecules/rows.parquet", columns=["smiles", "split"])
    smiles, split = (np.asarray(table.column(name)) for name in ("smiles", "split"))
    return np.random.default_rng(seed).permutation(np.unique(smiles[split == "train"]))[:NEIGHBOURS].tolist()


def _best_rows(best: dict[str, list[Call]], training: list[str]) -> list[Row]:
    found = [(name, rank, call) for name, calls in best.items() for rank, call in enumerate(calls, start=1)]
    nearest = nearest_similarity([call.text for _, _, call in found], training)
    return [
        {
            "objective": name,
            "rank": rank,
            "smiles": call.text,
            "value": round(call.value, 4),
            **{key: round(value, 4) for key, value in properties(parse(call.text)).items()},
            "nearest_training_similarity": round(similarity, 4),
        }
        for (name, rank, call), similarity in zip(found, nearest, strict=True)
    ]


def _figures(runs: dict[Run, list[Call]], name: str, params: OptimizeParams) -> Row:
    """The best value and the mean of the ten best, of the search and of the baseline on the same budget."""
    searched, random = (runs[Run(name, method, params.seed)] for method in (params.method, BASELINE))
    figures: Row = {"calls": len(searched), "random_calls": len(random)}
    for prefix, calls in (("", searched), ("random_", random)):
        values = [call.value for call in best_calls(calls, 10)]
        figures |= {f"{prefix}best": max(values, default=None), f"{prefix}top_10": fmean(values) if values else None}
    start = [call.value for call in best_calls(searched[: params.initial], 1)]
    without = sum(call.value != call.value for call in searched)
    seconds = sum(its[-1].seconds for its in (searched, random) if its)
    return figures | {"best_at_start": max(start, default=None), "without_value": without, "seconds": round(seconds, 1)}


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        if rows:
            table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    run(main)
