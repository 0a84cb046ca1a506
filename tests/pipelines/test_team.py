"""Stages that several processes run together."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from torch import distributed

from pipelines.team import PROCESSES, spread
from pipelines.unbroken import resume
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState

ROOT = Path(__file__).parents[2]


def test_no_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "4")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="LATENTPATH_PROCESSES must be at most 2, one for each GPU, got 4"):
        spread()


def _state(step: int = 0) -> TrainState:
    vae = SequenceVAE.build(VAEConfig(10, 4, 6, EncoderConfig(hidden=8), DecoderConfig(hidden=8)))
    state = TrainState(vae, TrainConfig(), ObjectiveConfig(), seed=0)
    state.step = step
    return state


def _process(rank: int, size: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    with pytest.raises(InputError, match=r"LATENTPATH_WORK must be one folder .* steps 0, 3; name one on a disk"):
        resume(_state(), folder / f"seen by {rank}")
    state = _state()
    resume(state, folder / "seen by 1")
    assert state.step == 3
    distributed.destroy_process_group()


def test_processes_that_find_different_states_all_say_so(tmp_path: Path) -> None:
    _state(step=3).save(tmp_path / "seen by 1")
    torch.multiprocessing.spawn(_process, (2, tmp_path), 2)


HELD = """
import pipelines.stage, os, pathlib, time
if "RANK" not in os.environ:
    from pipelines.team import spread
    spread()
pathlib.Path("rank" + os.environ["RANK"]).touch()
time.sleep(60)
"""


FIT = "import pathlib; from pipelines.fit import run_stage; run_stage('held', '', pathlib.Path())"


@pytest.mark.parametrize(("above", "below"), [(["-m", "pipelines.held"], 2), (["-c", FIT], 3)], ids=["launcher", "fit"])
def test_processes_end_with_their_launcher_and_that_with_its_fit(above: list[str], below: int, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/__init__.py").write_text(f"__path__.append({str(ROOT / 'pipelines')!r})\n")
    (tmp_path / "pipelines/held.py").write_text(HELD)
    environment = os.environ | {"PYTHONPATH": str(ROOT), PROCESSES: "2"}
    first = psutil.Popen([sys.executable, *above], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    _until(lambda: len(list(tmp_path.glob("rank*"))) == 2, 120)
    others = first.children(recursive=True)
    assert len(others) == below
    first.kill()
    first.wait()
    _until(lambda: not any(map(_lives, others)), 20)


def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert done()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # whoever has taken it over may not ask for it at once
    except psutil.NoSuchProcess:
        return False
