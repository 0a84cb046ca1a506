"""Training to its last step, whatever comes between: kept as it goes, ended when asked, gone back where it breaks."""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import torch

from pipelines.resume import WORK
from pipelines.signals import Asked, asked_to_stop
from vaeseq.corpus import Corpus
from vaeseq.errors import InputError
from vaeseq.history import Record
from vaeseq.state import TrainState
from vaeseq.team import Team
from vaeseq.training import fit, rows_of_step

SAVE_SECONDS = "LATENTPATH_SAVE_SECONDS"  # environment variable: between two saves
HALVINGS = 3  # of the step size, before a run that breaks is given up
BROKEN = "broken.json"


def resume(state: TrainState, saved: Path) -> None:
    """Take up what was saved, if anything was and it is whole.

    Raises:
        InputError: Processes that train together found different states; all of them raise it.
    """
    if saved.exists():
        try:
            state.load(saved)
        except InputError as error:
            print(f"starting from the first step: {error}", file=sys.stderr)
        else:
            print(f"resumed at step {state.step:,}", file=sys.stderr)
    _check_alike(state)


def _check_alike(state: TrainState) -> None:
    """From different steps on, processes would average gradients of different batches, and nobody would notice."""
    team = Team.here()
    counts = torch.tensor([[state.step, state.halvings, state.micro_batches]], device=state.device)
    found = team.whole(counts, team.size).tolist()
    if any(its != found[0] for its in found):
        raise InputError(
            f"{WORK} must be one folder for all processes that train together, got states of steps "
            f"{', '.join(str(step) for step, *_ in found)}; name one on a disk that all machines share, or start again "
            "once all of them see the same files there"
        )


def unbroken(state: TrainState, corpus: Corpus, saved: Path, due: Callable[[], bool]) -> Iterator[list[Record]]:
    """The records of ``vaeseq.training.fit``, to the last step; the state is saved every so often, and at the last.

    Alone, a process answers SIGINT and SIGTERM with a saved state, and a loss that is not finite with a lower step
    size. Several that train together do neither: all would have to know of it at the same step.

    Args:
        state: Where it begins, and what is changed.
        corpus: The rows.
        saved: The file of the state.
        due: Whether the next records may hold up who takes them; the state is then saved before.

    Raises:
        SystemExit: It was asked to stop.
        InputError: It broke too often.
    """
    every, written, alone = _save_seconds(), time.monotonic(), Team.here().size == 1
    read_in = state.micro_batches
    with asked_to_stop() if alone else nullcontext(Asked()) as asked:
        for records in _going_back(state, corpus, saved, asked) if alone else fit(state, corpus):
            last = state.step == state.train.steps
            # Before anything is told: nobody may be there to read it, or a signal may come, and a kill, meanwhile.
            if asked() or last or due() or time.monotonic() - written > every:
                state.save(saved)
                written = time.monotonic()
            yield records
            if state.micro_batches > read_in:
                read_in = state.micro_batches
                print(
                    f"memory does not hold a batch: each is now read in {read_in} micro-batches, to the same gradient",
                    file=sys.stderr,
                )
    if asked():  # in the last step or look too: what asked may tell it once only
        print(f"stopped after step {state.step:,}; the same command goes on from there", file=sys.stderr)
        raise SystemExit(128 + asked.by)


def _save_seconds() -> float:
    text = os.environ.get(SAVE_SECONDS, "30")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise InputError(f"{SAVE_SECONDS} must be a number of seconds, 0 or more, got {text!r}")
    return seconds


def _going_back(state: TrainState, corpus: Corpus, saved: Path, stop: Callable[[], bool]) -> Iterator[list[Record]]:
    """The records of ``fit``; a loss that is not finite costs the steps since the last save, and half of the step size.

    Raises:
        InputError: It helped too seldom; which rows the batch had is kept beside the state.
    """
    state.save(saved)  # what there is to go back to; what lies there may be damaged
    while True:
        try:
            yield from fit(state, corpus, stop=stop)
        except FloatingPointError as error:
            halvings = state.halvings + 1
            if halvings > HALVINGS:
                kept = saved.with_name(BROKEN)
                told = {"step": state.step, "rows": rows_of_step(state, corpus).tolist(), "error": str(error)}
                kept.write_text(json.dumps(told) + "\n", encoding="utf-8")
                raise InputError(
                    f"training broke {halvings} times, at last so: {error}; {str(kept)!r} says which rows that batch "
                    "had. Look at these, or ask for a lower learning_rate or clip"
                ) from error
            state.load(saved)
            state.halvings = halvings
            state.save(saved)
            print(f"{error}: back at step {state.step:,}, with half the step size", file=sys.stderr)
        else:
            return
