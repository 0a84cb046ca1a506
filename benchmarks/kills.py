"""Training killed at random moments, and the DVC above it: are the weights those of a run that was let be?

Run as ``python -m benchmarks.kills [KILLS]`` from a clean checkout, with nothing else on the machine. Each domain has a
clone, where it is prepared as in ``tests/tiny.yaml`` and trained twice undisturbed; both are at work at once. Then the
stage, and in turns ``dvc repro`` of it under bash and under /bin/sh, is started again and again and killed (SIGKILL):
after a time drawn evenly from how long it takes and a fifth, or from then on in a phase of ``benchmarks.phases``. The
next one is started at once, or when all that the last one started has ended. A run that comes to its end is compared
byte by byte, and forgotten, by MLflow too. It saves every second and tells MLflow after half of one, so that kills fall
into both.

Of each kill: what it fell into, the seconds of training since the last save, which are lost, whether the next run goes
on from the step that was saved, and how long a trainer outlived its DVC. At each end: the files in the clone that an
undisturbed run does not leave, those in ``work/`` too, and what MLflow lacks or has twice.
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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from safetensors import safe_open

from benchmarks.lives import COMMITTING, PATIENCE, SHELLS, Life, house, outlived, ran, started
from benchmarks.phases import TOGETHER
from benchmarks.record import circumstances, write
from pipelines.unbroken import SAVE_SECONDS

KILLS, SEED, STEPS, SAVED_EVERY, LOOK = 200, 0, 200, 1.0, 0.002
BEYOND = 1.2  # of the time that a life takes: some are to come to their end
# In turns; an odd number of them, so that each meets all that ``plan`` chooses between. '' is wherever it falls.
AIMS = ("saving", "training", "evaluation", "logging", "", "ending", "", "ended", "", "", "")
DURING = ("starting", "training", "evaluation", "saving", "history", "logging", "ending")
PHASES = {"stage": (*DURING, "ended"), "dvc": (*DURING, COMMITTING)}
STORE, STORES = "mlflow.db", (".dvc/cache/", "mlartifacts/")  # what is in these has a name of its own in every run
REFUSED = b"another process works in"
COUNTED = ("kills", "ends", "identical", "orphans", "together", "refused", "resumed_elsewhere", "began_anew")
IN_MLFLOW = ("metrics_missing", "metrics_twice", "runs_open")  # of ``benchmarks.mirrored``


class Plan(NamedTuple):
    """How a life is to be ended, and whether it begins before what the last kill left behind has ended."""

    by_dvc: bool
    shell: str
    at_once: bool
    aim: str


def plan(number: int) -> Plan:
    """Of the kill with this number."""
    return Plan(number % 2 == 1, SHELLS[number // 2 % 2], number // 4 % 2 == 0, AIMS[number % len(AIMS)])


def resumed(said: bytes) -> int:
    """The step that a run went on from; 0 where it did not say so."""
    return _step(rb"resumed at step ([\d,]+)", said) or 0


def stopped(said: bytes) -> int | None:
    """The step that a run saved when it was told that its parent had ended, if it was then training."""
    return _step(rb"stopped after step ([\d,]+)", said)


def _step(pattern: bytes, said: bytes) -> int | None:
    found = re.findall(pattern, said)
    return int(found[-1].replace(b",", b"")) if found else None


def saved(domain: str, folder: Path) -> tuple[int, float]:
    """The step of the state that a next run goes on from, and when it was saved; none is step 0, at time 0."""
    for path in sorted((folder / "work").glob(f"train-{domain}-*/*.safetensors")):  # a finished one comes first
        try:
            with safe_open(path, "np") as file:
                return json.loads(file.metadata()["scalars"])["step"], path.stat().st_mtime
        except FileNotFoundError:  # it has just become the finished one
            return saved(domain, folder)
    return 0, 0.0


def files(folder: Path) -> set[str]:
    """All that git does not keep there, and what is not as it keeps it; but what Python has compiled."""
    status = ["git", "status", "--porcelain", "-z", "--ignored", "--untracked-files=all"]
    told = subprocess.run(status, cwd=folder, capture_output=True, text=True, check=True).stdout
    names = {line[3:] for line in told.split("\0") if line}
    return {name for name in names if not name.startswith(STORES) and "__pycache__/" not in name}


def weights(domain: str, folder: Path) -> str:
    """Of the checkpoint, which is taken away, as is all that the training would go on from."""
    found, paths = hashlib.sha256(), sorted((folder / "checkpoints" / domain).glob("*.safetensors"))
    if not paths:
        raise SystemExit(f"training {domain} leaves no weights")
    for path in paths:
        found.update(path.name.encode() + path.read_bytes())
    shutil.rmtree(folder / "checkpoints" / domain)
    shutil.rmtree(folder / "work")
    return found.hexdigest()


class Trial:
    """The lives of one domain's training in its clone, and what came of them."""

    def __init__(self, domain: str, folder: Path) -> None:
        self.domain, self.folder, self.count = domain, folder, Counter[str]()
        self.fell: dict[str, Counter[str]] = {who: Counter() for who in PHASES}
        self.undisturbed, self.known, self.left = set[str](), set[str](), set[str]()
        self.ends: list[str] = []
        self.lost, self.outlived = list[float](), list[float]()
        self.took, self.trained = dict[bool, float](), dict[bool, float]()
        self.spans = dict[bool, dict[str, list[float]]]()
        self.random = np.random.default_rng([SEED, DOMAINS.index(domain)])
        self.dead: Life | None = None

    def let_be(self) -> None:
        """Train undisturbed, in both ways."""
        for by_dvc in (False, True):
            life = self._life(by_dvc=by_dvc, shell=SHELLS[0])
            if life.wait():
                raise SystemExit(f"training {self.domain} fails without a kill: {life.words()[-1000:].decode()}")
            self.took[by_dvc], self.trained[by_dvc] = life.ended - life.begun, life.training()
            self.spans[by_dvc] = life.spans()
            self.known |= files(self.folder)
            self.undisturbed.add(self._forgotten())

    def _life(self, *, by_dvc: bool, shell: str) -> Life:
        return started(self.domain, self.folder, by_dvc=by_dvc, shell=shell, saving={SAVE_SECONDS: str(SAVED_EVERY)})

    def go_on(self, how: Plan, *, kill: bool = True) -> None:
        """One life, which is killed where it does not come to its end before, and what it goes on from."""
        dead, self.dead = self.dead, None
        step, at = saved(self.domain, self.folder)
        if dead and not how.at_once:
            self._outlived(dead)
        life = self._life(by_dvc=how.by_dvc, shell=how.shell)
        if dead and how.at_once:
            self._outlived(dead)
        if dead:
            last = STEPS if self._went_on(dead) else stopped(dead.words())
            untouched = last is not None or step == STEPS or at < dead.begun_at
            self.lost.append(0.0 if untouched else dead.since(at, but="logging"))
            step = step if last is None else last
        if kill and self._due(life, how, step):
            life.kill()
        code, trained, words = life.wait(), "training" in dict(map(reversed, life.told())), life.words()
        if code == -signal.SIGKILL:
            self.dead = life
            self.count["kills"] += 1
            self.fell["dvc" if life.by_dvc else "stage"][life.phase()] += 1
        elif code == 0:
            self.left |= files(self.folder) - self.known
            self.ends.append(self._forgotten())
        elif REFUSED in words:
            self.count["refused"] += 1
        else:
            told = words[-1000:].decode()
            raise SystemExit(f"training {self.domain} fails by itself after {self.count['kills']} kills: {told}")
        self.count["began_anew"] += b"starting from the first step" in words
        self.count["resumed_elsewhere"] += trained and resumed(words) != step

    def _forgotten(self) -> str:
        """The weights that a run has come to; what MLflow has of it is counted."""
        self.count.update(json.loads(ran(self.folder, ["benchmarks.mirrored", self.domain])))
        shutil.copy(self.folder.with_name(STORE), self.folder)
        return weights(self.domain, self.folder)

    def _due(self, life: Life, how: Plan, step: int) -> bool:
        """Wait until it is time to kill one that goes on from this step; whether it still lives then."""
        takes = self.took[life.by_dvc] - self.trained[life.by_dvc] * step / STEPS
        due = life.begun + self.random.uniform(0, BEYOND * takes)
        spans = self.spans[life.by_dvc].get(how.aim)
        within = self.random.uniform(0, self.random.choice(spans, p=np.divide(spans, sum(spans)))) if spans else 0.0
        while life.process.poll() is None:
            if time.monotonic() >= due and how.aim in ("", life.now()):
                time.sleep(within)
                return True
            time.sleep(LOOK)
        return False

    def _outlived(self, dead: Life) -> None:
        self.outlived.append(outlived(dead))
        self.count["orphans"] += self.outlived[-1] >= PATIENCE or self._went_on(dead)

    @staticmethod
    def _went_on(dead: Life) -> bool:
        """Whether what a killed one has started came to its end as if there had been no kill."""
        return dead.ended_below() and stopped(dead.words()) is None and REFUSED not in dead.words()

    def figures(self) -> dict[str, Any]:
        """What was found so far."""
        alike = len(self.undisturbed) == 1
        self.count["identical"] = sum(end in self.undisturbed for end in self.ends) if alike else 0
        self.count["together"] = sum(told.read_text().count(TOGETHER) for told in self.folder.parent.glob("*.phases"))
        return {
            **{name: self.count[name] for name in (*COUNTED, *IN_MLFLOW)},
            "ends": len(self.ends),
            "kills_in": {who: dict(sorted(phases.items())) for who, phases in self.fell.items()},
            "orphan_seconds_most": max(self.outlived),
            "lost_seconds": median(self.lost),
            "lost_seconds_most": max(self.lost),
            "files_left": sorted(self.left),
        }


def killed(domain: str, folder: Path, kills: int) -> dict[str, Any]:
    """Kill so often, and compare what comes to its end meanwhile and afterwards."""
    trial = Trial(domain, folder)
    trial.let_be()
    while trial.count["kills"] < kills:
        trial.go_on(plan(trial.count["kills"]))
    trial.go_on(Plan(by_dvc=True, shell=SHELLS[0], at_once=False, aim=""), kill=False)
    return trial.figures()


def both(kills: int) -> dict[str, dict[str, Any]]:
    """So many kills of each domain, both at once, each in a clone of its own."""

    def of(domain: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as temporary:
            folder = house(domain, Path(temporary).resolve() / "clone", STEPS)
            shutil.copy(folder / STORE, folder.parent)
            return killed(domain, folder, kills)

    with ThreadPoolExecutor(len(DOMAINS)) as threads:
        return dict(zip(DOMAINS, threads.map(of, DOMAINS), strict=True))


def main(kills: int) -> None:
    """Write ``benchmarks/results/trust_kills.json``."""
    begun = circumstances()
    found = both(max(1, kills // len(DOMAINS)))
    sums = {name: sum(its[name] for its in found.values()) for name in (*COUNTED, *IN_MLFLOW)}
    write(
        "trust_kills",
        command=f"python -m benchmarks.kills {kills}",
        data={"name": "tests/tiny.yaml", "rows": 2_600},
        seed=SEED,
        budget={
            "kills": kills,
            "steps": STEPS,
            "save_seconds": SAVED_EVERY,
            "patience_seconds": PATIENCE,
            "shells": ", ".join(map(os.path.realpath, SHELLS)),
        },
        figures={
            **sums,
            "identical_fraction": sums["identical"] / sums["ends"],
            **{most: max(its[most] for its in found.values()) for most in ("orphan_seconds_most", "lost_seconds_most")},
            "kills_in": {
                who: {phase: sum(its["kills_in"][who].get(phase, 0) for its in found.values()) for phase in phases}
                for who, phases in PHASES.items()
            },
            "files_left": sorted({file for its in found.values() for file in its["files_left"]}),
            **found,
        },
        begun=begun,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
