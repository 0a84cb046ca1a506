"""How fast molecules become rows, and in how much memory: the prepare stage beside the bare library calls.

Run as ``python -m benchmarks.preparing``. The bare calls are what a script would make for the columns of the row table,
as the libraries offer them, on one core; they read no file and write none. In the end the whole training set of MOSES
is prepared once.
"""

import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import selfies
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.Scaffolds import MurckoScaffold

from benchmarks import footprint, moses, rounds
from benchmarks.footprint import Footprint
from benchmarks.record import write
from pipelines.fetch import SOURCES, fetch
from pipelines.params import DataParams, load_params
from pipelines.readers import RawRow
from pipelines.records import molecule_records
from pipelines.sources import Domain
from vaemol.properties import sa_score
from vaeseq.parallel import cores

Item = TypeVar("Item")

ROWS, ALONE, ROUNDS = 60_000, 3_000, 5
SIZES = (10_000, 100_000, moses.TRAIN)
STEPS = (
    rdMolStandardize.MetalDisconnector().Disconnect,
    rdMolStandardize.LargestFragmentChooser(preferOrganic=True).choose,
    rdMolStandardize.Uncharger().uncharge,
)
PROPERTIES = (
    QED.qed,
    Crippen.MolLogP,
    sa_score,
    Descriptors.MolWt,
    rdMolDescriptors.CalcTPSA,
    rdMolDescriptors.CalcNumRings,
    rdMolDescriptors.CalcNumAromaticRings,
    rdMolDescriptors.CalcNumRotatableBonds,
    rdMolDescriptors.CalcNumHBD,
    rdMolDescriptors.CalcNumHBA,
    rdMolDescriptors.CalcNumHeavyAtoms,
    Chem.GetFormalCharge,
    rdMolDescriptors.CalcNumAtomStereoCenters,
)


def bare_calls(smiles: str) -> tuple[object, ...]:
    """The columns of one molecule by one library call after the other."""
    mol = functools.reduce(lambda mol, step: step(mol), STEPS, Chem.MolFromSmiles(smiles))
    canonical = Chem.MolToSmiles(mol)
    mol = Chem.MolFromSmiles(canonical)
    text = selfies.encoder(canonical)
    stable = canonical == Chem.MolToSmiles(mol) == Chem.MolToSmiles(Chem.MolFromSmiles(selfies.decoder(text)))
    return canonical, text, stable, MurckoScaffold.MurckoScaffoldSmiles(mol=mol), [call(mol) for call in PROPERTIES]


def bare() -> Iterator[float]:
    """Molecules of each round of bare calls."""
    for chosen in _in_turns(moses.molecules(ROWS)):
        yield len([bare_calls(smiles) for smiles in chosen])


def record() -> Iterator[float]:
    """The same of the function that makes our rows, alone in one process."""
    names = {"notation", "standardise", "max_characters", "max_heavy_atoms", "randomise", "seed"}
    settings = load_params().molecules.prepare.model_dump(include=names)
    for chosen in _in_turns([RawRow(i, None, text, {}) for i, text in enumerate(moses.molecules(ROWS))]):
        yield len([molecule_records(row, **settings) for row in chosen])


def _in_turns(items: list[Item]) -> Iterator[list[Item]]:
    """So many of the items as one process takes in a round, and then the next."""
    return (items[i : i + ALONE] for i in itertools.cycle(range(0, ROWS, ALONE)))


def placed(file: Path, domain: Domain = "molecules") -> Path:
    """The folder of a file as ``dvc repro`` finds it before the stage."""
    place = file.parent
    shutil.copy("params.yaml", place)
    fetch(domain, DataParams(source=f"file:{file}"), SOURCES, place / "data" / "raw" / domain)
    return place


def with_molecules(texts: Sequence[str], place: Path) -> Path:
    """The same with molecules in a new folder."""
    place.mkdir()
    file = place / "molecules.smi"
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return placed(file)


def ours(place: Path) -> Iterator[float]:
    """Rows of each round of the whole stage, on all cores, from the start of its process to its end."""
    command = [sys.executable, "-m", "pipelines.prepare", "molecules"]
    while True:
        subprocess.run(command, cwd=place, env=os.environ | {"PYTHONPATH": os.getcwd()}, check=True)
        yield json.loads((place / "data/prepared/molecules/summary.json").read_text(encoding="utf-8"))["input"]


def size(place: Path) -> Footprint:
    """What the stage takes once, all its processes together."""
    with footprint.watched() as seen:
        started = time.perf_counter()
        rows = next(ours(place))
        return Footprint(rows, time.perf_counter() - started, max(seen) / 1e9)


def main() -> None:
    """Write ``benchmarks/results/speed_preparing_cpu.json``."""
    with tempfile.TemporaryDirectory() as name:
        places = {count: with_molecules(moses.molecules(count), Path(name, str(count))) for count in (ROWS, *SIZES)}
        contenders = {"bare": bare, "record": record, "ours": functools.partial(ours, places[ROWS])}
        found = rounds.measured(contenders, ROUNDS)
        sizes = [size(places[count]) for count in SIZES]
    write(
        "speed_preparing_cpu",
        command="python -m benchmarks.preparing",
        data={"name": "moses", "rows": moses.TRAIN},
        seed=moses.SEED,
        budget={"rounds": ROUNDS, "rows": ROWS},
        figures={
            "rows_per_second": rounds.rate(found["ours"]),
            "bare_rdkit_rows_per_second": rounds.rate(found["bare"]),
            "record_rows_per_second": rounds.rate(found["record"]),
            "fraction_of_bare_rdkit": rounds.ratio(found["ours"], found["bare"]) / cores(),
            "fraction_of_record": rounds.ratio(found["ours"], found["record"]) / cores(),
            "peak_rss_gb": sizes[-1].peak_rss_gb,
            "growth": {
                "x": [round(each.value) for each in sizes],
                "seconds": [each.seconds for each in sizes],
                "peak_rss_gb": [each.peak_rss_gb for each in sizes],
            },
        },
    )


if __name__ == "__main__":
    main()
