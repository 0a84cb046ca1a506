import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed
from torch.testing import assert_close

from vaeseq import training
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Batch, Corpus
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.team import Noise, Team
from vaeseq.training import fit

VOCABULARY, STEPS, EVERY = 12, 12, 3
# Sums in another order differ in the last digits of single precision; Adam divides by what may be small.
TOLERANCE = {"rtol": 2e-3, "atol": 2e-3}
AIMS = {
    "rate": ObjectiveConfig(rate=2.0, code_noise=0.3, splicing=0.5, language_share=0.4),
    "free bits": ObjectiveConfig(free_bits=0.2, word_dropout=0.3),
    "codes": ObjectiveConfig(),
}


def _state(aim: ObjectiveConfig, rank: int = 0, dropout: float = 0.0) -> TrainState:
    # Only the first process has the right weights; the others get them from it.
    torch.manual_seed(rank)
    encoder, prior, decoder = EncoderConfig(hidden=10), PriorConfig(), DecoderConfig(hidden=10, dropout=dropout)
    if aim == AIMS["codes"]:
        encoder, prior = (
            EncoderConfig(hidden=10, posterior="codes", slots=2, codebook=8),
            PriorConfig("codes", hidden=8),
        )
    config = VAEConfig(VOCABULARY, 4, 6, encoder, decoder, prior, decoder)
    train = TrainConfig(
        steps=STEPS, batch_size=6, learning_rate=5e-3, precision="float32", evaluate_every=6, evaluate_rows=8
    )
    return TrainState(SequenceVAE.build(config), train, aim, seed=3)


def _run(state: TrainState, folder: Path, until: int) -> list[dict[str, Any]]:
    records = [asdict(record) for records in _until(state, Corpus.load(folder), until) for record in records]
    return [{k: v for k, v in record.items() if "second" not in k} for record in records]


def _until(state: TrainState, corpus: Corpus, until: int) -> Any:
    for records in fit(state, corpus, record_every=1):
        yield records
        if state.step >= until:
            return


@pytest.fixture(autouse=True)
def idle_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """In runs this short too, entries of codebooks are put elsewhere, the last time in the fourth step."""
    monkeypatch.setattr(training, "REVIVE_EVERY", EVERY)


def _process(rank: int, size: int, folder: Path, aim: str, until: int, dropout: float, killed: bool) -> None:
    torch.set_num_threads(1)
    training.REVIVE_EVERY = EVERY
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting-{size}-{until}", rank=rank, world_size=size
    )
    state, saved = _state(AIMS[aim], rank, dropout), folder / "state"
    if saved.exists():
        state.load(saved)
    rows, whole = 0, training.objective

    def counted(vae: SequenceVAE, batch: Batch, *arguments: Any, **options: Any) -> Any:
        nonlocal rows
        rows += len(batch.row)
        return whole(vae, batch, *arguments, **options)

    training.objective = counted
    records = _run(state, folder, until)
    # Each began with other weights and took its share of the rows; all have the weights of the first.
    weights = torch.cat([weight.detach().flatten().float() for weight in state.vae.state_dict().values()])
    shared = [torch.empty_like(weights) for _ in range(size)]
    distributed.all_gather(shared, weights)
    assert all(other.equal(weights) for other in shared)
    batches = list(Corpus.load(folder).epoch(np.arange(20), 6, seed=3, epoch=0))
    assert rows < 0.75 * until * sum(map(len, batches)) / len(batches)
    if rank == 0:
        state.save(saved)
        (folder / "records.json").write_text(json.dumps(records))
    if killed:
        _run(state, folder, until + 2)  # what is lost
        os.kill(os.getpid(), signal.SIGKILL)
    distributed.destroy_process_group()


def _together(
    size: int, folder: Path, aim: str, until: int = STEPS, *, dropout: float = 0.0, killed: bool = False
) -> list[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_process, args=(rank, size, folder, aim, until, dropout, killed)) for rank in range(size)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    ends = [process.exitcode for process in processes]
    # One may see the other go before its own end comes.
    assert -signal.SIGKILL in ends and 0 not in ends if killed else not any(ends)
    return json.loads((folder / "records.json").read_text())


def _assert_alike(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        for name, value in a.items():
            assert value == b[name] or value == pytest.approx(b[name], rel=2e-3, abs=2e-3), (a["step"], name)


@pytest.mark.parametrize("aim", AIMS)
def test_two_processes_train_as_one(aim: str, build_corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    build_corpus(train=20, valid=8, vocabulary=VOCABULARY)
    alone = _state(AIMS[aim])
    expected = _run(alone, tmp_path, STEPS)
    _assert_alike(_together(2, tmp_path, aim), expected)
    shared = _state(AIMS[aim])
    shared.load(tmp_path / "state")
    for name, value in alone.vae.state_dict().items():
        assert_close(shared.vae.state_dict()[name], value, **TOLERANCE)
    assert shared.best_step == alone.best_step


@pytest.mark.parametrize(("aim", "micro_batches"), [("rate", 1), ("codes", 2)])
def test_a_run_goes_on_with_another_number_of_processes(
    aim: str, micro_batches: int, build_corpus: Callable[..., Corpus], tmp_path: Path
) -> None:
    build_corpus(train=20, valid=8, vocabulary=VOCABULARY)
    expected = _run(_state(AIMS[aim]), tmp_path, STEPS)
    begun = _state(AIMS[aim])
    begun.micro_batches = micro_batches
    begun.save(tmp_path / "state")
    pieces = _together(2, tmp_path, aim, 4) + _together(3, tmp_path, aim, 8)
    alone = _state(AIMS[aim])
    alone.load(tmp_path / "state")
    _assert_alike(pieces + _run(alone, tmp_path, STEPS), expected)


def test_two_processes_that_were_killed_go_on_to_the_same_weights(
    build_corpus: Callable[..., Corpus], tmp_path: Path
) -> None:
    build_corpus(train=20, valid=8, vocabulary=VOCABULARY)
    shutil.copytree(tmp_path, tmp_path / "whole")
    whole = _together(2, tmp_path / "whole", "rate", dropout=0.2)
    assert (
        _together(2, tmp_path, "rate", 5, dropout=0.2, killed=True) + _together(2, tmp_path, "rate", dropout=0.2)
        == whole
    )
    states = [_state(AIMS["rate"]) for _ in range(2)]
    for state, folder in zip(states, (tmp_path, tmp_path / "whole"), strict=True):
        state.load(folder / "state")
    for name, value in states[0].vae.state_dict().items():
        assert value.equal(states[1].vae.state_dict()[name]), name


def _gathered(rank: int, size: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    team = Team.here()
    for rows in (3, 4, 5, 6):
        whole = torch.arange(rows * 2.0).view(rows, 2)
        assert team.whole(team.share(whole), rows).equal(whole)
    distributed.destroy_process_group()


def test_all_parts_make_the_whole_in_its_order(tmp_path: Path) -> None:
    whole = torch.arange(6.0).view(3, 2)
    assert Team().whole(whole, 3).equal(whole)
    torch.multiprocessing.spawn(_gathered, (3, tmp_path), 3)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_numbers_of_a_row_do_not_depend_on_who_has_it(size: int) -> None:
    def noise(team: Team) -> Noise:
        return Noise(torch.Generator().manual_seed(0), 7, team)

    cpu = torch.device("cpu")
    for draw in (lambda n: n.normal(2, device=cpu), lambda n: n.uniform(3, device=cpu)):
        whole = draw(noise(Team()))
        for rank in range(size):
            assert draw(noise(Team(rank, size))).equal(whole[rank::size])
    chosen, total = noise(Team()).some(0.5, device=cpu)
    assert len(chosen) == total == 4
    parts = [noise(Team(rank, size)).some(0.5, device=cpu) for rank in range(size)]
    assert {count for _, count in parts} == {4}
    found = [rank + size * int(row) for rank, (rows, _) in enumerate(parts) for row in rows]
    assert sorted(found) == sorted(chosen.tolist())
