import itertools
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.testing import assert_close

from vaeseq.bounds import Bound
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import Corpus, write_tokens
from vaeseq.diagnostics import summarise
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, objective
from vaeseq.state import TrainConfig, TrainState, _digest
from vaeseq.training import fit


@pytest.fixture
def corpus(build_corpus: Callable[..., Corpus]) -> Corpus:
    return build_corpus(train=12, valid=8, vocabulary=12)


def _state(*, rate: float | None = None, **settings: float) -> TrainState:
    torch.manual_seed(0)
    vae = SequenceVAE.build(VAEConfig(12, 4, 6, EncoderConfig(hidden=10), DecoderConfig(hidden=10)))
    train = TrainConfig(steps=14, batch_size=4, precision="float32", evaluate_every=5, evaluate_rows=8)
    return TrainState(vae, replace(train, **settings), ObjectiveConfig(rate=rate), seed=3)


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"evaluate_every": 0},
        {"pretrain_steps": 14, "steps": 14},
        {"inner_steps": -1},
        {"average": 1.0},
        {"warmup": -0.1},
        {"clip": 0.0},
        {"learning_rate": -1e-3},
        {"weight_decay": float("inf")},
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        TrainConfig(**settings)


def test_the_mean_of_the_weights_is_what_is_looked_at_and_kept(corpus: Corpus) -> None:
    state = _state(average=0.9)
    *_, (_, record) = fit(state, corpus)
    assert state.best_step == record.step == state.train.steps
    assert all(state.best[name].equal(mean) for name, mean in state.averaged.items())
    assert any(not value.equal(state.averaged[name]) for name, value in state.vae.named_parameters())
    state.vae.load_state_dict(state.best)
    assert summarise(state.vae, corpus, corpus.rows("valid")[:8], seed=state.seed).elbo == record.elbo


def test_the_mean_of_the_weights_forgets_geometrically(corpus: Corpus) -> None:
    state = _state(average=0.6)
    means = {name: value.clone() for name, value in state.averaged.items()}
    for _ in fit(state, corpus, record_every=1):
        decay = min(0.6, state.step / (state.step + 9))
        for name, mean in means.items():
            mean.mul_(decay).add_((1 - decay) * state.vae.get_parameter(name).detach())
    for name, mean in means.items():
        assert_close(state.averaged[name], mean)


def test_after_a_broken_step_the_mean_of_the_weights_stays(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken, asked = _state(average=0.6), _state(average=0.6), itertools.count(1)
    for _ in fit(whole, corpus, record_every=1, stop=lambda: whole.step == 2):
        pass

    def breaking(*given: object, **kept: object) -> tuple[Tensor, Bound]:
        loss, bound = objective(*given, **kept)
        return loss * (math.nan if next(asked) == 3 else 1), bound

    monkeypatch.setattr("vaeseq.training.objective", breaking)
    with pytest.raises(FloatingPointError, match="step 2"):
        list(fit(broken, corpus))
    for name, mean in whole.averaged.items():
        assert_close(broken.averaged[name], mean, rtol=0, atol=0)


def test_the_learning_rate_rises_and_falls() -> None:
    state = _state(steps=100, learning_rate=0.4, warmup=0.1)
    rates = []
    for step in range(100):
        state.step = step
        rates.append(state.learning_rate)
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == pytest.approx(0.4)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.2)
    assert 0 <= rates[-1] < 0.001


@pytest.mark.parametrize("steps", [21, 64])
def test_the_learning_rate_never_passes_its_peak(steps: int) -> None:
    state = _state(steps=steps, learning_rate=0.4)
    for step in range(steps):
        state.step = step
        assert state.learning_rate <= 0.4


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    state = _state()
    with torch.no_grad():
        for parameter in state.vae.parameters():
            parameter.add_(1)
    state.save(path)
    return path


@given(cut=st.integers(0, 900), junk=st.binary(max_size=8), rest=st.booleans())
def test_a_scratched_state_is_refused_and_changes_nothing(cut: int, junk: bytes, rest: bool, saved: Path) -> None:
    whole, state = saved.read_bytes(), _state()
    before = {name: value.clone() for name, value in state.vae.state_dict().items()}
    scratched = whole[:cut] + junk + (whole[cut + len(junk) :] if rest else b"")
    saved.write_bytes(scratched)
    try:
        state.load(saved)
    except InputError:
        assert all(value.equal(before[name]) for name, value in state.vae.state_dict().items())
    else:
        assert scratched == whole
    finally:
        saved.write_bytes(whole)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainState:
    """A state with all that one has."""
    tokens = [[1, 5, 6, 7, 2], [1, 8, 9, 2]] * 4
    folder = tmp_path_factory.mktemp("rows")
    write_tokens(folder / "tokens.safetensors", tokens, [0] * 6 + [1] * 2)
    state = _state(average=0.9, rate=2.0)
    for _ in fit(state, Corpus.load(folder)):
        pass
    return state


def _made_up(state: TrainState, path: Path, scalars: dict[str, object], tensors: dict[str, Tensor | None]) -> None:
    """A saved state with other numbers or tensors, and their digest; None takes one away."""
    state.save(path)
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["scalars"]) | scalars
        kept = {name: file.get_tensor(name) for name in file.keys()} | tensors  # noqa: SIM118 - it is no mapping
    kept = {name: value for name, value in kept.items() if value is not None}
    written = json.dumps({name: value for name, value in told.items() if value != "none"})
    save_file(kept, path, {"scalars": written, "sha256": _digest(written, kept)})


def test_a_whole_state_is_taken_up(trained: TrainState, tmp_path: Path) -> None:
    _made_up(trained, tmp_path / "state", {}, {})
    state = _state(average=0.9, rate=2.0)
    state.load(tmp_path / "state")
    assert (state.step, state.history, state.best_step) == (14, trained.history, trained.best_step)
    assert state.history
    assert state.best.keys() == state.vae.state_dict().keys()
    assert len(state.optimizer.state_dict()["state"]) == len(list(state.vae.parameters()))
    assert state.controller.log_beta.equal(trained.controller.log_beta)


RECORD = {"step": 1, "epoch": 0.1, "seconds": 1.0, "split": "train", "elbo": 1.0, "reconstruction": 1.0, "kl": 1.0}
BIAS = "vae.decoder.bias"


@pytest.mark.parametrize(
    ("scalars", "tensors"),
    [
        ({"step": "none"}, {}),
        ({"step": "7"}, {}),
        ({"step": -1}, {}),
        ({"halvings": 10**400}, {}),
        ({"seconds": None}, {}),
        ({"best_badness": [1]}, {}),
        ({"log_beta": "none"}, {}),
        ({"kl": 10**400}, {}),
        ({"history": 3}, {}),
        ({"history": [{"step": 3}]}, {}),
        ({"history": [RECORD | {"elbo": "high"}]}, {}),
        ({"history": [RECORD | {"kl": None}]}, {}),
        ({}, {BIAS: None}),
        ({}, {BIAS: torch.zeros(3)}),
        ({}, {"vae.stranger": torch.zeros(1)}),
        ({}, {"best.decoder.bias": None}),
        ({}, {"averaged.decoder.bias": torch.zeros(12, dtype=torch.int32)}),
        ({}, {"optimizer.0.exp_avg": None}),
        ({}, {"optimizer.0.exp_avg": torch.zeros(1)}),
        ({}, {"optimizer.99.step": torch.zeros(())}),
        ({}, {"optimizer.-1.step": torch.zeros(())}),
        ({}, {"optimizer.first": torch.zeros(())}),
    ],
)
def test_a_made_up_state_is_refused_and_changes_nothing(
    scalars: dict[str, object], tensors: dict[str, Tensor | None], trained: TrainState, tmp_path: Path
) -> None:
    _made_up(trained, tmp_path / "state", scalars, tensors)
    state = _state(average=0.9, rate=2.0)
    before = {name: value.clone() for name, value in state.vae.state_dict().items()}
    with pytest.raises(InputError, match=r"^state .* is damaged: .*$"):
        state.load(tmp_path / "state")
    assert all(value.equal(before[name]) for name, value in state.vae.state_dict().items())
    assert (state.step, state.history, state.best, state.optimizer.state_dict()["state"]) == (0, [], {}, {})


@pytest.mark.parametrize("scalars", ["nope", "[]", "[" * 100_000, "null"])
def test_numbers_that_are_none_are_refused(scalars: str, tmp_path: Path) -> None:
    save_file({}, tmp_path / "state", {"scalars": scalars, "sha256": _digest(scalars, {})})
    with pytest.raises(InputError, match="is damaged"):
        _state().load(tmp_path / "state")


def _gone(*_: object) -> None:
    os._exit(9)


def _half(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
    _gone()


def _gone_in_a_folder(path: Path) -> None:
    if path.is_dir():
        _gone()


DEATHS = {
    "before": ("pathlib.Path.write_bytes", _gone, 1),
    "half": ("pathlib.Path.write_bytes", _half, 1),
    "not on disk": ("vaeseq.files._to_disk", _gone, 1),
    "not named": ("pathlib.Path.replace", _gone, 1),
    "name not on disk": ("vaeseq.files._to_disk", _gone_in_a_folder, 2),
}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child does no more than save
@pytest.mark.parametrize(("where", "dies", "step"), DEATHS.values(), ids=DEATHS)
def test_a_process_that_dies_while_it_saves_leaves_one_state_or_the_other(
    where: str, dies: Callable[..., None], step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, state, kept = tmp_path / "state", _state(), _state()
    state.step = 1
    state.save(path)
    state.step = 2
    monkeypatch.setattr(where, dies)
    if (child := os.fork()) == 0:
        try:
            state.save(path)
        finally:
            os._exit(1)
    monkeypatch.undo()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    kept.load(path)
    assert kept.step == step
    state.save(path)  # over what was left
    kept.load(path)
    assert kept.step == 2
    assert list(tmp_path.iterdir()) == [path]
