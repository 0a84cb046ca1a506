"""Are our tasks of PMO those of TDC, which PMO calls? Both are asked about the same molecules, task by task.

Run as ``python -m benchmarks.oracles FILE``: ``tdc/chem_utils/oracle/oracle.py`` of a copy of TDC's repository.
Most molecules are worth next to nothing to a task, and there any two functions agree: hence mutants of the best so far.

References:
    Huang et al. (2021), Therapeutics Data Commons, https://arxiv.org/abs/2102.09548
"""

import sys
from collections.abc import Callable
from heapq import nlargest
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import selfies
from rdkit.rdBase import BlockLogs

from benchmarks.record import write
from pipelines.download import cache_folder, mirror_folder, obtain, sha256_of
from pipelines.fetch import SOURCES
from pipelines.readers import rows
from pipelines.sources import load_sources
from vaemol import pmo
from vaemol.molecule import parse
from vaemol.notation import symbols, to_smiles, to_text
from vaeseq.errors import Rejected

SEED, RANDOM, MUTANTS, BEST = 0, 1_000, 3_000, 20
ALPHABET = sorted(selfies.get_semantic_robust_alphabet())
# What the module imports and the tasks do not need: some of it does not install beside today's rdkit.
STAND_INS = {
    "pkg_resources": SimpleNamespace(get_distribution=lambda _: SimpleNamespace(version="1")),
    "rdkit.six": SimpleNamespace(iteritems=dict.items),
    "tdc.utils": SimpleNamespace(oracle_load=None, print_sys=None, install=None),
}


def theirs(path: Path, task: str) -> Callable[[str], float]:
    """TDC's function, of a module of its own: there the tasks overwrite each other's global names."""
    sys.modules.update(STAND_INS)
    spec = spec_from_file_location("tdc.chem_utils.oracle.oracle", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, task)


def compared(task: str, path: Path, texts: list[str]) -> dict[str, float]:
    """How far both are apart at most, and how high the values are that they agree on."""
    ours, rng = pmo.TASKS[task], np.random.default_rng(SEED)
    values = {text: ours(parse(text)) for text in texts}
    for _ in range(MUTANTS):
        text = mutant(nlargest(BEST, values, values.get)[rng.integers(BEST)], rng)
        values[text] = ours(parse(text))
    with BlockLogs():  # each old fingerprint says that there is a new one
        reference = theirs(path, task)
        differences = [abs(value - float(reference(text))) for text, value in values.items()]
    return {
        "molecules": len(values),
        "above_a_tenth": sum(value > 0.1 for value in values.values()),
        "largest_value": max(values.values()),
        "largest_difference": max(differences),
    }


def mutant(smiles: str, rng: np.random.Generator) -> str:
    """A molecule whose SELFIES has one symbol more, one less or another one; itself where there is none."""
    try:
        written = symbols(to_text(smiles, "selfies"), "selfies")
    except Rejected:
        return smiles
    place, kept = rng.integers(len(written)), rng.integers(2)
    new = [ALPHABET[rng.integers(len(ALPHABET))]] if rng.integers(3) else []
    return to_smiles("".join([*written[:place], *new, *written[place + 1 - kept :]]), "selfies") or smiles


def main() -> None:
    """Write ``benchmarks/results/oracles.json``."""
    path = Path(sys.argv[1])
    source = load_sources(SOURCES)["zinc250k"]
    zinc = obtain(source.files[0], mirror=mirror_folder(None), cache=cache_folder())
    every = [row.text for row in rows(zinc, source.tables[0], "molecules")]
    texts = [every[i] for i in np.random.default_rng(SEED).permutation(len(every))[:RANDOM]]
    texts += [*pmo.Target, pmo.VALSARTAN_PART]
    write(
        "oracles",
        command="python -m benchmarks.oracles FILE",
        data={"name": "zinc250k", "rows": RANDOM, "sha256_of_file": sha256_of(path)},
        seed=SEED,
        budget={"mutants": MUTANTS},
        figures={task: compared(task, path, texts) for task in pmo.TASKS},
    )


if __name__ == "__main__":
    main()
