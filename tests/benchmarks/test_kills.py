"""The benchmark of kills sees what it is to see; and a small version of it, which is slow."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks import kills, lives, phases
from benchmarks.kills import files, plan, resumed, saved, stopped, weights
from benchmarks.lives import Life, trainers
from benchmarks.phases import FILE, TOGETHER
from vaeseq import training


def state(path, step, value=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": np.full(3, value, np.float32)}, path, {"scalars": json.dumps({"step": step})})
    return path


def test_what_a_next_run_goes_on_from_is_the_finished_state_or_else_the_last_save(tmp_path):
    assert saved("molecules", tmp_path) == (0, 0.0)
    state(tmp_path / "work/train-sentences-1/state.safetensors", 3)
    path = state(tmp_path / "work/train-molecules-1/state.safetensors", 7)
    os.utime(path, (5.0, 5.0))
    assert saved("molecules", tmp_path) == (7, 5.0)
    state(tmp_path / "work/train-molecules-1/finished.safetensors", 300)
    assert saved("molecules", tmp_path)[0] == 300


def test_steps_are_read_from_what_runs_say():
    said = b"resumed at step 50\nresumed at step 1,250\nstopped after step 1,300; the same command goes on from there\n"
    assert (resumed(said), stopped(said)) == (1250, 1300)
    assert (resumed(b"training: 50 of 300\n"), stopped(b"")) == (0, None)


def test_weights_are_told_apart_and_taken_away_and_none_are_no_weights(tmp_path):
    def of(value):
        state(tmp_path / "checkpoints/molecules/decoder.safetensors", 0, value)
        state(tmp_path / "work/train-molecules-1/finished.safetensors", 0)
        return weights("molecules", tmp_path)

    assert of(1.0) == of(1.0) != of(2.0)
    assert not [*tmp_path.glob("checkpoints/molecules"), *tmp_path.glob("work")]
    (tmp_path / "checkpoints/molecules").mkdir()
    with pytest.raises(SystemExit, match="no weights"):
        weights("molecules", tmp_path)


def test_files_that_are_left_are_seen_wherever_they_lie(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("work/\n.dvc/\n__pycache__/\n")
    for name in ("work/x/state.partial", "new file", ".dvc/cache/files/a", ".dvc/tmp/lock", "a/__pycache__/b.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert files(tmp_path) == {".gitignore", "work/x/state.partial", "new file", ".dvc/tmp/lock"}


def test_kills_are_of_all_kinds_and_the_first_of_each_domain_fall_into_all_that_training_does():
    first, many = [plan(number) for number in range(4)], [plan(number) for number in range(100)]
    assert {how.aim for how in first} == {"saving", "training", "evaluation", "logging"}
    assert {how.shell for how in first if how.by_dvc} == set(kills.SHELLS)
    assert sum(how.at_once for how in many) == 52
    assert all(
        Counter(how.aim for how in many if how.by_dvc == by_dvc)[aim] >= 4 for aim in kills.AIMS for by_dvc in (0, 1)
    )
    assert len({(how.by_dvc, how.shell, how.at_once) for how in many}) == 8


def life(folder, lines=(), **told):
    (folder / "1.phases").write_text("".join(f"{line}\n" for line in lines))
    return Life(
        None, said=folder / "1.said", phases=folder / "1.phases", **{"by_dvc": True, "begun": 0, "begun_at": 0} | told
    )


def test_a_kill_fell_into_the_phase_that_had_begun_by_then(tmp_path):
    lines = ["1.0 training", "2.0 saving", "2.5 together", "3.0 training", "4.0 ended"]
    assert [life(tmp_path, lines, ended=ended).phase() for ended in (0.5, 1.5, 2.6, 3.0, 9.0)] == [
        "starting",
        "training",
        "saving",
        "training",
        "committing",
    ]
    assert life(tmp_path, lines, ended=9.0, by_dvc=False).phase() == "ended"
    assert life(tmp_path, [*lines[:-1], "3.5 ending"], ended=6.0).training() == 2.5
    assert life(tmp_path, lines, ended=6.0).spans() == {"training": [1.0, 1.0], "saving": [1.0], "ended": [2.0]}


def test_what_is_lost_is_training_since_the_save_and_not_the_time_of_a_server(tmp_path):
    lines = ["1.0 training", "2.0 saving", "2.5 logging", "5.5 training", "6.0 logging", "9.0 training"]
    dead = life(tmp_path, lines, ended=7.0, killed_at=107.0)
    assert dead.since(102.4, but="logging") == pytest.approx(0.6)
    assert dead.since(105.75, but="logging") == pytest.approx(0.25)
    assert dead.since(107.5, but="logging") == 0.0


def test_a_trainer_that_comes_to_its_end_after_the_kill_went_on(tmp_path):
    def went_on(ended, said, lines=("1.0 training", "4.0 ending", "5.0 ended")):
        (tmp_path / "1.said").write_bytes(said)
        return kills.Trial._went_on(life(tmp_path, lines, ended=ended))

    assert [went_on(ended, b"training: 150 of 150") for ended in (2.0, 4.5, 6.0)] == [True, True, False]
    assert not went_on(2.0, b"stopped after step 50; the same")
    assert not went_on(2.0, kills.REFUSED)
    assert not went_on(2.0, b"", ["1.0 training"])


def test_what_outlives_a_killed_life_is_seen_and_another_is_not(tmp_path):
    program = [sys.executable, "-Sc", "import time; time.sleep(60)", "pipelines.train"]
    below = [subprocess.Popen(program, env=os.environ | {FILE: str(tmp_path / name)}) for name in ("1.phases", "2")]
    dead = life(tmp_path, ended=time.monotonic())
    dead.process = SimpleNamespace(pid=0)
    deadline = time.monotonic() + 20
    while not trainers(dead) and time.monotonic() < deadline:  # between fork and exec it is no trainer yet
        time.sleep(0.01)
    assert trainers(dead) == 1
    below[0].kill()
    below[0].wait()
    assert lives.outlived(dead) < lives.PATIENCE
    assert trainers(dead) == 0
    below[1].kill()
    below[1].wait()


def test_a_stage_tells_what_it_is_at_and_whether_another_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv(FILE, str(tmp_path / "1.phases"))
    monkeypatch.setattr(phases, "atexit", SimpleNamespace(register=lambda *_: None))
    for owner, name in ((training, "summarise"), (phases.TrainState, "save"), (phases.tracking, "mirror")):
        monkeypatch.setattr(owner, name, lambda *_: None)
    stage = SimpleNamespace(Live=None, _write_history=lambda *_: None)

    def unbroken(*_):
        training.summarise()
        phases.TrainState.save(None, None)
        yield 1
        phases.tracking.mirror("molecules", "train")

    @contextmanager
    def lock(folder, patience=None):
        yield folder

    inside = []
    for others in range(2):
        stage.unbroken, stage.Live, stage.locked = unbroken, int, lock
        phases.watch(stage)
        inside.append(stage.locked(tmp_path))
        assert inside[-1].__enter__() == tmp_path
        with stage.locked(tmp_path, patience=0.0):  # of the same process
            stage._write_history()
        assert [*stage.unbroken(None, None, None, None)] == [1]
        told = [line.split()[1] for line in (tmp_path / "1.phases").read_text().splitlines()]
        assert told.count(TOGETHER) == others
    for each in inside:
        each.__exit__(None, None, None)
    within = ["evaluation", "training", "saving", "training", "logging", "training"]
    assert [phase for phase in told if phase != TOGETHER][:10] == ["history", "starting", "training", *within, "ending"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_trainings_of_both_domains_that_are_killed_are_those_that_were_not(monkeypatch):
    monkeypatch.setattr(kills, "STEPS", 150)
    monkeypatch.setattr(kills, "BEYOND", 0.5)  # so that hardly any life comes to its end unkilled, which takes long
    for domain, found in kills.both(4).items():
        assert found["kills"] == sum(sum(its.values()) for its in found["kills_in"].values()) == 4, domain
        assert found["identical"] == found["ends"] >= 1, domain
        nothing = ("orphans", "together", "resumed_elsewhere", "began_anew", *kills.IN_MLFLOW)
        assert {name: found[name] for name in nothing} == dict.fromkeys(nothing, 0), domain
        assert found["files_left"] == [], domain
