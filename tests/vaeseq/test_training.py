import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from torch.testing import assert_close

from vaeseq.bounds import iwae
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.diagnostics import summarise
from vaeseq.errors import InputError
from vaeseq.history import Record
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, annealed
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

VOCABULARY = 12
SHORT = TrainConfig(
    steps=14, batch_size=4, learning_rate=5e-3, warmup=0.2, weight_decay=0.01, precision="float32",
    evaluate_every=5, evaluate_rows=8,
)  # fmt: skip
AIMS = {
    "rate": ObjectiveConfig(rate=2.0),
    "falling rate": ObjectiveConfig(rate=2.0, rate_start=6.0, code_noise=0.3),
    "annealing": ObjectiveConfig(beta=0.5, annealing="cyclical", annealing_steps=10, cycles=2, word_dropout=0.3),
    "free bits": ObjectiveConfig(free_bits=0.2),
    "importance weighted": ObjectiveConfig(samples=3),
}
CODES = {"posterior": "codes", "slots": 4, "codebook": 16, "levels": 2}
RUNS = {name: {"aim": aim} for name, aim in AIMS.items()} | {
    "averaged": {"aim": AIMS["rate"], "train": replace(SHORT, average=0.8)},
    "pretrained": {"aim": AIMS["free bits"], "train": replace(SHORT, pretrain_steps=4)},
    "lagging": {"aim": AIMS["annealing"], "train": replace(SHORT, inner_steps=20)},
    "codes": {"aim": AIMS["annealing"], **CODES},
    "averaged codes": {"aim": ObjectiveConfig(), **CODES, "train": replace(SHORT, average=0.8)},
}


def _model(*, seed: int = 0, hidden: int = 10, latent: int = 4, dropout: float = 0.2, **encoder: Any) -> SequenceVAE:
    torch.manual_seed(seed)
    parts = EncoderConfig("bilstm", hidden, **encoder), DecoderConfig("lstm", hidden, dropout)
    prior = PriorConfig("codes" if encoder else "standard_normal", hidden=8)
    return SequenceVAE.build(VAEConfig(VOCABULARY, latent, 6, *parts, prior, DecoderConfig("lstm", hidden)))


def _state(
    aim: ObjectiveConfig, *, seed: int = 3, weights: int = 0, train: TrainConfig = SHORT, **encoder: Any
) -> TrainState:
    return TrainState(_model(seed=weights, **encoder), train, aim, seed=seed)


def _timeless(history: list[Record]) -> list[Record]:
    return [replace(record, seconds=0.0, symbols_per_second=None) for record in history]


def _finish(state: TrainState, corpus: Corpus, **settings: int) -> list[Record]:
    return [record for records in fit(state, corpus, **settings) for record in records]


def _assert_same_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name, value in one.items() if not value.equal(other[name])] == []


@pytest.fixture
def corpus(build_corpus: Callable[..., Corpus]) -> Corpus:
    """Three batches of four rows an epoch, so that 14 steps end within the fifth epoch."""
    return build_corpus(train=12, valid=8, vocabulary=VOCABULARY)


def test_eight_sequences_are_learnt_by_heart(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=8, valid=8, vocabulary=VOCABULARY, twins=True)
    train = TrainConfig(
        steps=800, batch_size=8, learning_rate=1e-2, precision="float32", evaluate_every=800, evaluate_rows=8
    )
    state = TrainState(_model(hidden=32, latent=8, dropout=0.0), train, ObjectiveConfig(beta=0.05), seed=0)
    history = _finish(state, corpus)
    batch = corpus.batch(corpus.rows("train"))
    vae = state.vae.eval()
    with torch.no_grad():
        drawn = vae.decoder(vae.encoder(batch.tokens).mean).draw(12, temperature=0.0)
    assert drawn.equal(batch.tokens)
    assert history[-1].reconstruction < 2.5  # nats for some six symbols, from about 15
    # Eight rows that are told apart carry ln 8, whatever their KL.
    assert history[-1].mutual_information == pytest.approx(math.log(8), abs=0.05)


@pytest.mark.slow  # 3,000 steps: the controller moves the weight slowly, so that it does not swing
def test_training_reaches_the_rate_asked_for(build_corpus: Callable[..., Corpus]) -> None:
    rate = 4.0
    corpus = build_corpus(train=64, valid=64, vocabulary=VOCABULARY, twins=True)
    train = TrainConfig(
        steps=3_000, batch_size=32, learning_rate=5e-3, precision="float32", evaluate_every=1_000, evaluate_rows=64
    )
    state = TrainState(_model(hidden=24, dropout=0.0), train, ObjectiveConfig(rate=rate), seed=0)
    assert _finish(state, corpus)[-1].kl == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_the_seed_decides_the_run(run: dict[str, Any], corpus: Corpus) -> None:
    runs = []
    for seed in (3, 3, 4):
        state = _state(**run, seed=seed)
        torch.manual_seed(seed + len(runs))  # whatever was drawn before does not matter
        runs.append((_timeless(_finish(state, corpus, record_every=3)), state.vae.state_dict()))
    assert runs[0][0] == runs[1][0]
    _assert_same_weights(runs[0][1], runs[1][1])
    assert runs[0][0] != runs[2][0]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("alive", [1, 2, 4])
def test_a_run_killed_again_and_again_is_the_run_that_was_not(
    alive: int, run: dict[str, Any], corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaeseq.training.REVIVE_EVERY", 2)
    whole = _state(**run)
    yielded = _timeless(_finish(whole, corpus, record_every=2))
    path, resumed, lives = tmp_path / "work" / "state.safetensors", _state(**run), 0
    resumed.save(path)
    pieces: list[Record] = []
    while resumed.step < SHORT.steps:
        # A new process: other first weights, other random numbers, nothing in memory but the file.
        resumed = _state(**run, weights=100 + lives)
        resumed.load(path)
        torch.manual_seed(lives)
        life = fit(resumed, corpus, record_every=2)
        for _ in range(alive):
            pieces += next(life, [])
        resumed.save(path)
        del life
        lives += 1
    assert lives > 1
    assert _timeless(pieces) == yielded == _timeless(resumed.history) == _timeless(whole.history)
    _assert_same_weights(resumed.vae.state_dict(), whole.vae.state_dict())
    _assert_same_weights(resumed.best, whole.best)
    assert (resumed.best_step, resumed.best_badness) == (whole.best_step, whole.best_badness)
    assert resumed.beta == whole.beta
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    seconds = [record.seconds for record in resumed.history]
    assert seconds == sorted(seconds)


def test_work_after_the_last_save_is_done_again_alike(corpus: Corpus, tmp_path: Path) -> None:
    aim = AIMS["rate"]
    whole = _state(aim)
    _finish(whole, corpus, record_every=2)
    killed = _state(aim)
    run = fit(killed, corpus, record_every=2)
    next(run)
    killed.save(tmp_path / "state")
    next(run)
    next(run)  # killed here: these steps are lost
    resumed = _state(aim, weights=5)
    resumed.load(tmp_path / "state")
    assert resumed.step < killed.step
    _finish(resumed, corpus, record_every=2)
    _assert_same_weights(resumed.vae.state_dict(), whole.vae.state_dict())
    assert _timeless(resumed.history) == _timeless(whole.history)


def test_a_save_never_touches_the_bytes_of_the_one_before(corpus: Corpus, tmp_path: Path) -> None:
    state = _state(AIMS["rate"])
    state.save(tmp_path / "state")
    with (tmp_path / "state").open("rb") as before:
        whole = before.read()
        _finish(state, corpus)
        state.save(tmp_path / "state")
        before.seek(0)
        assert before.read() == whole != (tmp_path / "state").read_bytes()


def test_how_often_is_recorded_changes_no_weight(corpus: Corpus) -> None:
    often, seldom = _state(AIMS["rate"]), _state(AIMS["rate"])
    _finish(often, corpus, record_every=1)
    _finish(seldom, corpus, record_every=1_000)
    _assert_same_weights(often.vae.state_dict(), seldom.vae.state_dict())


def test_the_history_covers_every_step_once_and_ends_with_a_look(corpus: Corpus) -> None:
    state = _state(AIMS["rate"])
    history = _finish(state, corpus, record_every=4)
    assert [record.step for record in history if record.split == "train"] == [4, 5, 8, 10, 12, 14]
    assert [record.step for record in history if record.split == "valid"] == [5, 10, 14]
    assert history == state.history
    assert [record.seconds for record in history] == sorted(record.seconds for record in history)
    assert history[-1].seconds == state.seconds > 0
    assert _finish(state, corpus) == [], "a finished run has nothing left to do"


def test_records_hold_what_their_split_has(corpus: Corpus) -> None:
    of_train = {"loss", "beta", "learning_rate", "symbols_per_second"}
    of_valid = {"active_units", "mutual_information"}
    for record in _finish(_state(AIMS["rate"]), corpus, record_every=4):
        present = {name for name, value in asdict(record).items() if value is not None}
        assert (of_train | of_valid) & present == (of_train if record.split == "train" else of_valid)
        assert record.elbo == pytest.approx(-record.reconstruction - record.kl, rel=1e-5)
        assert record.rate == 2.0


def test_the_weight_of_the_kl_moves_as_the_aim_says(corpus: Corpus) -> None:
    scheduled, controlled = (
        [record for record in _finish(_state(AIMS[name]), corpus, record_every=1) if record.split == "train"]
        for name in ("annealing", "rate")
    )
    assert [record.beta for record in scheduled] == [annealed(AIMS["annealing"], record.step) for record in scheduled]
    # The KL of a new model is far below 2 nats: the weight falls from the first step on.
    weights = [record.beta for record in controlled]
    assert weights == sorted(set(weights), reverse=True)


def test_the_epoch_counts_passes_over_the_rows(corpus: Corpus) -> None:
    records = [record for record in _finish(_state(AIMS["free bits"]), corpus, record_every=1) if record.loss]
    epochs = [record.epoch for record in records]
    assert epochs == sorted(set(epochs))
    per_epoch = [sum(1 for epoch in epochs if e < epoch <= e + 1) for e in range(int(epochs[-1]))]
    batches = [len(list(corpus.epoch(corpus.rows("train"), 4, seed=3, epoch=e))) for e in range(len(per_epoch))]
    assert per_epoch == batches


def test_the_schedule_reaches_the_optimizer(corpus: Corpus) -> None:
    # The first step of Adam moves a weight by the learning rate, here a fourteenth of its peak.
    state = _state(ObjectiveConfig(), train=replace(SHORT, learning_rate=0.14, warmup=1.0, weight_decay=0.0))
    before = parameters_to_vector(state.vae.parameters()).detach().clone()
    next(fit(state, corpus, record_every=1))
    moved = float((parameters_to_vector(state.vae.parameters()).detach() - before).abs().max())
    assert moved == pytest.approx(0.01, rel=0.01)


def test_each_step_has_its_own_noise(build_corpus: Callable[..., Corpus]) -> None:
    state = _state(ObjectiveConfig(), train=replace(SHORT, learning_rate=0.0, weight_decay=0.0))
    history = _finish(state, build_corpus(train=1, valid=1, vocabulary=VOCABULARY), record_every=1)
    losses = [record.loss for record in history if record.split == "train"]
    assert len(losses) == len(set(losses)) == SHORT.steps


def test_the_best_state_is_kept_and_is_no_view_of_the_living_one(corpus: Corpus) -> None:
    # Steps that grow until they ruin the model: an early look is the best one.
    state = _state(ObjectiveConfig(), train=replace(SHORT, steps=40, learning_rate=3.0, warmup=1.0, clip=1e9))
    history = [record for record in _finish(state, corpus) if record.split == "valid"]
    best = max(history, key=lambda record: record.elbo)
    assert state.best_step == best.step < history[-1].step
    state.vae.load_state_dict(state.best)
    again = summarise(state.vae, corpus, corpus.rows("valid")[:8], seed=state.seed)
    assert again.elbo == pytest.approx(best.elbo, rel=1e-5)


@pytest.mark.parametrize(("train", "valid"), [(0, 1), (1, 0), (0, 0)])
def test_nothing_to_learn_from_is_an_input_error(train: int, valid: int, build_corpus: Callable[..., Corpus]) -> None:
    with pytest.raises(InputError, match=f"got {train} and {valid}"):
        next(fit(_state(ObjectiveConfig()), build_corpus(train=train, valid=valid)))


@pytest.mark.parametrize("layer", ["encoder.head.linear", "decoder.head"])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_raises_before_it_spoils_a_weight(broken: float, layer: str, corpus: Corpus) -> None:
    state = _state(AIMS["rate"])
    run = fit(state, corpus, record_every=2)
    next(run)
    with torch.no_grad():
        state.vae.get_submodule(layer).bias[0] = broken
    before, step = {name: value.clone() for name, value in state.vae.named_parameters()}, state.step
    with pytest.raises(FloatingPointError, match=r"finite.*step 2"):
        next(run)
    assert state.step == step
    for name, value in state.vae.named_parameters():
        assert_close(value.detach(), before[name], rtol=0, atol=0, equal_nan=True)


def test_the_gradient_is_clipped(corpus: Corpus) -> None:
    # Adam forgets the scale of a gradient but not that of one step among others: its second moment shows it.
    state = _state(ObjectiveConfig(), train=replace(SHORT, steps=1, clip=1e-3))
    _finish(state, corpus)
    squares = [moments["exp_avg_sq"].sum() for moments in state.optimizer.state_dict()["state"].values()]
    norm = math.sqrt(float(sum(squares)) / (1 - 0.98))
    assert norm == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.usefixtures("bfloat16")
def test_half_precision_products_leave_the_weights_in_single(corpus: Corpus) -> None:
    state = _state(ObjectiveConfig(), train=replace(SHORT, precision="bfloat16", steps=3))
    assert all(math.isfinite(record.elbo) for record in _finish(state, corpus))
    assert {parameter.dtype for parameter in state.vae.parameters()} == {torch.float32}


def test_without_a_code_the_model_is_a_language_model(corpus: Corpus) -> None:
    state = TrainState(_model(latent=0), SHORT, ObjectiveConfig(), seed=0)
    last = _finish(state, corpus)[-1]
    assert (last.kl, last.active_units, last.mutual_information) == (0.0, 0.0, 0.0)
    batch, vae = corpus.batch(corpus.rows("valid")), state.vae.eval()
    assert_close(iwae(vae, batch, samples=1), vae.decoder(torch.empty(len(batch.row), 0)).log_prob(batch.tokens))
    beginnings = torch.empty(1, 0).expand(3, 0)
    assert vae.decoder(beginnings).draw(9, temperature=0.0).unique(dim=0).shape[0] == 1
