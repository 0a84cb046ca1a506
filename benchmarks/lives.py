"""Trainings to be killed, for ``benchmarks.kills``: where, how they are started, what they tell, what outlives them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from benchmarks.phases import FILE, TOGETHER

ROOT = Path(__file__).parents[1]
SHELLS = shutil.which("bash") or "/bin/sh", "/bin/sh"
MAIN = 'if __name__ == "__main__":\n'  # of ``pipelines.train``; what the clone has behind it:
WATCHED = "    from benchmarks.phases import watch\n\n    watch(sys.modules[__name__])\n"
PATIENCE, LOOK = 60.0, 0.05  # seconds in which what a killed one started is to have ended, and between two looks
COMMITTING = "committing"  # the phase of a DVC whose stage has ended


@dataclass
class Life:
    """A training, by the stage alone or by the DVC that starts it.

    Attributes:
        process: What was started.
        by_dvc: Whether that is DVC.
        said: The file of what it and all below it say on standard error.
        phases: The file of ``benchmarks.phases``.
        begun: When it was started, by the clock that only goes forward.
        begun_at: The same, in seconds since 1970.
        ended: When it was killed, or came to its end.
        killed_at: When it was killed, in seconds since 1970.
    """

    process: subprocess.Popen[bytes]
    by_dvc: bool
    said: Path
    phases: Path
    begun: float
    begun_at: float
    ended: float = 0.0
    killed_at: float = 0.0

    def kill(self) -> None:
        """It alone, not what it has started."""
        self.ended, self.killed_at = time.monotonic(), time.time()
        self.process.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Until it has ended; its exit status."""
        code = self.process.wait()
        self.ended = self.ended if code == -signal.SIGKILL else time.monotonic()
        return code

    def words(self) -> bytes:
        """All that was said so far."""
        return self.said.read_bytes()

    def told(self) -> list[tuple[float, str]]:
        """When which phase began, so far."""
        lines = self.phases.read_text().splitlines() if self.phases.exists() else []
        return [(float(at), phase) for at, phase in map(str.split, lines) if phase != TOGETHER]

    def now(self) -> str:
        """The last phase that it has told; before the first it is starting."""
        return next((phase for _, phase in reversed(self.told())), "starting")

    def phase(self) -> str:
        """The one in which it ended; a stage below may have gone on to others."""
        last = next((phase for at, phase in reversed(self.told()) if at <= self.ended), "starting")
        return COMMITTING if self.by_dvc and last == "ended" else last

    def ended_below(self) -> bool:
        """Whether what it has started ended after the kill, and by no signal."""
        return any(phase == "ended" and at > self.ended for at, phase in self.told())

    def since(self, moment: float, *, but: str) -> float:
        """Seconds from a moment, in seconds since 1970, to the kill, without those in a phase."""
        begun, told = self.ended - (self.killed_at - moment), self.told()
        ends = [*(at for at, _ in told[1:]), self.ended]
        spans = [
            (max(at, begun), min(end, self.ended)) for (at, its), end in zip(told, ends, strict=False) if its == but
        ]
        return max(0.0, self.ended - begun - sum(max(0.0, end - at) for at, end in spans))

    def training(self) -> float:
        """Seconds from its first phase to the one after training."""
        told = self.told()
        return next(at for at, phase in told if phase == "ending") - told[0][0]

    def spans(self) -> dict[str, list[float]]:
        """How long each of its phases took, each time."""
        told, found = self.told(), defaultdict[str, list[float]](list)
        ends = [*(at for at, _ in told[1:]), self.ended]
        for (at, phase), end in zip(told, ends, strict=False):
            found[phase].append(end - at)
        return found


def house(domain: str, folder: Path, steps: int) -> Path:
    """A clone, as the checkout is, with rows that DVC knows, MLflow's store, and a training that tells its phases."""
    git = ["git", "-C", str(ROOT)]
    subprocess.run([*git, "clone", "--quiet", ".", str(folder)], check=True)
    changed = [*git, "ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(changed, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    stage = folder / "pipelines/train.py"
    code = stage.read_text(encoding="utf-8")
    if code.count(MAIN) != 1:
        raise SystemExit(f"{stage} must say {MAIN!r} once, it does {code.count(MAIN)} times")
    stage.write_text(code.replace(MAIN, MAIN + WATCHED), encoding="utf-8")
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((folder / "tests/tiny.yaml").read_text(encoding="utf-8"))
    params[domain]["train"] |= {"steps": steps, "evaluate_every": 50}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    for command in (["dvc", "repro", "--quiet", f"prepare@{domain}"], ["pipelines.sync"]):
        ran(folder, command)
    return folder


def ran(folder: Path, module: list[str]) -> str:
    """What a Python module with its arguments prints there."""
    command, variables = [sys.executable, "-m", *module], environment(folder, SHELLS[0])
    return subprocess.run(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout


def environment(folder: Path, shell: str) -> dict[str, str]:
    """Of all that runs in a clone: its own work folder and store, one thread, and the shell that DVC is to take."""
    here = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # DVC starts `python`
    return here | {"OMP_NUM_THREADS": "1", "SHELL": shell, "LATENTPATH_WORK": str(folder / "work"), "PATH": path}


def started(domain: str, folder: Path, *, by_dvc: bool, shell: str, saving: dict[str, str]) -> Life:
    """The stage, or the DVC that starts it through this shell."""
    stage = [sys.executable, "-m", "pipelines.train", domain]
    dvc = [sys.executable, "-m", "dvc", "repro", "--single-item", "--force", f"train@{domain}"]
    place = folder.with_name(str(time.monotonic_ns()))
    said, phases = place.with_suffix(".said"), place.with_suffix(".phases")
    variables = environment(folder, shell) | saving | {FILE: str(phases)}
    with said.open("wb") as stream:
        streams = {"stdout": subprocess.DEVNULL, "stderr": stream}
        process = subprocess.Popen(dvc if by_dvc else stage, cwd=folder, env=variables, **streams)
    return Life(process, by_dvc, said, phases, time.monotonic(), time.time())


def outlived(life: Life) -> float:
    """Wait until nothing that a killed life has started trains any more, ``PATIENCE`` at most.

    It gives the seconds since the kill, 0 where nothing outlived it.
    """
    last = life.ended
    while trainers(life) and (last := time.monotonic()) - life.ended < PATIENCE:
        time.sleep(LOOK)
    return last - life.ended


def trainers(life: Life) -> int:
    """Processes below a life that train, the shell that waits for one included."""
    return sum(_trains(process, life) for process in psutil.process_iter() if process.pid != life.process.pid)


def _trains(process: psutil.Process, life: Life) -> bool:
    try:
        ours = process.environ().get(FILE) == str(life.phases)
        return ours and any("pipelines.train" in argument for argument in process.cmdline())
    except psutil.Error:
        return False
