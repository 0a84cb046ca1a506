"""Training killed at random moments, and the DVC above it: are the weights those of a run that was let be?

Run as ``python -m benchmarks.kills [KILLS]`` from a clean checkout, with nothing else on the machine. In a clone each
domain is prepared as in ``tests/tiny.yaml`` and trained once undisturbed. Then the stage, and in turns
``dvc repro`` of it, is started again and again and killed (SIGKILL) after a time drawn evenly from how long it takes;
each run that comes to its end is compared byte by byte, and then forgotten. It saves every second and tells MLflow
after half of one, so that kills fall into both.

Of each kill: the seconds of training since the last save, which are lost, and whether the next run goes on from the
step that was saved. At the end, the files in the clone that an undisturbed run does not leave.
"""

from pipelines.stage import DOMAINS

import hashlib
import json
import os
import re
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
from safetensors import safe_open

from benchmarks.record import circumstances, write
from pipelines.unbroken import SAVE_SECONDS

KILLS, SEED, STEPS, PATIENCE, SAVED_EVERY = 200, 0, 300, 20.0, 1.0
OWN = {"OMP_NUM_THREADS": "1", "SHELL": shutil.which("bash") or "/bin/sh", SAVE_SECONDS: str(SAVED_EVERY)}
SENT_EVERY = "every: float = 15.0", "every: float = 0.5"  # of ``pipelines.tracking.Live``, and in the clone
STORES = (".dvc/cache/", "mlartifacts/")  # what is in them has a name of its own in every run


def house(folder: Path) -> None:
    """A clone with longer trainings and prepared rows, and all that DVC has to know of them."""
    subprocess.run(["git", "clone", "--quiet", ".", folder], check=True)
    tracking = folder / "pipelines/tracking.py"
    code = tracking.read_text(encoding="utf-8")
    if SENT_EVERY[0] not in code:
        raise SystemExit(f"{tracking} must say {SENT_EVERY[0]!r}, it does not")
    tracking.write_text(code.replace(*SENT_EVERY), encoding="utf-8")
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
    with _said(folder).open("wb") as said:
        return subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=subprocess.DEVNULL, stderr=said)


def _said(folder: Path) -> Path:
    return folder.with_name("said")


def resumed(folder: Path) -> int:
    """The step that the last run went on from; -1 if it did not come to say so."""
    found = re.findall(rb"resumed at step ([\d,]+)", _said(folder).read_bytes())
    return int(found[-1].replace(b",", b"")) if found else -1


def saved(domain: str, folder: Path) -> tuple[int, float]:
    """The step of the state that a next run goes on from, and when it was saved; none is step 0, at time 0."""
    work = sorted((folder / "work").glob(f"train-{domain}-*/*.safetensors"))  # a finished one comes first
    if not work:
        return 0, 0.0
    with safe_open(work[0], "np") as file:
        return json.loads(file.metadata()["scalars"])["step"], work[0].stat().st_mtime


def files(folder: Path) -> set[str]:
    """All that git does not keep there, and what is not as it keeps it."""
    status = ["git", "status", "--porcelain", "-z", "--ignored", "--untracked-files=all"]
    told = subprocess.run(status, cwd=folder, capture_output=True, text=True, check=True).stdout
    return {line[3:] for line in told.split("\0") if line and not line[3:].startswith(STORES)}


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
    took, undisturbed, known = {}, set(), set()
    for by_dvc in (False, True):
        begun = time.monotonic()
        if started(domain, folder, by_dvc=by_dvc).wait():
            raise SystemExit(f"training {domain} fails without a kill")
        took[by_dvc] = time.monotonic() - begun
        undisturbed.add(weights(domain, folder))
        known |= files(folder)
    random, done, ends, orphans, lost, elsewhere = np.random.default_rng(SEED), 0, [], 0, [], 0
    while done < kills:
        by_dvc, (before, _), begun = done % 2 == 1, saved(domain, folder), time.time()
        process = started(domain, folder, by_dvc=by_dvc)
        try:
            failed = process.wait(random.uniform(0, took[by_dvc]))
        except subprocess.TimeoutExpired:
            ended = time.time()
            process.send_signal(signal.SIGKILL)
            process.wait()
            done, orphans = done + 1, orphans + trainers(folder)
            step, at = saved(domain, folder)
            lost.append(max(0.0, ended - at) if step < STEPS and at > begun else 0.0)
            elsewhere += resumed(folder) not in (-1, before)
            continue
        if failed:
            raise SystemExit(f"training {domain} fails by itself after {done} kills")
        elsewhere += max(0, resumed(folder)) != before
        ends.append(weights(domain, folder))
    if started(domain, folder, by_dvc=True).wait():
        raise SystemExit(f"training {domain} cannot go on after {done} kills")
    ends.append(weights(domain, folder))
    return {
        "kills": done,
        "ends": len(ends),
        "orphans": orphans,
        "resumed_elsewhere": elsewhere,
        "lost_seconds": float(np.median(lost)),
        "lost_seconds_most": max(lost),
        "files_left": sorted(files(folder) - known),
        "identical": sum(end in undisturbed for end in ends) if len(undisturbed) == 1 else 0,
    }


def main(kills: int) -> None:
    """Write ``benchmarks/results/trust_kills.json``."""
    begun = circumstances()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve() / "clone"
        house(folder)
        found = {domain: killed(domain, folder, kills // len(DOMAINS)) for domain in DOMAINS}
    counted = ("kills", "orphans", "ends", "identical", "resumed_elsewhere")
    sums = {name: sum(its[name] for its in found.values()) for name in counted}
    write(
        "trust_kills",
        command=f"python -m benchmarks.kills {kills}",
        data={"name": "tests/tiny.yaml", "rows": 2_600},
        seed=SEED,
        budget={"kills": kills, "steps": STEPS, "save_seconds": SAVED_EVERY},
        figures={
            **sums,
            "identical_fraction": sums["identical"] / sums["ends"],
            "lost_seconds_most": max(its["lost_seconds_most"] for its in found.values()),
            "files_left": sorted({file for its in found.values() for file in its["files_left"]}),
            **found,
        },
        begun=begun,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
