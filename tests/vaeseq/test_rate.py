import math
from collections.abc import Callable

import pytest
import torch

from vaeseq.corpus import Corpus
from vaeseq.diagnostics import Summary
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, RateController, rate_at
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import badness, fit, held_out_rows


def _run(controller: RateController, plant: Callable[[float], float], steps: int) -> list[float]:
    """KL of a plant that follows the weight with the lag of a model that has to learn."""
    kl, reached = plant(1e9), []
    for step in range(steps):
        kl += 0.02 * (plant(controller.beta) - kl)
        controller.observe(kl * (1 + 0.1 * math.sin(1.7 * step)))  # batches differ
        reached.append(kl)
    return reached


# What a KL does as its weight rises, from none to full: it falls from `most` nats, slowly or as over a cliff.
PLANTS = {
    "hyperbola": lambda beta: 80 / (1 + 10 * beta),
    "logarithm": lambda beta: max(0.0, 40 - 8 * math.log(1 + 100 * beta)),
    "cliff": lambda beta: 60 / (1 + (beta / 0.5) ** 3),
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
@pytest.mark.parametrize("rate", [2.0, 10.0, 30.0])
def test_the_controller_reaches_the_rate_and_stays(rate: float, plant: Callable[[float], float]) -> None:
    reached = _run(RateController(rate), plant, 6_000)[-1_000:]
    assert all(abs(kl / rate - 1) < 0.1 for kl in reached)


def test_the_rate_falls_evenly_in_its_logarithm_and_then_stays() -> None:
    config = ObjectiveConfig(rate=10.0, rate_start=90.0)
    rates = [rate_at(config, done) for done in (0.0, 0.4, 0.8, 0.9, 1.0)]
    assert rates == pytest.approx([90.0, 30.0, 10.0, 10.0, 10.0])
    assert rate_at(ObjectiveConfig(rate=7.0), 0.0) == 7.0
    assert rate_at(ObjectiveConfig(), 0.5) is None


def test_a_kl_above_the_rate_raises_the_weight_and_one_below_lowers_it() -> None:
    above, below = RateController(10.0), RateController(10.0)
    start = above.beta
    above.observe(20.0)
    below.observe(5.0)
    assert below.beta < start < above.beta
    for controller, kl in ((above, 20.0), (below, 5.0)):
        weights = []
        for _ in range(200):
            controller.observe(kl)
            weights.append(controller.beta)
        assert weights == sorted(weights, reverse=kl < 10)


def test_a_rate_out_of_reach_leaves_a_small_weight_that_recovers() -> None:
    controller = RateController(50.0)
    _run(controller, lambda beta: 5.0, 20_000)
    assert 0 < controller.beta <= 1e-3
    reached = _run(controller, PLANTS["hyperbola"], 6_000)
    assert abs(reached[-1] / 50.0 - 1) < 0.1


def test_the_error_is_bounded_so_that_one_wild_batch_does_no_harm() -> None:
    controller = RateController(1.0)
    before = controller.log_beta
    controller.observe(1e12)
    assert controller.error == 1.0
    assert abs(controller.log_beta - before) <= controller.integral
    assert math.isfinite(controller.beta)


def test_the_kl_is_smoothed() -> None:
    controller = RateController(10.0, kl=10.0)
    controller.observe(20.0)
    assert controller.kl == pytest.approx(controller.smoothing * 10 + (1 - controller.smoothing) * 20)


def test_training_aims_at_the_falling_rate(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    corpus, train = build_corpus(train=12, valid=6), TrainConfig(steps=10, batch_size=4, evaluate_every=10)
    aim = ObjectiveConfig(rate=2.0, rate_start=8.0)
    state = TrainState(build_vae(vocabulary=12), train, aim, seed=0)
    assert state.rate == 8.0
    rates = [record.rate for records in fit(state, corpus, record_every=1) for record in records[:1]]
    assert rates == pytest.approx([rate_at(aim, step / 10) for step in range(1, 11)])
    assert state.beta > 0
    assert state.controller is not None
    assert state.controller.rate == 2.0


def test_looks_take_held_out_rows_from_all_of_the_file(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    corpus = build_corpus(train=4, valid=200)
    state = TrainState(build_vae(vocabulary=12), TrainConfig(evaluate_rows=50), ObjectiveConfig(), seed=0)
    chosen = held_out_rows(state, corpus)
    assert len(chosen) == 50
    assert set(chosen.tolist()) <= set(corpus.rows("valid").tolist())
    assert chosen.max() > 150


def _summary(elbo: float, kl: float) -> Summary:
    return Summary(elbo, -elbo - kl, kl, 1.0, 1.0)


def test_a_nat_above_the_rate_buys_no_bound_and_one_below_counts_as_carried() -> None:
    assert badness(_summary(-10, 0), None) < badness(_summary(-11, 5), None)
    # A latent that carries less, and leaves as much more to say.
    assert badness(_summary(-50, 30), 30.0) < badness(_summary(-31, 10), 30.0)
    assert badness(_summary(-50, 30), 30.0) < badness(_summary(-45, 0), 30.0)
    assert badness(_summary(-10, 10.4), 10.0) < badness(_summary(-11, 10.0), 10.0), "a twentieth is free"
    assert badness(_summary(-13, 10), 10.0) == badness(_summary(-10, 7), 10.0), "what is lacking counts as carried"
    # The last of a training to 90 nats, and one before that carried half a nat less (LOG.md).
    assert badness(_summary(-90.82, 90.59), 90.0) < badness(_summary(-90.30, 90.02), 90.0)
    assert badness(_summary(-13, 13), 10.0) > badness(_summary(-30, 7), 10.0)
    assert badness(_summary(-99.9, 98.4), 100.0) < badness(_summary(-97.8, 95.9), 100.0)
    # The last state of a run that needs fewer nats, and an early one that happened to have them.
    assert badness(_summary(-67.1, 65.6), 80.0) < badness(_summary(-81.5, 78.6), 80.0)
    # A run that has not quite come down to the rate, and its early state that passed it on the way up.
    assert badness(_summary(-51.9, 32.1), 30.0) < badness(_summary(-61.5, 31.4), 30.0)


def test_a_kl_that_is_not_finite_is_forgotten():
    controller = RateController(50.0)
    for kl in (50.0, math.inf, 40.0):
        controller.observe(torch.tensor(kl))
    assert float(controller.kl) == 40.0
