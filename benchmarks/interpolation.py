"""Paths between molecules that are unlike, by a model and by ways that need none.

Run as ``python -m benchmarks.interpolation MODEL``, a checkpoint folder of a model of MOSES' molecules, after
``python -m pipelines.reference``. The pairs are 1,000 of MOSES' scaffold test set, whose scaffolds no training molecule
has, of a Tanimoto similarity of at most .3. To judge paths of another making, ``python -m benchmarks.interpolation
pairs > pairs.smi`` writes them, and ``vaemol judge-paths`` judges.

The rows: *pure*, nine points on an arc between codes that decode to the ends; *assisted*, ``vaemol propose``; *straight
line*, nine points between the means of the posteriors; *stoned*, without a model (``benchmarks.stoned``).

References:
    Polykovskiy et al. (2020), Molecular Sets, https://arxiv.org/abs/1811.12823
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.parts import Parts
from benchmarks.stoned import stoned_path
from pipelines.reference import OUT, smiles_in
from vaemol.constraints import all_of
from vaemol.filters import kept_patterns
from vaemol.itineraries import figures_of
from vaemol.molecule import tanimoto
from vaemol.notation import to_smiles
from vaemol.proposals import smooth_path
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError
from vaeseq.walks import ends_of, walk

PAIRS, SEED, MOST_ALIKE, STEPS = 1_000, 0, 0.3, 11
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


def paths_of(space: MoleculeSpace, some: Sequence[Pair]) -> dict[str, Callable[[], list[list[str]]]]:
    """What makes the paths of each row."""
    holds = all_of([f"filters:{OUT}"])

    def between(codes: Callable[[Pair], tuple], kind: str) -> list[list[str]]:
        return [[text for _, text in walk(space, codes(pair), steps=STEPS, kind=kind)] for pair in some]

    return {
        "pure": lambda: between(lambda pair: ends_of(space, [pair])[0], "slerp"),
        "assisted": lambda: [smooth_path(space, *pair, holds=holds) for pair in some],
        "straight_line": lambda: between(lambda pair: tuple(space.encode(pair).mean), "lerp"),
        "stoned": lambda: [stoned_path(*pair, seed=i) for i, pair in enumerate(some)],
    }


def main(folder: Path) -> None:
    """Write ``benchmarks/results/interpolation_moses.json``."""
    space, some, patterns = MoleculeSpace.load(folder), list(pairs()), kept_patterns(OUT)
    readable = [pair for pair in some if _read(space, pair)]
    exact = [tuple(space.reconstruct(pair)) == pair for pair in readable]
    unrefined = {"both_ends_exact_unrefined": sum(exact) / len(some), "pairs_read": len(readable)}
    parts = Parts(
        "interpolation_moses",
        command="python -m benchmarks.interpolation MODEL",
        data={"name": "moses", "rows": len(some)},
        seed=SEED,
        budget={"pairs": len(some), "steps": STEPS},
    )
    for name, made in paths_of(space, readable).items():
        settings = f"{name} {len(some)} {(folder / 'decoder.safetensors').stat().st_size}"
        parts.take(name, settings, lambda made=made: figures_of(made(), readable, patterns)._asdict() | unrefined)


def _read(space: MoleculeSpace, pair: Pair) -> bool:
    try:
        return bool(space.texts(pair))
    except InputError:
        return False


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pairs"]:
            sys.stdout.writelines(f"{start} {end}\n" for start, end in pairs())
        case [folder]:
            main(Path(folder))
        case _:
            sys.exit("usage: python -m benchmarks.interpolation MODEL | pairs")
