"""Keep the figures of the run that lies in ``reports/``: one result file a domain, for the tables.

Run as ``python -m benchmarks.record`` after ``make repro`` on a clean checkout.
"""

import datetime
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from pipelines.outputs import data_set
from pipelines.params import load_params
from vaeseq.files import write_whole

RESULTS = Path("benchmarks/results")
VERSIONS = ("torch", "rdkit", "selfies", "tokenizers", "botorch", "dvc", "mlflow", "numpy")
STAGES = ("train", "prior", "evaluate", "interpolate", "optimize")


def main() -> None:
    """Write ``benchmarks/results/pipeline_<domain>_<device>.json``."""
    device = "gpu" if torch.cuda.is_available() else "cpu"
    for domain in ("molecules", "sentences"):
        params = getattr(load_params(), domain)
        figures = {stage: read(path) for stage in STAGES if (path := Path("reports", domain, f"{stage}.json")).exists()}
        write(
            f"pipeline_{domain}_{device}",
            command="make repro",
            data=data_set(domain, Path()),
            seed=params.train.seed,
            budget={"steps": figures["train"]["steps"], "training_seconds": figures["train"]["seconds"]},
            figures=figures,
        )


def write(
    name: str,
    *,
    command: str,
    data: Any,  # noqa: ANN401 - any JSON
    seed: int,
    budget: dict[str, Any],
    figures: dict[str, Any],
    parts: dict[str, Any] | None = None,
    begun: dict[str, Any] | None = None,
) -> None:
    """Write one result file with all that is needed to rerun it.

    ``parts`` are as ``benchmarks.parts`` has them, ``begun`` is what ``circumstances`` gave before the measuring.
    """
    told = begun or circumstances()
    result = {"name": name, "command": command, **told, "data": data, "seed": seed, "budget": budget}
    result |= {"figures": figures} | ({"parts": parts} if parts else {})
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_whole(RESULTS / f"{name}.json", json.dumps(result, indent=2) + "\n")


def circumstances() -> dict[str, Any]:
    """By what, when and where a figure is measured that is begun now."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{RESULTS}")
    return {
        "commit": _git("rev-parse", "HEAD") + ("-dirty" if changed else ""),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": {package: importlib.metadata.version(package) for package in VERSIONS},
    }


def read(path: Path) -> dict[str, Any]:
    """A JSON object."""
    return json.loads(path.read_text(encoding="utf-8"))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    capabilities = torch.cpu.get_capabilities()
    return {
        "processor": capabilities.get("cpu_name", platform.processor()),
        "cores": capabilities.get("num_logical_cores"),
        "bfloat16": bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")),
        "gpu": gpu,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
