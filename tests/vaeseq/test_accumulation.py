"""Batches that do not fit in memory: a hook stands for the memory, which holds so many rows and no more."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vaeseq.accumulation import accumulate
from vaeseq.bounds import Bound
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.errors import InputError
from vaeseq.history import Record
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.team import Team
from vaeseq.training import fit

VOCABULARY, STEPS = 12, 6
PACE = TrainConfig(
    steps=STEPS, batch_size=6, learning_rate=5e-3, precision="float32", evaluate_every=3, evaluate_rows=8
)
CODES = {"posterior": "codes", "slots": 2, "codebook": 8}
RUNS = {
    "rate": {"aim": ObjectiveConfig(rate=2.0, code_noise=0.3, masking=0.3, language_share=0.4)},
    "word dropout": {"aim": ObjectiveConfig(beta=0.5, annealing="linear", annealing_steps=5, word_dropout=0.3)},
    "spliced": {"aim": ObjectiveConfig(splicing=0.5)},
    "importance weighted": {"aim": ObjectiveConfig(samples=3)},
    "averaged": {"train": replace(PACE, average=0.8)},
    "lagging": {"train": replace(PACE, inner_steps=2)},
    "codes": CODES,
}


def _state(
    aim: ObjectiveConfig | None = None,
    train: TrainConfig = PACE,
    weights: int = 0,
    dropout: float = 0.0,
    **encoder: Any,
) -> TrainState:
    torch.manual_seed(weights)
    parts = EncoderConfig(hidden=10, **encoder), DecoderConfig(hidden=10, dropout=dropout)
    prior = PriorConfig("codes", hidden=8) if encoder else PriorConfig("mixture", components=3)
    vae = SequenceVAE.build(VAEConfig(VOCABULARY, 4, 6, *parts, prior, DecoderConfig(hidden=10)))
    return TrainState(vae, train, aim or ObjectiveConfig(), seed=3)


def _of_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def _of_cpu() -> None:
    torch.empty(10**15)


def _of_python() -> None:
    raise MemoryError


def _hold(state: TrainState, most: int, lack: Callable[[], object] = _of_cuda) -> list[int]:
    """From now on a training pass back through the decoder fits for ``most`` rows; of how many each that did not."""
    lacked = []

    def enter(_: object, codes: tuple[Tensor]) -> None:
        rows = len(codes[0])
        if codes[0].requires_grad and rows > most:
            codes[0].register_hook(lambda _: (lacked.append(rows), lack())[0])

    state.vae.decoder.register_forward_pre_hook(enter)
    return lacked


def _finish(state: TrainState, corpus: Corpus) -> list[Record]:
    records = [record for some in fit(state, corpus, record_every=1) for record in some]
    return [replace(record, seconds=0.0, symbols_per_second=None) for record in records]


@pytest.fixture
def corpus(build_corpus: Callable[..., Corpus]) -> Corpus:
    return build_corpus(train=18, valid=8, vocabulary=VOCABULARY)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_micro_batches_have_the_gradient_of_the_batch(run: dict[str, Any], corpus: Corpus) -> None:
    whole, split = _state(**run), _state(**run)
    lacked = _hold(split, 2)
    for state in (whole, split):
        state.train = replace(state.train, clip=1e9)
        next(fit(state, corpus, record_every=1))
    assert lacked[:2] == [6, 3]
    assert split.micro_batches == 4
    for (name, weight), other in zip(whole.vae.named_parameters(), split.vae.parameters(), strict=True):
        assert_close(other.grad, weight.grad, rtol=1e-4, atol=1e-5, msg=lambda told, name=name: f"{name}: {told}")


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_split_training_is_the_whole_one_up_to_rounding(run: dict[str, Any], corpus: Corpus) -> None:
    whole, split = _state(**run), _state(**run)
    lacked = _hold(split, 2)
    expected, found = _finish(whole, corpus), _finish(split, corpus)
    assert lacked == [6, 3], "it stays split"
    for one, other in zip(found, expected, strict=True):
        assert (one.reconstruction, one.kl) == pytest.approx((other.reconstruction, other.kl), rel=2e-3, abs=2e-3)
    for name, value in whole.vae.state_dict().items():
        assert_close(split.vae.state_dict()[name], value, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("lack", [_of_cuda, _of_cpu, _of_python])
def test_whoever_says_that_memory_does_not_suffice(lack: Callable[[], object], corpus: Corpus) -> None:
    state = _state()
    lacked = _hold(state, 3, lack)
    next(fit(state, corpus))
    assert (lacked, state.micro_batches) == ([6], 2)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_split_training_that_was_killed_is_the_one_that_was_not(
    run: dict[str, Any], corpus: Corpus, tmp_path: Path
) -> None:
    whole, path = _state(**run, dropout=0.2), tmp_path / "state"
    of_whole = _hold(whole, 2)
    expected = _finish(whole, corpus)
    state, lacked = _state(**run, dropout=0.2), []
    state.save(path)
    for life in range(STEPS):
        state = _state(**run, dropout=0.2, weights=life + 1)
        state.load(path)
        lacked.append(_hold(state, 2))
        next(fit(state, corpus, record_every=1))
        state.save(path)
    assert lacked == [of_whole, *[[]] * (STEPS - 1)], "it knows in how many micro-batches it reads"
    assert [replace(record, seconds=0.0, symbols_per_second=None) for record in state.history] == expected
    assert all(value.equal(state.vae.state_dict()[name]) for name, value in whole.vae.state_dict().items())


def test_the_next_try_begins_without_what_the_last_one_held(corpus: Corpus) -> None:
    state, batch, graphs = _state(), corpus.batch(corpus.rows("train")[:4]), []
    for weight in state.vae.parameters():
        weight.grad = torch.ones_like(weight)

    def loss_of(part: Team) -> tuple[Tensor, Bound]:
        assert all(weight.grad is None for weight in state.vae.parameters()) or part.rank
        if part.size == 1:
            graph = state.vae.prior().mean.sum()
            graphs.append(weakref.ref(graph))
            graph.backward()
            raise torch.OutOfMemoryError("CUDA out of memory.")
        assert graphs[0]() is None
        return sum(weight.sum() for weight in state.vae.parameters()), Bound(torch.zeros(2), torch.zeros(2), None)

    _, bound = accumulate(state, batch, Team(), loss_of)
    assert len(bound.kl) == 4
    assert all(weight.grad.eq(1).all() for weight in state.vae.parameters())


def test_a_row_that_does_not_fit_is_an_input_error(corpus: Corpus) -> None:
    state = _state()
    lacked = _hold(state, 0)
    with pytest.raises(InputError, match=r"step of one row, got 'CUDA out of memory.*smaller model"):
        next(fit(state, corpus))
    assert lacked == [6, 3, 2, 1][: len(lacked)]
    assert lacked[-1] == 1


@pytest.mark.parametrize(
    ("why", "aim", "group", "here"),
    [
        ("free_bits weighs", ObjectiveConfig(free_bits=0.1), None, Team()),
        ("holds rows in groups", None, torch.zeros(4), Team()),
        ("several processes share", None, None, Team(0, 2)),
    ],
)
def test_a_batch_that_cannot_be_split_is_an_input_error(
    why: str, aim: ObjectiveConfig, group: Tensor, here: Team, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Team, "here", classmethod(lambda cls: here))
    batch = replace(corpus.batch(corpus.rows("train")[:4]), group=group)
    with pytest.raises(InputError, match=rf"a whole batch that {why}, got 'CUDA out of memory.*batch_size"):
        accumulate(_state(aim), batch, here, lambda _: _of_cuda())


def test_another_error_is_none_of_memory(corpus: Corpus) -> None:
    def loss_of(_: Team) -> tuple[Tensor, Bound]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        accumulate(_state(), corpus.batch(corpus.rows("train")), Team(), loss_of)
