"""A model by a recipe: the stages of the pipeline in a folder of its own, and what they found.

Run as ``python -m benchmarks.recipe NAME FOLDER``, on a CPU or a GPU; NAME is a file of ``benchmarks/recipes``, in the
form of ``params.yaml``. A killed run goes on where it was. The model is in ``FOLDER/models``, its weights in half
precision, with which the figures are found: so it may come with a package.
"""

import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from benchmarks.record import read, write
from pipelines.fit import run_stage
from pipelines.outputs import data_set, last_file
from pipelines.params import domain_params, load_params
from pipelines.tables import Row, table
from vaeseq.errors import InputError

LOOKS, SHOWN = 12, ("elbo", "reconstruction", "kl", "language", "active_units")  # of the curve of a training
RECIPES, STAGES = Path(__file__).with_name("recipes"), ("fetch", "prepare", "train", "prior", "evaluate")


def made(recipe: Path, folder: Path) -> str:
    """Run what is not done yet of a recipe; the domain that it is of.

    Raises:
        InputError: The folder holds something else, or a stage stopped.
    """
    params = folder / "params.yaml"
    if params.exists() and params.read_bytes() != recipe.read_bytes():
        raise InputError(f"folder must be empty or hold the same recipe, got {str(folder)!r}")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(recipe, params)
    domain = "molecules" if load_params(params).molecules else "sentences"
    for stage in STAGES:
        if not last_file(domain, stage, folder).exists():
            if stage == "evaluate":  # again where it was killed here: halves are halved to themselves
                halve(folder / "models" / domain)
            run_stage(stage, domain, folder)
    return domain


def halve(model: Path) -> None:
    """Keep the weights of a model as float16; they are float32 again where they are loaded."""
    for path in sorted(model.glob("*.safetensors")):
        save_file({name: weight.half() for name, weight in load_file(path).items()}, path)


def curve(history: Sequence[Row]) -> dict[str, Row]:
    """Some of the looks at held-out rows, at most ``LOOKS`` and the last, by the step."""
    looks = [row for row in history if row["split"] == "valid"]
    every = math.ceil(len(looks) / LOOKS) or 1
    chosen = looks[::-1][::every][::-1]
    return {
        row["step"]: {"minutes": float(row["seconds"]) / 60} | {name: _number(row[name]) for name in SHOWN}
        for row in chosen
    }


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def main(name: str, folder: Path) -> None:
    """Write ``benchmarks/results/recipe_<name>_<device>.json``."""
    domain = made(RECIPES / f"{name}.yaml", folder)
    reports = folder / "reports" / domain
    figures = {stage: read(reports / f"{stage}.json") for stage in ("train", "prior", "evaluate")}
    figures["curve"] = curve(table(reports / "train" / "history.csv"))
    write(
        f"recipe_{name}_{'gpu' if torch.cuda.is_available() else 'cpu'}",
        command=f"python -m benchmarks.recipe {name} FOLDER",
        data=data_set(domain, folder),
        seed=domain_params(domain, folder / "params.yaml").train.seed,
        budget={"steps": figures["train"]["steps"], "training_seconds": figures["train"]["seconds"]},
        figures=figures,
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [name, folder]:
            main(name, Path(folder))
        case _:
            sys.exit("usage: python -m benchmarks.recipe NAME FOLDER")
