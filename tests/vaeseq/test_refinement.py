from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence
from torch.testing import assert_close

from vaeseq.corpus import Batch, Corpus, batch_of
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.priors import StandardNormalPrior
from vaeseq.refinement import amortisation_gap, gap_by_row, refined
from vaeseq.tokenizer import BOS, EOS

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, 7, EOS], [BOS, 6, 6, 5, 7, EOS]]
SIGMA = 0.5


class Linear:
    """p(x | z) = N(x; a z, s^2) for numbers x: then p(z | x) is a Gaussian that is known."""

    slope = torch.tensor([2.0, 0.5])

    def __init__(self, z: Tensor) -> None:
        self.mean = self.slope * z

    @staticmethod
    def given(x: Tensor) -> Tensor:
        return x[:, :0]

    def log_prob(self, x: Tensor, *, given: Tensor) -> Tensor:
        return Independent(Normal(self.mean, SIGMA), 1).log_prob(x)


def _known() -> tuple[SequenceVAE, Batch, Independent]:
    """A linear model, numbers to refine for, and their exact posterior."""
    x = torch.tensor([[1.0, -1.0], [4.0, 0.3], [-2.0, 1.0]])
    wrong = Independent(Normal(torch.full((3, 2), 0.4), torch.full((3, 2), 0.9)), 1)
    vae = SequenceVAE(lambda *_: wrong, Linear, StandardNormalPrior(2))
    precision = 1 + Linear.slope**2 / SIGMA**2
    exact = Independent(Normal(Linear.slope * x / SIGMA**2 / precision, precision.rsqrt().expand(3, 2)), 1)
    return vae, Batch(x, torch.ones(3, 2, dtype=torch.bool), torch.arange(3)), exact


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_finds_the_posterior_where_that_is_a_gaussian() -> None:
    vae, batch, exact = _known()
    found = refined(vae, batch, steps=2_000, generator=_seeded())
    assert (kl_divergence(found.base_dist, exact.base_dist).sum(dim=1) < 0.02).all()


def test_the_gap_is_the_divergence_from_the_exact_posterior() -> None:
    vae, batch, exact = _known()
    rise = amortisation_gap(vae, batch, steps=2_000, draws=4_000, generator=_seeded())
    expected = kl_divergence(vae.encoder().base_dist, exact.base_dist).sum(dim=1)
    assert_close(rise, expected, rtol=0.05, atol=0.1)


def test_without_a_step_nothing_changes(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(), batch_of(ROWS)
    found = refined(vae, batch, steps=0, generator=_seeded())
    assert_close((found.mean, found.stddev), (vae.encoder(batch.tokens).mean, vae.encoder(batch.tokens).stddev))
    assert_close(amortisation_gap(vae, batch, steps=0, generator=_seeded()), torch.zeros(3))


def test_steps_raise_the_bound_and_leave_the_model_alone(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(sharpness=3.0), batch_of(ROWS)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    rise = amortisation_gap(vae, batch, steps=200, draws=500, generator=_seeded())
    assert (rise > 0.01).all()
    assert all(value.equal(before[name]) for name, value in vae.state_dict().items())
    assert all(weight.grad is None for weight in vae.parameters())


def test_the_gap_of_rows_is_that_of_their_batch(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(sharpness=3.0).train(), build_corpus(train=5, valid=1, vocabulary=8)
    found = gap_by_row(vae, corpus, corpus.rows("train"), seed=3)
    (order,) = corpus.in_order(corpus.rows("train"), 5)
    batch = corpus.batch(order, torch.device("cpu"))
    assert_close(found, amortisation_gap(vae.eval(), batch, generator=_seeded(3)))


def test_a_flow_is_not_refined(build_vae: Callable[..., SequenceVAE]) -> None:
    with pytest.raises(InputError, match="must be a Gaussian, got FlowPosterior"):
        refined(build_vae(posterior="flow"), batch_of(ROWS), generator=_seeded())
