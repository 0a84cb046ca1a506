"""The laws of predicting properties from a code."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from vaeseq import calibration
from vaeseq.bounds import elbo
from vaeseq.calibration import Predicted, calibrate, predicted, quality
from vaeseq.config import VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.errors import InputError
from vaeseq.likeness import BITS, fingerprints
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, objective
from vaeseq.regression import PropertyHead
from vaeseq.state import TrainConfig, TrainState
from vaeseq.team import Noise
from vaeseq.training import fit


@pytest.fixture
def head() -> PropertyHead:
    torch.manual_seed(0)
    return PropertyHead(("a", "b"), 3)


def test_the_head_is_of_normal_distributions_in_the_units_of_the_training_rows(head: PropertyHead) -> None:
    z, targets = torch.randn(5, 3), np.array([[1, 10], [3, np.nan], [5, 30]], np.float32)
    plain = head(z)
    head.measure(targets)
    told = head(z)
    scale = torch.tensor([math.sqrt(8 / 3), 10.0])
    torch.testing.assert_close(told.mean, torch.tensor([3.0, 20.0]) + scale * plain.mean)
    torch.testing.assert_close(told.stddev, scale * plain.stddev)


def test_what_is_not_known_costs_nothing_and_the_rest_is_minus_log_p(head: PropertyHead) -> None:
    head.measure(np.array([[0, 5], [2, 9]], np.float32))
    z = torch.randn(3, 3, requires_grad=True)
    targets = torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan], [0.5, 7.0]])
    losses, told = head.losses(z, targets), head(z)
    # Of standardised values: log p in own units and the logarithm of the unit.
    by_hand = -(Normal(told.mean, told.stddev).log_prob(targets.nan_to_num()) + head.scale.log())
    torch.testing.assert_close(losses, torch.stack([by_hand[0, 0], torch.zeros(()), by_hand[2].sum()]))
    (gradient,) = torch.autograd.grad(losses.sum(), z)
    assert gradient.isfinite().all()
    assert gradient[1].eq(0).all()


def test_a_property_that_never_changes_has_the_unit_one(head: PropertyHead) -> None:
    head.measure(np.array([[4, 1], [4, 2]], np.float32))
    assert head.scale.tolist() == [1.0, 0.5]


def _taught(build_corpus: Callable[..., Corpus], build_config: VAEConfig, seed: int = 0) -> tuple[TrainState, Corpus]:
    corpus = build_corpus(train=64, valid=64)
    firsts = np.array([corpus.sequence(row)[1] for row in range(len(corpus))], np.float32)
    corpus.targets = np.stack([firsts, np.where(np.arange(len(corpus)) % 2, np.nan, -firsts)], axis=1)
    torch.manual_seed(seed)
    vae = SequenceVAE.build(build_config)
    vae.properties.measure(corpus.targets[corpus.rows("train")])
    train = TrainConfig(steps=400, batch_size=16, learning_rate=1e-2, evaluate_every=400, precision="float32")
    return TrainState(vae, train, ObjectiveConfig(rate=4.0), seed=seed), corpus


@pytest.fixture(scope="module")
def config() -> VAEConfig:
    return replace(VAEConfig(12, 4, 8), properties=("first", "minus_first"))


def test_the_bound_never_holds_what_properties_cost(config: VAEConfig, build_corpus: Callable[..., Corpus]) -> None:
    state, corpus = _taught(build_corpus, config)
    batch, noise = corpus.batch(corpus.rows("train")[:8]), torch.randn(8, 4)
    bound = elbo(state.vae, batch, noise=noise)
    other = elbo(state.vae, replace(batch, targets=None), noise=noise)
    torch.testing.assert_close(bound.elbo, other.elbo)
    assert set(bound.aux) - set(other.aux) == {"properties"}
    losses = [
        objective(
            state.vae,
            batch,
            ObjectiveConfig(property_weight=weight),
            beta=1.0,
            noise=Noise(torch.Generator().manual_seed(3), 8),
        )
        for weight in (0.0, 2.0)
    ]
    (without, _), (weighed, told) = losses
    torch.testing.assert_close(weighed - without, 2 * told.aux["properties"].mean())


def test_training_learns_them_calibration_settles_how_surely(
    config: VAEConfig, build_corpus: Callable[..., Corpus]
) -> None:
    state, corpus = _taught(build_corpus, config)
    for _ in fit(state, corpus):
        pass
    valid = corpus.rows("valid")
    before = predicted(state.vae, corpus, valid)
    calibrate(state.vae, corpus)
    after = predicted(state.vae, corpus, valid)
    for i in range(2):
        found = quality(after.mean[:, i], after.deviation[:, i], after.targets[:, i])
        assert found.rows == (64, 32)[i]
        assert found.r2 > 0.5
    wrong = [(its.targets - its.mean).square().nanmean(dim=0) for its in (before, after)]
    assert (wrong[1] <= wrong[0] + 1e-6).all()
    surprise = ((after.targets - after.mean) / after.deviation).square().nanmean(dim=0)
    torch.testing.assert_close(surprise, torch.ones(2), rtol=1e-3, atol=0)
    head = state.vae.properties
    assert 0.9 < head.inside(after.codes, after.prints).float().mean() <= 1
    assert not head.inside(after.codes.mean(dim=0, keepdim=True) + 100, after.prints[:1]).any()
    foreign = fingerprints(torch.tensor([[40, 41, 42]]))
    assert not head.inside(after.codes.mean(dim=0, keepdim=True), foreign).any()
    whitened = (predicted(state.vae, corpus, corpus.rows("train")).codes - head.middle) @ head.whitening
    torch.testing.assert_close(whitened.T @ whitened / len(whitened), torch.eye(4), atol=0.1, rtol=0)


@pytest.mark.parametrize("held_out", [1, 5, 150])
def test_few_held_out_rows_do_not_decide_what_is_known(
    held_out: int, config: VAEConfig, build_corpus: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, latent = build_corpus(train=300, valid=held_out), 32
    vae = SequenceVAE.build(replace(config, latent=latent))
    corpus.targets = np.zeros((len(corpus), 2), np.float32)
    chance = torch.Generator().manual_seed(held_out)
    mix = torch.randn(latent, latent, generator=chance)

    def drawn(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray) -> Predicted:
        ones = torch.ones(len(rows), 2)
        prints = torch.randint(256, (len(rows), BITS // 8), generator=chance, dtype=torch.uint8)
        return Predicted(ones, ones, ones * 0, torch.randn(len(rows), latent, generator=chance) @ mix, prints)

    monkeypatch.setattr(calibration, "predicted", drawn)
    calibrate(vae, corpus)
    codes = torch.randn(5_000, latent, generator=chance) @ mix
    prints = torch.randint(256, (len(codes), BITS // 8), generator=chance, dtype=torch.uint8)
    assert 0.9 < vae.properties.inside(codes, prints).float().mean() < 1
    assert not vae.properties.inside(3 * codes, prints)[: len(codes) // 100].any()
    assert not vae.properties.inside(codes * 0, prints & 1).any()


def test_a_head_of_before_fingerprints_is_judged_by_codes() -> None:
    head = PropertyHead(["a"], 2)
    head.edge.fill_(1.0)
    before = {name: value for name, value in head.state_dict().items() if name not in ("known", "likeness")}
    again = PropertyHead(["a"], 2)
    again.load_state_dict(before)
    prints = torch.zeros(2, BITS // 8, dtype=torch.uint8)
    assert again.inside(torch.tensor([[0.5, 0.5], [1.0, 1.0]]), prints).tolist() == [True, False]


def test_quality_is_by_its_definition() -> None:
    true = torch.tensor([1.0, 2.0, 3.0, torch.nan])
    found = quality(torch.tensor([1.0, 2.5, 3.0, 0.0]), torch.tensor([1.0, 0.1, 1.0, 1.0]), true)
    assert found == (3, pytest.approx(1 - 0.25 / 2), pytest.approx(math.sqrt(0.25 / 3)), pytest.approx(2 / 3))
    assert quality(torch.ones(2), torch.ones(2), torch.full((2,), torch.nan)).rows == 0
    assert math.isnan(quality(torch.ones(2), torch.ones(2), torch.ones(2)).r2)


def test_the_importance_weighted_bound_teaches_no_properties(
    config: VAEConfig, build_corpus: Callable[..., Corpus]
) -> None:
    state, corpus = _taught(build_corpus, config)
    state.aim = ObjectiveConfig(samples=2)
    with pytest.raises(InputError, match="properties must not be learnt by the importance-weighted bound"):
        next(fit(state, corpus))


@pytest.mark.parametrize(
    ("names", "latent"), [(("a", "a"), 2), (("",), 2), ((1,), 2), ("ab", 2), (("a",), 0), (None, 2)]
)
def test_names_of_properties_are_checked(names: object, latent: int) -> None:
    with pytest.raises(InputError, match="properties must be"):
        VAEConfig(12, latent, properties=names)
    assert VAEConfig(12, 2, properties=["a", "b"]).properties == ("a", "b"), "as JSON has it"
