"""Paths between molecules that are unlike, by a model and by ways that need none.

Run as ``python -m benchmarks.interpolation MODEL``, a checkpoint folder of a model of MOSES' molecules, after
``python -m pipelines.reference``; killed, it goes on where it was. The pairs are 1,000 of MOSES' scaffold test set,
whose scaffolds no training molecule of MOSES has, of a Tanimoto similarity of at most .3. To judge other paths,
``python -m benchmarks.interpolation pairs > pairs.smi`` writes them, and ``vaemol judge-paths`` judges.

The rows: *pure*, eleven points on an arc between codes that decode to the ends; *filled*, the same with points put in
where it jumps, forty at most, and of these the molecules that pass the filters; *assisted*, ``vaemol propose``;
*straight line*, eleven points between the means of the posteriors; *stoned*, without a model (``benchmarks.stoned``).

References:
    Polykovskiy et al. (2020), Molecular Sets, https://arxiv.org/abs/1811.12823
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from benchmarks.parts import Parts
from benchmarks.stoned import stoned_path
from benchmarks.subject import digest_of_folder
from pipelines.reference import OUT, smiles_in
from pipelines.resume import code_of, locked, work_folder
from vaemol.constraints import all_of, kept
from vaemol.filters import kept_patterns
from vaemol.interpolation import interpolate
from vaemol.itineraries import figures_of
from vaemol.molecule import tanimoto
from vaemol.notation import to_smiles
from vaemol.smooth import smooth_path
from vaemol.space import MoleculeSpace
from vaeseq.checkpoint import files_of
from vaeseq.errors import InputError
from vaeseq.paths import PathKind
from vaeseq.walks import ends_of, walk

PAIRS, SEED, MOST_ALIKE, STEPS, FILLED = 1_000, 0, 0.3, 11, 40
Pair = tuple[str, str]


def pairs(count: int = PAIRS) -> Iterator[Pair]:
    """Canonical SMILES of unlike molecules of the scaffold test set, at random."""
    smiles = list(smiles_in("test_scaffolds.csv.gz"))
    order = iter(np.random.default_rng(SEED).permutation(len(smiles)))
    while count:
        start, end = (to_smiles(smiles[next(order)], "smiles") for _ in range(2))
        if start and end and tanimoto(start, end) <= MOST_ALIKE:
            yield start, end
            count -= 1


def ways(space: MoleculeSpace) -> dict[str, Callable[[Pair], list[str]]]:
    """What makes a path of each row; a pair that the model cannot read raises."""
    holds = all_of([f"filters:{OUT}"])

    def decoded(codes: tuple[Tensor, Tensor], kind: PathKind) -> list[str]:
        return [text for _, text in walk(space, codes, steps=STEPS, kind=kind)]

    def filled(pair: Pair) -> list[str]:
        start, *between, end = (point.smiles for point in interpolate(space, *pair, steps=STEPS, most=FILLED))
        return [start, *kept(between, holds), end]

    return {
        "pure": lambda pair: decoded(ends_of(space, [pair])[0], "slerp"),
        "filled": filled,
        "assisted": lambda pair: smooth_path(space, *pair, holds=holds),
        "straight_line": lambda pair: decoded(tuple(space.encode(pair).mean), "lerp"),
        "stoned": lambda pair: stoned_path(*pair),
    }


def path_or_none(way: Callable[[Pair], list[str]], pair: Pair) -> list[str]:
    """A path, or where the model cannot read an end, one step without a molecule: all pairs count."""
    try:
        return way(pair)
    except InputError:
        return [""]


def walked(way: Callable[[Pair], list[str]], some: Sequence[Pair], kept: Path) -> list[list[str]]:
    """The path between each pair, kept in a file as it is made: what is there is not made again."""
    lines = kept.read_text(encoding="utf-8").splitlines(keepends=True) if kept.exists() else []
    whole = [line for line in lines if line.endswith("\n")]  # a kill may have cut the last one
    kept.write_text("".join(whole), encoding="utf-8")
    with kept.open("a", encoding="utf-8") as file:
        for pair in some[len(whole) :]:
            file.write(json.dumps(path_or_none(way, pair)) + "\n")
            file.flush()
    return list(map(json.loads, kept.read_text(encoding="utf-8").splitlines()))


def main(folder: Path) -> None:
    """Write ``benchmarks/results/interpolation_moses.json``."""
    space, some, patterns = MoleculeSpace.load(folder), list(pairs()), kept_patterns(OUT)
    model = digest_of_folder(folder)
    exact = [path_or_none(space.reconstruct, pair) == list(pair) for pair in some]
    unrefined = {"both_ends_exact_unrefined": sum(exact) / len(some)}
    parts = Parts(
        "interpolation_moses",
        command="python -m benchmarks.interpolation MODEL",
        data={"name": "moses", "rows": len(some), "model": model},
        seed=SEED,
        budget={"pairs": len(some), "steps": STEPS},
    )

    def judged(name: str, way: Callable[[Pair], list[str]], work: Path) -> dict[str, float | None]:
        figures = figures_of(walked(way, some, work / f"{name}.json"), some, patterns)._asdict()
        return figures if name == "stoned" else figures | unrefined

    sources = code_of("vaemol", "vaeseq")
    with locked(work_folder("interpolation", f"{len(some)} {SEED} {STEPS}", *files_of(folder), *sources)) as work:
        for name, way in ways(space).items():
            parts.take(name, f"{name} {len(some)} {model}", partial(judged, name, way, work))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pairs"]:
            sys.stdout.writelines(f"{start} {end}\n" for start, end in pairs())
        case [folder]:
            main(Path(folder))
        case _:
            sys.exit("usage: python -m benchmarks.interpolation MODEL | pairs")
