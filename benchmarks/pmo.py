"""PMO: twenty objectives of 10,000 calls each, by one optimiser with one setting.

Run as ``python -m benchmarks.pmo MODEL METHOD [SEEDS [TASK ...]]``, a checkpoint folder and a method of
``vaemol.optimization``; killed, it goes on where it was, by the same code, and loses no call.
``structural_without_space`` is ``structural`` whose candidates are bred alone.

As PMO has it: the objective is asked for 10,000 different molecules, the first of them from ZINC250k at random, and
the figure of a task is the area under the mean of the best ten (``vaeseq.calls.auc_top``). Nothing is asked for
beforehand. By runs of so many calls settings are looked at on zaleplon and perindopril alone, as there, and none was
changed by them; the method was chosen before, by runs of 200 calls whose objectives are four of the tasks among others.

References:
    Gao et al. (2022), Sample efficiency matters (PMO), https://arxiv.org/abs/2206.12411
"""

import sys
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks.parts import Parts
from pipelines.download import cache_folder, mirror_folder, obtain, sha256_of
from pipelines.fetch import SOURCES
from pipelines.readers import rows
from pipelines.resume import code_of, locked, work_folder
from pipelines.sources import load_sources
from vaemol.optimization import optimize
from vaemol.oracles import oracle_of
from vaemol.pmo import TASKS
from vaemol.space import MoleculeSpace
from vaeseq.calls import Run, auc_top, best_calls, resumed
from vaeseq.rounds import SearchConfig

CONFIG = SearchConfig(budget=10_000, initial=200, batch=100)
SHORT, TOP = 1_000, 10


@cache
def pool() -> list[str]:
    """SMILES of ZINC250k."""
    source = load_sources(SOURCES)["zinc250k"]
    path = obtain(source.files[0], mirror=mirror_folder(None), cache=cache_folder())
    return [row.text for row in rows(path, source.tables[0], "molecules")]


def figures_of(space: MoleculeSpace, task: str, method: str, seed: int, folder: Path) -> dict[str, Any]:
    """One task, from its calls in the folder on."""
    start = partial(optimize, space, oracle_of(task), CONFIG, method=method, seed=seed, start=pool())
    calls = [call for batch in resumed(folder / "calls.csv", Run(task, method, seed), start) for call in batch]
    best = best_calls(calls, TOP)
    return {
        "auc_top10": auc_top(calls, TOP, CONFIG.budget),
        "auc_top10_at_1000": auc_top(calls, TOP, SHORT),
        "top10": fmean(call.value for call in best),
        "best": best[0].text,
        "calls": len(calls),
        "seconds": calls[-1].seconds,
    }


def main(folder: Path, method: str, seeds: int, tasks: list[str]) -> None:
    """Write ``benchmarks/results/pmo_<method>.json``."""
    torch.set_num_threads(1)
    space = MoleculeSpace.load(folder)
    parts = Parts(
        f"pmo_{method}",
        command=f"python -m benchmarks.pmo MODEL {method} {seeds}",
        data={"name": "zinc250k", "rows": len(pool())},
        seed=0,
        budget={"calls": CONFIG.budget, "start": CONFIG.initial, "batch": CONFIG.batch},
    )
    weights = sorted(folder.glob("*.safetensors"))
    model = [sha256_of(path) for path in weights]
    runs: dict[str, list[dict[str, Any]]] = {task: [] for task in tasks}
    for seed, task in product(range(seeds), tasks):
        settings = f"{task} {method} {seed} {CONFIG} {model}"
        with locked(work_folder("pmo", settings, *weights, *code_of("vaemol", "vaeseq"))) as work:
            make = partial(figures_of, space, task, method, seed, work)
            runs[task].append(parts.take(f"{task}_of_seed_{seed}", settings, make))
    if set(tasks) == set(TASKS):
        parts.several("sums", f"{runs} {CONFIG} {model}", lambda: summed(runs))


def summed(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means over the seeds of each task, and their sums."""
    names = ("auc_top10", "auc_top10_at_1000", "top10")
    means = {task: {name: fmean(run[name] for run in its) for name in names} for task, its in runs.items()}
    sums = {name: sum(mean[name] for mean in means.values()) for name in names}
    return {
        "tasks": len(runs),
        "seeds": min(map(len, runs.values())),
        f"sum_auc_top10_{len(runs)}_tasks": sums["auc_top10"],
        f"sum_auc_top10_{len(runs)}_tasks_at_1000": sums["auc_top10_at_1000"],
        **means,
        "sum": sums,
    }


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, method, *rest]:
            main(Path(folder), method, int(rest[0]) if rest else 1, rest[1:] or list(TASKS))
        case _:
            sys.exit("usage: python -m benchmarks.pmo MODEL METHOD [SEEDS [TASK ...]]")
