"""Training killed at random moments, and the DVC above it: are the weights those of a run that was let be?

Run as ``python -m benchmarks.kills [KILLS]`` from a clean checkout, with nothing else on the machine. In a clone each
domain is prepared as in ``tests/tiny.yaml`` and trained once undisturbed. Then the stage, and in turns
``dvc repro`` of it, is started again and again and killed (SIGKILL) after a time drawn evenly from how long it takes,
saving as often as it records; each run that comes to its end is compared byte by byte, and then forgotten.
"""

from pipelines.stage import DOMAINS

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from ruamel.yaml import YAML

from benchmarks.record import write
from pipelines.unbroken import SAVE_SECONDS

KILLS, SEED, STEPS, PATIENCE = 200, 0, 300, 20.0
OWN = {"OMP_NUM_THREADS": "1", "SHELL": shutil.which("bash") or "/bin/sh", SAVE_SECONDS: "0"}


def house(folder: Path) -> None:
    """A clone with longer trainings and prepared rows, and all that DVC has to know of them."""
    subprocess.run(["git", "clone", "--quiet", ".", folder], check=True)
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((folder / "tests/tiny.yaml").read_text(encoding="utf-8"))
    for domain in DOMAINS:
        params[domain]["train"] |= {"steps": STEPS, "evaluate_every": 50}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    for domain in DOMAINS:
        subprocess.run(
            ["dvc", "repro", "--quiet", f"prepare@{domain}"], cwd=folder, env=_environment(folder), check=True
        )


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | OWN | {"LATENTPATH_WORK": str(folder / "work")}


def started(domain: str, folder: Path, *, by_dvc: bool) -> subprocess.Popen[bytes]:
    """The stage, or the DVC that starts it."""
    alone = [sys.executable, "-m", "pipelines.train", domain]
    command = ["dvc", "repro", "--single-item", "--force", "--no-commit", f"train@{domain}"] if by_dvc else alone
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=_environment(folder), **quiet)


def weights(domain: str, folder: Path) -> str:
    """Of the checkpoint, which is taken away, as is all that the training would go on from."""
    found = hashlib.sha256()
    for path in sorted((folder / "checkpoints" / domain).glob("*.safetensors")):
        found.update(path.name.encode() + path.read_bytes())
    shutil.rmtree(folder / "checkpoints" / domain)
    shutil.rmtree(folder / "work")
    return found.hexdigest()


def trainers(folder: Path) -> int:
    """Stages that still run there, some time after they should not."""
    deadline = time.monotonic() + PATIENCE
    while (alive := sum(_trains(process, folder) for process in psutil.process_iter())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def _trains(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd() == str(folder) and "pipelines.train" in process.cmdline()
    except psutil.Error:
        return False


def killed(domain: str, folder: Path, kills: int) -> dict[str, Any]:
    """Kill so often, and compare what comes to its end meanwhile and afterwards."""
    took, undisturbed = {}, set()
    for by_dvc in (False, True):
        begun = time.monotonic()
        if started(domain, folder, by_dvc=by_dvc).wait():
            raise SystemExit(f"training {domain} fails without a kill")
        took[by_dvc] = time.monotonic() - begun
        undisturbed.add(weights(domain, folder))
    random, done, ends, orphans = np.random.default_rng(SEED), 0, [], 0
    while done < kills:
        by_dvc = done % 2 == 1
        process = started(domain, folder, by_dvc=by_dvc)
        try:
            failed = process.wait(random.uniform(0, took[by_dvc]))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            done, orphans = done + 1, orphans + trainers(folder)
            continue
        if failed:
            raise SystemExit(f"training {domain} fails by itself after {done} kills")
        ends.append(weights(domain, folder))
    if started(domain, folder, by_dvc=True).wait():
        raise SystemExit(f"training {domain} cannot go on after {done} kills")
    ends.append(weights(domain, folder))
    return {
        "kills": done,
        "ends": len(ends),
        "orphans": orphans,
        "identical": sum(end in undisturbed for end in ends) if len(undisturbed) == 1 else 0,
    }


def main(kills: int) -> None:
    """Write ``benchmarks/results/trust_kills.json``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / "clone"
        house(folder)
        found = {domain: killed(domain, folder, kills // len(DOMAINS)) for domain in DOMAINS}
    sums = {name: sum(its[name] for its in found.values()) for name in ("kills", "orphans", "ends", "identical")}
    write(
        "trust_kills",
        command=f"python -m benchmarks.kills {kills}",
        data={"name": "tests/tiny.yaml", "rows": 2_600},
        seed=SEED,
        budget={"kills": kills, "steps": STEPS},
        figures={**sums, "identical_fraction": sums["identical"] / sums["ends"], **found},
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
