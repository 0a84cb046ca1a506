"""Better molecules that stay like one that is given: penalised logP of JT-VAE, QED of its successor.

Run as ``python -m benchmarks.constrained [MODEL [MOLECULES [SEEDS [TASK ...]]]]``; by default the model of the package,
all 800 molecules of each task and one seed. Killed, it goes on where it was, and loses no call; tasks may be run side
by side.

Each molecule is a search of its own, as ``vaemol optimize --method structural --lead`` makes it, but in rounds of 40
and without a cap of size: it starts from the molecule, asks for 200 different ones that are like enough, and the best
of them counts. The molecules are those of the papers, and so is what is called like: penalised logP takes counts of
ECFP4, QED 2,048 bits. A search for QED is bound by ``similarity:``, as a user would have it, and judged by those bits
afterwards.

A molecule that is not improved counts with an improvement of 0, and its similarity does not count. Penalised logP
rewards long greasy chains without end, so what it finds is no drug; ``capped`` is the best of the same calls that has
no more than 38 heavy atoms, the size of the largest molecule of ZINC250k.

References:
    Jin et al. (2018), JT-VAE, section 3.3, https://arxiv.org/abs/1802.04364
    Jin et al. (2019), Graph-to-graph translation, section 4, https://arxiv.org/abs/1812.01070
"""

import sys
from collections.abc import Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, NamedTuple

import torch

from benchmarks.parts import Parts
from pipelines.download import cache_folder, mirror_folder, obtain, sha256_of
from pipelines.fetch import SOURCES
from pipelines.resume import code_of, locked, work_folder
from pipelines.sources import load_sources
from vaemol.constraints import all_of
from vaemol.modifiers import Fingerprint, ecfp4, similarity
from vaemol.molecule import fingerprint, parse
from vaemol.notation import to_smiles
from vaemol.optimization import optimize
from vaemol.oracles import oracle_of
from vaemol.shipped import MODEL
from vaemol.space import MoleculeSpace
from vaeseq.calls import Run, best_calls, resumed
from vaeseq.rounds import Call, SearchConfig
from vaeseq.shipped import NAME

METHOD, CONFIG = "structural", SearchConfig(budget=200, initial=1, batch=40)
CAP, NO_CAP = 38, 10_000  # heavy atoms
Row = dict[str, Any]


class Task(NamedTuple):
    """What is to be improved, of which molecules, and how like them it must stay.

    Attributes:
        objective: As ``vaemol.oracles.oracle_of`` names it.
        file: Of the molecules, below ``zinc250k``.
        alike: As a constraint names the similarity that binds the search.
        fingerprint: By which it is judged.
        least: Similarity.
        wanted: A value that counts as success; None: any that is higher than that of the molecule.
    """

    objective: str
    file: str
    alike: str
    fingerprint: Fingerprint
    least: float
    wanted: float | None = None


TASKS = {
    f"penalised_log_p_{least:g}": Task("penalised_log_p", "opt.test.logP-SA", "rediscovery", ecfp4, least)
    for least in (0.0, 0.2, 0.4, 0.6)
} | {"qed_0.4": Task("qed", "qed_test.txt", "similarity", fingerprint, 0.4, 0.9)}


@cache
def leads(file: str) -> list[str]:
    """Canonical SMILES of the molecules of a task."""
    reference = load_sources(SOURCES)["zinc250k"].reference
    (found,) = (its for its in reference if its.path.endswith(file))
    lines = obtain(found, mirror=mirror_folder(None), cache=cache_folder()).read_text(encoding="utf-8").splitlines()
    return [to_smiles(line.split()[0], "smiles") for line in lines]


def searched(space: MoleculeSpace, task: Task, lead: str, seed: int, log: Path) -> list[Call]:
    """All calls from one molecule on, the first of them its own."""
    admits = all_of([f"{task.alike}:{lead}>={task.least}"] if task.least else [])
    oracle = oracle_of(task.objective, max_heavy_atoms=NO_CAP)
    start = partial(optimize, space, oracle, CONFIG, method=METHOD, seed=seed, start=[lead], admits=admits)
    return [call for batch in resumed(log, Run(task.objective, METHOD, seed), start) for call in batch]


def judged(task: Task, lead: str, calls: Sequence[Call]) -> Row:
    """The best of the calls that is another molecule and like enough, and what it is better by, at least 0."""
    others = [call for call in calls if task.least <= _alike(task, lead, call.text) < 1]
    small = [call for call in others if parse(call.text).GetNumHeavyAtoms() <= CAP]
    value = calls[0].value
    gains = [max([0.0, *(call.value - value for call in best_calls(some, 1))]) for some in (others, small)]
    best = next(iter(best_calls(others, 1)), None)
    reached = best is not None and (best.value > value if task.wanted is None else best.value >= task.wanted)
    return {
        "success": reached,
        "improvement": gains[0],
        "improvement_capped": gains[1],
        "similarity": _alike(task, lead, best.text) if reached else None,
        "heavy_atoms": parse(best.text).GetNumHeavyAtoms() if reached else None,
        "calls": len(calls),
        "seconds": calls[-1].seconds,
    }


def _alike(task: Task, lead: str, smiles: str) -> float:
    return similarity(parse(smiles), lead, task.fingerprint)


def figures_of(rows: Sequence[Row]) -> Row:
    """Means over molecules; of similarity and size over those that were improved."""
    found: Row = {"molecules": len(rows)}
    for name in ("success", "improvement", "improvement_capped", "similarity", "heavy_atoms", "calls", "seconds"):
        values = [float(row[name]) for row in rows if row[name] is not None]
        found[name] = fmean(values) if values else None
        if name in ("improvement", "improvement_capped", "similarity"):
            found[f"{name}_deviation"] = pstdev(values) if values else None
    return found


def measured(space: MoleculeSpace, task: Task, count: int, seed: int, work: Path) -> Row:
    """One task of one seed; the calls of each molecule stay in a file of its own."""
    rows = []
    for number, lead in enumerate(leads(task.file)[:count], start=1):
        rows.append(judged(task, lead, searched(space, task, lead, seed, work / f"{number}.csv")))
        print(f"{number} of {count}: {rows[-1]['improvement']:.3f}", file=sys.stderr, flush=True)
    return figures_of(rows)


def main(folder: Path, count: int, seeds: int, tasks: Sequence[str]) -> None:
    """Write ``benchmarks/results/constrained_zinc.json``."""
    torch.set_num_threads(1)
    space = MoleculeSpace.load(folder)
    parts = Parts(
        "constrained_zinc",
        command=f"python -m benchmarks.constrained MODEL {count} {seeds}",
        data={"name": "zinc250k", "rows": count},
        seed=0,
        budget={"calls": CONFIG.budget, "batch": CONFIG.batch, "method": METHOD},
    )
    weights = sorted(folder.glob("*.safetensors"))
    model = [sha256_of(path) for path in weights]
    runs: dict[str, list[Row]] = {name: [] for name in tasks}
    for seed, name in product(range(seeds), tasks):
        code = code_of("vaemol", "vaeseq")
        with locked(work_folder("constrained", f"{name} {METHOD} {seed} {CONFIG}", *weights, *code)) as work:
            make = partial(measured, space, TASKS[name], count, seed, work)
            runs[name].append(
                parts.take(f"{name}_of_seed_{seed}", f"{name} {METHOD} {seed} {CONFIG} {count} {model}", make)
            )
    for name, its in runs.items():
        parts.take(name, f"{its} {CONFIG} {count} {model}", partial(over_seeds, its))


def over_seeds(runs: Sequence[Row]) -> Row:
    """Means of the figures of each seed; None where one of them has none."""
    columns = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: None if None in values else fmean(values) for name, values in columns.items()} | {"seeds": len(runs)}


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        MODEL.folder_of(Path(given[0] if given else NAME)),
        int(given[1]) if given[1:] else 800,
        int(given[2]) if given[2:] else 1,
        given[3:] or list(TASKS),
    )
