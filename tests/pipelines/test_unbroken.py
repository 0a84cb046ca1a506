"""Training that is asked to stop, that breaks, or whose state is damaged."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from pipelines import train
from pipelines.resume import locked, place_of
from pipelines.train import STATE
from pipelines.unbroken import BROKEN, HALVINGS, SAVE_SECONDS
from vaeseq import training
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import Batch, Corpus
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.tokenizer import BOS, EOS, RESERVED
from vaeseq.training import rows_of_step

STEPS, LOOK = 24, 6
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    random = np.random.default_rng(0)
    rows = [
        np.array([BOS, *random.integers(len(RESERVED), 10, size=3 + i % 3), EOS], dtype=np.uint8) for i in range(40)
    ]
    split = np.repeat(np.array([0, 1], dtype=np.uint8), [30, 10])
    offsets = np.cumsum([0, *map(len, rows)])
    return Corpus(np.concatenate(rows), offsets, split)


def _state() -> TrainState:
    torch.manual_seed(0)
    vae = SequenceVAE.build(VAEConfig(10, 4, 6, EncoderConfig(hidden=8), DecoderConfig(hidden=8)))
    pace = TrainConfig(steps=STEPS, batch_size=8, precision="float32", evaluate_every=LOOK, evaluate_rows=10)
    return TrainState(vae, pace, ObjectiveConfig(rate=2.0), seed=1)


def _trained(
    corpus: Corpus, folder: Path, mirror: Callable[[], None] = lambda: None, due: Callable[[], bool] = lambda: False
) -> TrainState:
    state = _state()
    train._train(state, corpus, folder / STATE, folder / "history.csv", mirror, due)
    return state


def _weights(state: TrainState) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in state.vae.state_dict().items()}


@pytest.mark.parametrize("asking", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_next_step_and_the_run_goes_on_to_the_same_weights(
    asking: signal.Signals, corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    whole = _trained(corpus, tmp_path / "whole")
    before, looks = signal.getsignal(asking), itertools.count(1)
    with pytest.raises(SystemExit) as stopped:
        _trained(corpus, tmp_path / "cut", lambda: os.kill(os.getpid(), asking) if next(looks) == 2 else None)
    assert stopped.value.code == 128 + asking
    assert f"stopped after step {2 * LOOK + 1}" in capfd.readouterr().err
    assert signal.getsignal(asking) == before
    assert not list((tmp_path / "cut").glob("*.partial"))
    again = _trained(corpus, tmp_path / "cut")
    assert f"resumed at step {2 * LOOK + 1}" in capfd.readouterr().err
    assert _weights(again) == _weights(whole)


def test_a_stop_is_saved_where_nobody_reads_what_is_said(
    corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    def stop() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def gone() -> None:  # as a pipe whose reader the same key has stopped
        raise BrokenPipeError

    acts = iter((stop, gone))
    with pytest.raises(BrokenPipeError):
        _trained(corpus, tmp_path / "cut", lambda: next(acts)())
    again = _trained(corpus, tmp_path / "cut")
    assert f"resumed at step {LOOK + 1}" in capfd.readouterr().err
    assert again.step == STEPS


def test_another_thread_trains_too(corpus: Corpus, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        state = threads.submit(_trained, corpus, tmp_path / "thread").result()
    assert _weights(state) == _weights(_trained(corpus, tmp_path / "main"))


def test_a_second_signal_ends_the_process_at_once() -> None:
    script = """
import os, signal, time
from pipelines.signals import asked_to_stop
with asked_to_stop() as asked:
    os.kill(os.getpid(), signal.SIGTERM)
    print(asked(), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"True\n")
    assert b"stopping after this step" in done.stderr


def test_a_stop_in_the_last_look_ends_the_process_too(
    corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    looks = itertools.count(1)

    def stop() -> None:
        if next(looks) == STEPS // LOOK:
            os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(SystemExit):
        _trained(corpus, tmp_path, stop)
    assert _trained(corpus, tmp_path).step == STEPS
    assert f"resumed at step {STEPS}" in capfd.readouterr().err


def test_what_was_trained_is_saved_before_a_server_is_told_of_it(corpus: Corpus, tmp_path: Path) -> None:
    steps = []

    def told() -> None:
        kept = _state()
        kept.load(tmp_path / STATE)
        steps.append(kept.step)

    _trained(corpus, tmp_path, told, due=lambda: True)
    assert steps == list(range(LOOK, STEPS + 1, LOOK))


@pytest.mark.parametrize("work", [None, "elsewhere"])
def test_two_never_train_for_the_same_outputs(
    work: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one checkout, whatever their parameters are and wherever they keep their states."""
    monkeypatch.chdir(tmp_path)
    if work:
        monkeypatch.setenv("LATENTPATH_WORK", str(tmp_path / work))
    monkeypatch.setattr("pipelines.resume.PATIENCE", 0.0)
    shutil.copy(ROOT / "tests/tiny.yaml", "params.yaml")
    with locked(place_of("sentences")), pytest.raises(InputError, match="another process works in 'work/output-sent"):
        train.main("sentences")
    with pytest.raises(InputError, match="prepared data"):
        train.main("sentences")


def _breaking(monkeypatch: pytest.MonkeyPatch, at: int, as_long_as: Callable[[int], bool]) -> list[int]:
    """Makes the loss nan at one step while the step size was halved so often; where it did."""
    states, broken, real = [], [], training.objective

    class Known(TrainState):
        def __init__(self, *given: object, **named: object) -> None:
            super().__init__(*given, **named)
            states.append(self)

    def objective(*given: object, **named: object) -> tuple[Tensor, object]:
        loss, bound = real(*given, **named)
        if states[-1].step == at and as_long_as(states[-1].halvings):
            broken.append(states[-1].halvings)
            loss = loss * torch.nan
        return loss, bound

    monkeypatch.setitem(globals(), "TrainState", Known)
    monkeypatch.setattr(training, "objective", objective)
    return broken


def test_a_loss_that_is_not_finite_costs_half_of_the_step_size(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv(SAVE_SECONDS, "0")
    broken = _breaking(monkeypatch, 2 * LOOK + 2, lambda halvings: halvings < 2)
    state = _trained(corpus, tmp_path)
    assert broken == [0, 1]
    assert (state.step, state.halvings) == (STEPS, 2)
    assert all(value.isfinite().all() for value in state.vae.state_dict().values())
    assert capfd.readouterr().err.count(f"back at step {2 * LOOK}, with half the step size") == 2
    said = [record.learning_rate for record in state.history if record.split == "train"]
    assert said[2] == pytest.approx(_schedule(3 * LOOK) / 4)
    assert said[1] == pytest.approx(_schedule(2 * LOOK))


def test_batches_that_do_not_fit_are_split_which_is_said_once(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    whole, lacked, real = _trained(corpus, tmp_path / "whole"), [], training.objective

    def narrow(vae: SequenceVAE, batch: Batch, *given: object, **named: object) -> tuple[Tensor, object]:
        if len(batch.row) > 4:
            lacked.append(len(batch.row))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(vae, batch, *given, **named)

    monkeypatch.setattr(training, "objective", narrow)
    state = _trained(corpus, tmp_path / "split")
    assert (lacked, state.micro_batches) == ([8], 2)
    assert capfd.readouterr().err.count("each is now read in 2 micro-batches") == 1
    for name, value in whole.vae.state_dict().items():
        assert_close(state.vae.state_dict()[name], value, rtol=2e-3, atol=2e-3)


def test_a_clock_that_jumps_back_changes_nothing(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, jumps = _trained(corpus, tmp_path / "whole"), itertools.count()
    monkeypatch.setattr(time, "time", lambda: 1e9 - 3600 * next(jumps))
    state = _trained(corpus, tmp_path / "jumping")
    assert _weights(state) == _weights(whole)
    seconds = [record.seconds for record in state.history]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


def test_a_run_that_found_a_damaged_state_has_one_to_go_back_to(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / STATE).write_bytes(b"{}")
    broken = _breaking(monkeypatch, 2, lambda halvings: halvings < 1)
    state = _trained(corpus, tmp_path)
    assert (broken, state.step, state.halvings) == ([0], STEPS, 1)


def _schedule(step: int) -> float:
    state = _state()
    state.step = step
    return state.learning_rate


def test_a_run_that_breaks_again_and_again_is_given_up_with_its_batch(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _breaking(monkeypatch, 3, lambda _: True)
    with pytest.raises(InputError, match=rf"broke {HALVINGS + 1} times.*finite.*{BROKEN}"):
        _trained(corpus, tmp_path)
    assert broken[: HALVINGS + 1] == list(range(HALVINGS + 1))
    state = _state()
    state.step = 3
    told = json.loads((tmp_path / BROKEN).read_text(encoding="utf-8"))
    assert (told["step"], told["rows"]) == (3, rows_of_step(state, corpus).tolist())


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon", ""])
def test_a_time_between_saves_that_never_comes_is_refused(
    seconds: str, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SAVE_SECONDS, seconds)
    with pytest.raises(InputError, match=f"{SAVE_SECONDS} must be a number of seconds, 0 or more, got '{seconds}'"):
        _trained(corpus, tmp_path)
    assert not (tmp_path / STATE).exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign"])
def test_a_damaged_state_is_not_gone_on_from(
    damage: str, corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    whole = _weights(_trained(corpus, tmp_path))
    content = bytearray((tmp_path / STATE).read_bytes())
    if damage == "flipped":
        content[-100] ^= 1
    (tmp_path / STATE).write_bytes({"cut": content[:-50], "foreign": b"{}"}.get(damage, content))
    again = _trained(corpus, tmp_path)
    assert "starting from the first step" in capfd.readouterr().err
    assert _weights(again) == whole
