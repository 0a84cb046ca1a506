import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from vaeseq import curricula, training
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.curricula import LOOK, catch_up, lags, own_weights, start_decoder_anew
from vaeseq.errors import InputError
from vaeseq.history import Record
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.team import Team
from vaeseq.training import fit

VOCABULARY = 12
TRAIN = TrainConfig(steps=8, batch_size=4, learning_rate=5e-3, precision="float32", evaluate_every=4, evaluate_rows=8)


def _state(aim: ObjectiveConfig | None = None, **settings: float) -> TrainState:
    torch.manual_seed(0)
    sizes = EncoderConfig(hidden=10), DecoderConfig(hidden=10), PriorConfig("mixture", components=3)
    vae = SequenceVAE.build(VAEConfig(VOCABULARY, 4, 6, *sizes))
    return TrainState(vae, replace(TRAIN, **settings), aim or ObjectiveConfig(), seed=1)


def _teaching(state: TrainState, loss_of: Callable[[np.ndarray, int], Tensor]) -> Callable[[np.ndarray, int], Tensor]:
    def teach(rows: np.ndarray, seed: int) -> Tensor:
        state.optimizer.zero_grad()
        loss = loss_of(rows, seed)
        loss.backward(inputs=own_weights(state.vae))
        return loss.detach()

    return teach


@pytest.fixture
def corpus(build_corpus: Callable[..., Corpus]) -> Corpus:
    return build_corpus(train=12, valid=8, vocabulary=VOCABULARY)


def _weights(state: TrainState) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in state.vae.named_parameters()}


def _moved(state: TrainState, before: dict[str, Tensor]) -> set[str]:
    """Names of the parts of which a weight is another than before."""
    changed = {name for name, weight in state.vae.named_parameters() if not weight.equal(before[name])}
    return {"embedding" if "embedding" in name else name.split(".")[0] for name in changed}


def test_the_encoder_catches_up_alone(corpus: Corpus) -> None:
    state = _state(inner_steps=LOOK)
    before, batches = _weights(state), list(corpus.in_order(corpus.rows("train"), 4))

    def loss_of(rows: object, seed: int) -> Tensor:
        learn = training._Learner(state.vae, state.aim)
        return training._loss(state, learn, corpus.batch(rows), seed, Team())[0]

    catch_up(state, corpus, batches, _teaching(state, loss_of), unless=torch.zeros(()))
    assert _moved(state, before) == {"encoder"}
    assert state.inner_steps == LOOK


@pytest.mark.parametrize(
    ("most", "losses", "steps"),
    [
        (4 * LOOK, [3.0, 2.0, 1.0, 0.5], 4 * LOOK),
        (4 * LOOK, [3.0, 2.0, 2.0, 1.0], 3 * LOOK),
        (1, [3.0], 1),
        (LOOK + 5, [3.0, 2.0], LOOK + 5),
    ],
)
def test_it_stops_where_a_symbol_no_longer_gains(most: int, losses: list[float], steps: int, corpus: Corpus) -> None:
    state, asked = _state(inner_steps=most), []

    def loss_of(rows: np.ndarray, seed: int) -> Tensor:
        asked.append(seed)
        of_a_symbol = losses[(len(asked) - 1) // LOOK] + 0 * own_weights(state.vae)[0].sum()
        return of_a_symbol * float((corpus.lengths[rows] - 1).mean())

    catch_up(
        state, corpus, list(corpus.in_order(corpus.rows("train"), 4)), _teaching(state, loss_of), unless=torch.zeros(())
    )
    assert len(asked) == len(set(asked)) == steps == state.inner_steps


def test_a_loss_that_is_not_finite_moves_no_weight(corpus: Corpus) -> None:
    state = _state(inner_steps=LOOK)
    before = _weights(state)
    teach = _teaching(state, lambda rows, seed: math.nan * own_weights(state.vae)[0].sum())
    catch_up(state, corpus, [corpus.rows("train")], teach, unless=torch.zeros(()))
    assert _moved(state, before) == set()


def _look(information: float, step: int = 1) -> Record:
    return Record(step, 0, 0, "valid", 0, 0, 0, mutual_information=information)


@pytest.mark.parametrize(
    ("seen", "still"), [([], True), ([0.5], True), ([0.5, 0.7], True), ([0.5, 0.7, 0.6], False), ([2, 1, 3], False)]
)
def test_the_encoder_lags_until_its_information_no_longer_rises(seen: list[float], still: bool) -> None:
    state = _state(inner_steps=LOOK)
    state.history = [_look(information) for information in seen]
    assert lags(state) is still
    assert lags(_state()) is False


def test_looks_at_an_autoencoder_say_nothing_of_a_lagging_encoder() -> None:
    state = _state(inner_steps=LOOK, pretrain_steps=4)
    state.history = [_look(3.0, step=2), _look(2.0, step=4), _look(0.5, step=6)]
    assert lags(state)
    state.history.append(_look(0.4, step=8))
    assert not lags(state)


def test_while_it_lags_a_step_is_of_the_others(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "catch_up", lambda *_, **__: None)
    state = _state(inner_steps=LOOK)
    before = _weights(state)
    next(fit(state, corpus, record_every=1))
    assert _moved(state, before) == {"decoder", "prior", "embedding"}
    state = _state()
    next(fit(state, corpus, record_every=1))
    assert _moved(state, before) == {"decoder", "prior", "embedding", "encoder"}


def test_several_processes_cannot_wait_for_one_encoder(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Team, "here", classmethod(lambda cls: cls(0, 2)))
    with pytest.raises(InputError, match=r"inner_steps must be 0 where several processes train .*, got 10"):
        next(fit(_state(inner_steps=LOOK), corpus))


def test_a_language_model_has_no_encoder_that_lags(corpus: Corpus) -> None:
    vae = SequenceVAE.build(VAEConfig(VOCABULARY, 0, 6, EncoderConfig(hidden=10), DecoderConfig(hidden=10)))
    with pytest.raises(InputError, match="inner_steps must be 0"):
        next(fit(TrainState(vae, replace(TRAIN, inner_steps=LOOK), ObjectiveConfig(), seed=1), corpus))


def test_the_importance_weighted_bound_has_no_autoencoder(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="pretrain_steps must be 0"):
        next(fit(_state(ObjectiveConfig(samples=2), pretrain_steps=2), corpus))


def test_a_decoder_is_not_begun_anew_after_a_broken_step(corpus: Corpus) -> None:
    state = _state(pretrain_steps=3)
    next(fit(state, corpus, record_every=2))
    with torch.no_grad():
        state.vae.get_submodule("encoder.head.linear").bias[0] = math.nan
    before = _weights(state)
    with pytest.raises(FloatingPointError, match=r"finite.*step 2"):
        next(fit(state, corpus, record_every=10))
    assert _moved(state, before) == {"encoder"}  # whose nan is no number that equals itself


def test_a_new_decoder_forgets_all_but_the_embedding(corpus: Corpus) -> None:
    state = _state(average=0.5)
    for _ in fit(state, corpus):
        pass
    before = _weights(state)
    start_decoder_anew(state)
    assert _moved(state, before) == {"decoder"}
    decoder = [weight for name, weight in state.vae.named_parameters() if name.startswith("decoder.")]
    assert not any(weight in state.optimizer.state for weight in decoder)
    assert all(state.averaged[name].equal(weight) for name, weight in _weights(state).items() if "decoder" in name)
    assert state.best == {}
    assert state.best_badness == math.inf
    again = _state()
    again.step = state.step
    start_decoder_anew(again)
    assert again.vae.decoder.head.weight.equal(state.vae.decoder.head.weight), "seed and step decide"


def test_pretraining_lets_the_kl_be_and_ends_with_a_new_decoder(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[int] = []
    monkeypatch.setattr(training, "start_decoder_anew", lambda state: renewed.append(state.step))
    aim = ObjectiveConfig(annealing="linear", annealing_steps=4)
    state = _state(aim, pretrain_steps=3)
    weights = [state.beta] + [state.beta for _ in fit(state, corpus, record_every=1)]
    assert weights == [0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    assert renewed == [3]
    assert curricula.start_decoder_anew is start_decoder_anew


def test_the_weight_of_the_kl_does_not_answer_for_the_time_when_it_cost_nothing(corpus: Corpus) -> None:
    state = _state(ObjectiveConfig(rate=0.001), pretrain_steps=5)
    run = fit(state, corpus, record_every=1)
    while state.step < 5:
        next(run)
    assert state.beta == pytest.approx(0.1), "as at the first step"
    next(run)
    assert state.beta > 0.1
