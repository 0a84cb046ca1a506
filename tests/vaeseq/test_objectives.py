import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq.bounds import elbo
from vaeseq.corpus import Batch, batch_of
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, annealed, objective, some_blurred
from vaeseq.priors import StandardNormalPrior
from vaeseq.team import Noise
from vaeseq.tokenizer import BOS, EOS

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, EOS], [BOS, 7, 7, 7, 7, 5, EOS], [BOS, 6, EOS]]
COSTS = torch.tensor([3.0, 1.0, 7.0, 5.0])  # mean 4


class Posterior(nn.Module):
    """An encoder that is a table: one mean and one deviation for each row and dimension."""

    def __init__(self, mean: Tensor, stddev: Tensor) -> None:
        super().__init__()
        self.mean, self.stddev = nn.Parameter(mean), nn.Parameter(stddev)

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        return Independent(Normal(self.mean, self.stddev), 1)


class Deaf(nn.Module):
    """A likelihood that does not listen to z, and remembers what it was allowed to see."""

    def __init__(self) -> None:
        super().__init__()
        self.visible: Tensor | None = None

    def forward(self, z: Tensor) -> "Deaf":
        return self

    def given(self, symbols: Tensor) -> Tensor:
        return torch.zeros(len(symbols), 1, 1)

    def log_prob(self, tokens: Tensor, visible: Tensor | None = None, *, given: Tensor | None = None) -> Tensor:
        self.visible = visible
        return -COSTS[: len(tokens)]


def _table() -> SequenceVAE:
    """KL by dimension, mean over rows: 0.5 (dimension 0), 2 (dimension 1) and 0 (dimension 2)."""
    mean = torch.tensor([[1.0, 2.0, 0.0], [1.0, -2.0, 0.0], [1.0, 2.0, 0.0], [1.0, -2.0, 0.0]])
    return SequenceVAE(Posterior(mean, torch.ones(4, 3)), Deaf(), StandardNormalPrior(3))


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _noise(seed: int = 0, rows: int = len(ROWS)) -> Noise:
    return Noise(_seeded(seed), rows)


@pytest.mark.parametrize(
    ("beta", "free_bits", "expected"),
    [
        (0.0, 0.0, 4.0),
        (1.0, 0.0, 4.0 + 2.5),
        (0.5, 0.0, 4.0 + 1.25),
        (1.0, 0.25, 4.0 + 0.5 + 2.0 + 0.25),
        (2.0, 0.75, 4.0 + 2 * (0.75 + 2.0 + 0.75)),
        (1.0, 3.0, 4.0 + 9.0),
    ],
)
def test_the_loss_is_what_a_hand_computes(beta: float, free_bits: float, expected: float) -> None:
    loss, _ = objective(_table(), batch_of(ROWS), ObjectiveConfig(free_bits=free_bits), beta=beta, noise=_noise())
    assert_close(loss, torch.tensor(expected))


@pytest.mark.parametrize("beta", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("free_bits", [0.0, 1.0])
def test_the_gradient_is_what_a_hand_computes(beta: float, free_bits: float) -> None:
    # d KL / d mean = mean and d KL / d stddev = stddev - 1 / stddev, shared by four rows; none below the free bits.
    vae = _table()
    with torch.no_grad():
        vae.encoder.stddev[:, 1] = 2.0
    loss, _ = objective(vae, batch_of(ROWS), ObjectiveConfig(free_bits=free_bits), beta=beta, noise=_noise())
    loss.backward()
    paid = torch.tensor([free_bits == 0.0, True, free_bits == 0.0]).float()
    mean, stddev = vae.encoder.mean.detach(), vae.encoder.stddev.detach()
    assert_close(vae.encoder.mean.grad, beta * paid * mean / 4)
    assert_close(vae.encoder.stddev.grad, beta * paid * (stddev - 1 / stddev) / 4)


def test_free_bits_are_of_the_mean_over_rows_not_of_each_row() -> None:
    # KL of dimension 0: 2 in one row, 0 in three, so 0.5 in the mean: below 0.6, although one row is above.
    mean = torch.zeros(4, 1)
    mean[0] = 2.0
    vae = SequenceVAE(Posterior(mean, torch.ones(4, 1)), Deaf(), StandardNormalPrior(1))
    loss, _ = objective(vae, batch_of(ROWS), ObjectiveConfig(free_bits=0.6), beta=1.0, noise=_noise())
    assert_close(loss, torch.tensor(4.0 + 0.6))


@pytest.mark.parametrize("beta", [0.0, 0.1, 7.0])
@pytest.mark.parametrize("free_bits", [0.0, 5.0])
def test_weights_never_enter_the_bound(beta: float, free_bits: float, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    _, weighed = objective(vae, batch, ObjectiveConfig(free_bits=free_bits), beta=beta, noise=_noise())
    plain = elbo(vae, batch, generator=_seeded())
    assert weighed.elbo.equal(plain.elbo)
    assert weighed.kl.equal(plain.kl)
    assert weighed.reconstruction.equal(plain.reconstruction)


def test_the_plain_objective_is_the_negative_bound_and_its_gradient(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    loss, _ = objective(vae, batch, ObjectiveConfig(), beta=1.0, noise=_noise())
    loss.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in vae.named_parameters()}
    vae.zero_grad()
    bound = elbo(vae, batch, generator=_seeded())
    assert_close(loss, -bound.elbo.mean())
    (-bound.elbo.mean()).backward()
    for name, parameter in vae.named_parameters():
        assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("share", [0.25, 0.75, 1.0])
def test_word_dropout_hides_its_share_of_the_symbols(share: float) -> None:
    vae = SequenceVAE(Posterior(torch.zeros(4, 1), torch.ones(4, 1)), Deaf(), StandardNormalPrior(1))
    batch = batch_of([[BOS, *[5] * 2_500, EOS]] * 4)
    objective(vae, batch, ObjectiveConfig(word_dropout=share), beta=1.0, noise=_noise())
    hidden = 1 - vae.decoder.visible.float().mean().item()
    assert vae.decoder.visible.shape == batch.tokens.shape
    assert abs(hidden - share) <= 5 * math.sqrt(share * (1 - share) / batch.tokens.numel())


def test_without_word_dropout_all_is_seen() -> None:
    vae = _table()
    objective(vae, batch_of(ROWS), ObjectiveConfig(word_dropout=0.0), beta=1.0, noise=_noise())
    assert vae.decoder.visible is None or vae.decoder.visible.all()


def test_the_generator_decides_what_is_dropped(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch, config = build_vae(), batch_of(ROWS), ObjectiveConfig(word_dropout=0.5)
    losses = [objective(vae, batch, config, beta=1.0, noise=_noise(seed))[0] for seed in (0, 0, 1)]
    assert losses[0].equal(losses[1])
    assert not losses[0].equal(losses[2])


def test_code_noise_changes_what_is_decoded_and_not_the_kl(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    plain, noisy = (
        objective(vae, batch, ObjectiveConfig(code_noise=share), beta=1.0, noise=_noise())[1] for share in (0.0, 0.99)
    )
    assert noisy.kl.equal(plain.kl)
    assert (noisy.reconstruction != plain.reconstruction).all()


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_language_model_learns_beside_the_rest_and_leaves_it_alone(
    share: float, build_vae: Callable[..., SequenceVAE]
) -> None:
    vae, batch, config = build_vae(language=True), batch_of(ROWS), ObjectiveConfig(language_share=share)
    loss, bound = objective(vae, batch, config, beta=1.0, noise=_noise())
    nats = -vae.language(len(ROWS)).log_prob(batch.tokens)
    chosen = itertools.combinations(nats.tolist(), math.ceil(share * len(ROWS)))
    own = (loss + bound.elbo.mean()).item()
    assert any(math.isclose(own, sum(some) / len(some), rel_tol=1e-4) for some in chosen)
    loss.backward()
    alone = build_vae(language=True)
    alone.language = None  # the decoder corrects it still
    objective(alone, batch, config, beta=1.0, noise=_noise())[0].backward()
    for name, parameter in alone.named_parameters():
        if name != "encoder.embedding.weight":  # the one that all parts share
            assert parameter.grad.equal(vae.get_parameter(name).grad)
    assert all(parameter.grad.abs().sum() > 0 for parameter in vae.language.parameters() if parameter.numel())


def test_the_loss_is_a_mean_over_rows(build_vae: Callable[..., SequenceVAE]) -> None:
    once, twice = batch_of(ROWS), batch_of(ROWS + ROWS)
    mean = torch.arange(4.0).unsqueeze(1)
    losses = []
    for batch, table in ((once, mean), (twice, torch.cat([mean, mean]))):
        vae = SequenceVAE(
            Posterior(table, torch.full_like(table, 1e-3)), build_vae(latent=1).decoder, StandardNormalPrior(1)
        )
        noise = _noise(rows=len(batch.row))
        losses.append(objective(vae, batch, ObjectiveConfig(), beta=1.0, noise=noise)[0])
    assert_close(losses[0], losses[1], rtol=1e-3, atol=1e-3)


LINEAR = ObjectiveConfig(beta=2.0, annealing="linear", annealing_steps=100)
CYCLES = ObjectiveConfig(beta=2.0, annealing="cyclical", annealing_steps=400, cycles=4)


@pytest.mark.parametrize(
    ("config", "step", "expected"),
    [
        (ObjectiveConfig(beta=0.7), 0, 0.7),
        (ObjectiveConfig(beta=0.7), 10**6, 0.7),
        (LINEAR, 0, 0.0),
        (LINEAR, 25, 0.5),
        (LINEAR, 99, 1.98),
        (LINEAR, 100, 2.0),
        (LINEAR, 10**6, 2.0),
        (CYCLES, 0, 0.0),
        (CYCLES, 25, 1.0),
        (CYCLES, 50, 2.0),
        (CYCLES, 99, 2.0),
        (CYCLES, 100, 0.0),
        (CYCLES, 125, 1.0),
        (CYCLES, 300, 0.0),
        (CYCLES, 399, 2.0),
        (CYCLES, 400, 2.0),
        (CYCLES, 10**6, 2.0),
        (ObjectiveConfig(beta=1.0, annealing="linear", annealing_steps=1), 0, 0.0),
        (ObjectiveConfig(beta=1.0, annealing="cyclical", annealing_steps=1), 1, 1.0),
    ],
)
def test_annealing_at_its_corners(config: ObjectiveConfig, step: int, expected: float) -> None:
    assert annealed(config, step) == pytest.approx(expected, abs=1e-12)


@given(
    beta=st.floats(0, 10), kind=st.sampled_from(["linear", "cyclical"]), steps=st.integers(1, 500),
    cycles=st.integers(1, 9), step=st.integers(0, 600),
)  # fmt: skip
def test_an_annealed_weight_is_between_nothing_and_beta(
    beta: float, kind: str, steps: int, cycles: int, step: int
) -> None:
    config = ObjectiveConfig(beta=beta, annealing=kind, annealing_steps=steps, cycles=cycles)
    assert 0 <= annealed(config, step) <= beta


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0.0},
        {"language_share": 0.0},
        {"language_share": 1.1},
        {"rate": -3.0},
        {"rate_start": 9.0},
        {"rate": 3.0, "rate_start": 2.0},
        {"annealing": "linear", "annealing_steps": 0},
        {"annealing": "cyclical", "annealing_steps": -1},
        {"annealing": "cyclical", "annealing_steps": 10, "cycles": 0},
        {"beta": -0.1},
        {"free_bits": -1.0},
        {"word_dropout": 1.1},
        {"code_noise": -0.1},
    ],
)
def test_settings_out_of_range_are_input_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"must be .*, got"):
        ObjectiveConfig(**wrong)


def test_a_share_of_the_codes_is_blurred_by_angles_up_to_a_right_one() -> None:
    z = torch.randn(4_000, 64, generator=torch.Generator().manual_seed(0))
    found = some_blurred(z, share=0.25, noise=Noise(_seeded(1), len(z)))
    moved = (found != z).any(dim=1)
    assert moved.float().mean() == pytest.approx(0.25, abs=0.02)
    # The mean of cos(a) over a quarter of a circle is 2 / pi, that of its square one half.
    assert torch.cosine_similarity(found, z)[moved].mean() == pytest.approx(2 / math.pi, abs=0.03)
    assert found[moved].square().mean() == pytest.approx(0.5, abs=0.03)


def test_observed_symbols_of_a_batch_reach_the_encoder(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    hidden = Batch(batch.tokens, torch.zeros_like(batch.observed), batch.row)
    losses = [objective(vae, rows, ObjectiveConfig(), beta=1.0, noise=_noise())[1].kl for rows in (batch, hidden)]
    assert (losses[0] - losses[1]).abs().max() > 1e-4
