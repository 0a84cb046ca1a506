"""Machines without memory or without room on their disk."""

from pipelines.stage import run

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipelines import train
from pipelines.outputs import SECTIONS, last_file
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState

ROOT = Path(__file__).parents[2]
# As root of a namespace of its own, one may mount a small disk; what is on it goes with the namespace.
DISK = """
mount -t tmpfs -o size="$1" none . && cd "$PWD" && "$2" -c "$3"
ended=$?
cp -r . "$4"
exit $ended
"""
SAVING = """
from pathlib import Path
from pipelines.stage import run
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState

def main():
    vae = SequenceVAE.build(VAEConfig(10, 4, 6, EncoderConfig(hidden=64), DecoderConfig(hidden=64)))
    state = TrainState(vae, TrainConfig(), ObjectiveConfig(), seed=0)
    for state.step in (1, 2):
        state.save(Path("work", "state"))

run(main)
"""
WRITING = """
import csv
from pathlib import Path
from pipelines.stage import run

def main():
    with Path("history.csv").open("w") as file:
        csv.writer(file).writerows([step, 0.5] for step in range(1_000_000))

run(main)
"""


def _on_a_disk(size: int, script: str, folder: Path) -> subprocess.CompletedProcess:
    """What a program says and leaves in ``folder / "left"`` when it runs in a folder of so many bytes."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    (folder / "disk").mkdir()
    trial = [*alone, "mount", "-t", "tmpfs", "none", str(folder / "disk")]
    if not shutil.which("unshare") or subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount in a namespace, and unshare of util-linux")
    command = [*alone, "sh", "-c", DISK, "sh", str(size), sys.executable, script, str(folder / "left")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder / "disk", env=environment, capture_output=True, text=True, check=False)


def test_a_full_disk_is_said_and_leaves_the_save_before(tmp_path: Path) -> None:
    vae = SequenceVAE.build(VAEConfig(10, 4, 6, EncoderConfig(hidden=64), DecoderConfig(hidden=64)))
    state = TrainState(vae, TrainConfig(), ObjectiveConfig(), seed=0)
    state.save(tmp_path / "state")
    done = _on_a_disk(int(1.5 * (tmp_path / "state").stat().st_size), SAVING, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the disk must have room")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "left/work").iterdir()] == ["state"]
    state.load(tmp_path / "left/work/state")
    assert state.step == 1


def test_a_disk_too_full_for_what_a_stage_writes_is_said(tmp_path: Path) -> None:
    done = _on_a_disk(1_000_000, WRITING, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the disk must have room")
    assert done.stderr.count("\n") == 1


FULL = Path("/dev/full")  # takes no byte


def _said_of(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> str:
    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_where_none_may_mount_a_disk_that_takes_no_byte_leaves_the_save_before_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    vae = SequenceVAE.build(VAEConfig(10, 4, 6, EncoderConfig(hidden=64), DecoderConfig(hidden=64)))
    state, path = TrainState(vae, TrainConfig(), ObjectiveConfig(), seed=0), tmp_path / "state"
    state.step = 1
    state.save(path)
    state.step = 2
    (tmp_path / "state.partial").symlink_to(FULL)
    assert _said_of(lambda: state.save(path), monkeypatch, capsys).startswith("error: the disk must have room")
    assert list(tmp_path.iterdir()) == [path]
    state.load(path)
    assert state.step == 1


def test_a_history_that_the_disk_does_not_hold_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "history.csv"
    path.write_text("as it was")
    (tmp_path / "history.csv.partial").symlink_to(FULL)
    said = _said_of(lambda: train._write_history(path, []), monkeypatch, capsys)
    assert said.startswith("error: the disk must have room")
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("module", sorted((ROOT / "pipelines").glob("*.py")), ids=lambda path: path.stem)
def test_no_stage_leaves_a_part_of_the_file_that_says_it_is_done(module: Path) -> None:
    told_by_the_way = {"fetch", "interpolate", "reference", "rowtable", "unbroken"}  # no file of theirs says it
    in_place = re.search(
        r"""(?<!partial)\.(write_(text|bytes)\(|open\(["'][wx])|json\.dump\(""", module.read_text(encoding="utf-8")
    )
    assert not in_place or module.stem in told_by_the_way


@pytest.mark.parametrize("stage", SECTIONS)
def test_the_file_that_says_that_a_stage_is_done_is_written_whole(stage: str) -> None:
    module = ROOT / "pipelines" / f"{'sources' if stage == 'fetch' else stage}.py"
    name = last_file("molecules", stage, ROOT).name
    assert re.search(rf'write_whole\([^\n]*["/]{name}"', module.read_text(encoding="utf-8"))


def _of_python() -> None:
    raise MemoryError


def _of_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nand a trace")


@pytest.mark.parametrize("lacking", [_of_python, _of_cuda, lambda: torch.empty(10**15)])
def test_a_stage_that_memory_does_not_hold_says_so_in_one_line(
    lacking: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(SystemExit) as ended:
        run(lacking)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: memory must hold")
    assert said.count("\n") == 1


def test_another_fault_is_ours_and_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_a_stage_that_is_interrupted_says_how_to_go_on(capsys, monkeypatch):
    def main():
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(SystemExit) as stopped:
        run(main)
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "stopped: the same command goes on from what is finished\n"
