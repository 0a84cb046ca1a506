import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from vaeseq.bounds import elbo
from vaeseq.corpus import Batch, batch_of, pad
from vaeseq.groups import product, shared, swapped
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, EOS], [BOS, 7, 7, 6, 7, 5, EOS], [BOS, 6, EOS], [BOS, 5, 5, EOS], [BOS, 7, EOS]]
GROUP = torch.tensor([9, 4, 9, 7, 4, 9])  # three rows, two, and one
CONTENT, LATENT = 2, 5


class Posterior(nn.Module):
    """An encoder that is a table: one mean and one deviation for each row and dimension."""

    def __init__(self, mean: Tensor, stddev: Tensor) -> None:
        super().__init__()
        self.mean, self.stddev = nn.Parameter(mean), nn.Parameter(stddev)

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        return Independent(Normal(self.mean, self.stddev), 1)


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _table(build_vae: Callable[..., SequenceVAE]) -> SequenceVAE:
    vae = build_vae(latent=LATENT)
    mean, stddev = torch.randn(2, len(ROWS), LATENT, generator=_seeded(8))
    return SequenceVAE(Posterior(mean, stddev.exp()), vae.decoder, vae.prior, content=CONTENT)


def _batch(group: Tensor | None = GROUP) -> Batch:
    return replace(batch_of(ROWS), group=group)


gaussians = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.2, 3)), min_size=1, max_size=5)


@given(factors=gaussians, other=gaussians)
def test_a_product_of_gaussians_is_what_a_grid_normalises(
    factors: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    mean, stddev = (torch.tensor(column).unsqueeze(1) for column in zip(*factors, *other, strict=True))
    members = torch.block_diag(torch.ones(1, len(factors)), torch.ones(1, len(other)))
    found = product(mean, stddev, members)
    line = torch.linspace(-18, 18, 7_201, dtype=torch.float64)
    for i, each in enumerate((factors, other)):
        log_density = sum(-0.5 * ((line - m) / s) ** 2 for m, s in each)
        weights = log_density.softmax(dim=0)
        middle = (weights * line).sum()
        spread = (weights * (line - middle) ** 2).sum().sqrt()
        assert_close(found[0][i, 0].double(), middle, rtol=1e-5, atol=1e-5)
        assert_close(found[1][i, 0].double(), spread, rtol=1e-5, atol=1e-5)


def test_a_group_has_one_content_and_each_row_its_style(build_vae: Callable[..., SequenceVAE]) -> None:
    codes: list[Tensor] = []
    elbo(_table(build_vae), _batch(), generator=_seeded(), blur=lambda z: codes.append(z) or z)
    content, style = codes[0][:, :CONTENT], codes[0][:, CONTENT:]
    for i in range(len(ROWS)):
        for j in range(len(ROWS)):
            assert content[i].equal(content[j]) == bool(GROUP[i] == GROUP[j])
            assert not (i != j and (style[i] == style[j]).any())


@pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]])
def test_the_order_of_the_rows_and_the_names_of_the_groups_change_nothing(
    order: list[int], build_vae: Callable[..., SequenceVAE]
) -> None:
    posterior, noise = _table(build_vae).encoder(pad(ROWS)), torch.randn(len(ROWS), LATENT, generator=_seeded())
    joined, _, part = shared(posterior, noise, GROUP, CONTENT)
    mixed = Independent(Normal(posterior.mean[order], posterior.stddev[order]), 1)
    for group in (GROUP[order], torch.tensor([3, 0, 8])[(GROUP[order] - 4) // 2]):
        again, _, same_part = shared(mixed, noise[order], group, CONTENT)
        assert_close(again.mean, joined.mean[order])
        assert_close(again.stddev, joined.stddev[order])
        assert_close(same_part, part[order])


@pytest.mark.parametrize("autocast", [False, True])
def test_a_group_of_one_is_the_ordinary_model_to_the_last_bit(
    autocast: bool, build_vae: Callable[..., SequenceVAE], request: pytest.FixtureRequest
) -> None:
    if autocast:
        request.getfixturevalue("bfloat16")
    vae = build_vae(latent=LATENT)
    vae.content = CONTENT
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        alone = elbo(vae, _batch(torch.arange(len(ROWS))), generator=_seeded())
        plain, grouped = (elbo(vae, _batch(group), generator=_seeded()) for group in (None, GROUP))
        vae.content = 0
        without = elbo(vae, _batch(), generator=_seeded())
    for one in (alone, without):
        assert one.reconstruction.equal(plain.reconstruction)
        assert one.kl.equal(plain.kl)
        assert one.kl_by_dimension.equal(plain.kl_by_dimension)
    assert (grouped.kl != plain.kl)[GROUP != 7].all()
    assert grouped.kl[3] == plain.kl[3], "the one row of group 7"


def test_without_content_groups_are_nothing_to_the_bound(build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae(latent=LATENT, posterior="flow")
    grouped, plain = (elbo(vae, _batch(group), generator=_seeded()) for group in (GROUP, None))
    assert grouped.elbo.equal(plain.elbo)


def _by_hand(vae: SequenceVAE, noise: Tensor) -> dict[int, Tensor]:
    """The bound of each group, one row and one number after the other."""
    mean, stddev, bounds = vae.encoder.mean, vae.encoder.stddev, {}

    def kl(m: Tensor, s: Tensor) -> Tensor:  # Kingma and Welling (2014), appendix B
        return 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum()

    for number in GROUP.unique().tolist():
        rows = [row for row, own in enumerate(GROUP.tolist()) if own == number]
        variance = 1 / sum(1 / stddev[row, :CONTENT] ** 2 for row in rows)
        middle = variance * sum(mean[row, :CONTENT] / stddev[row, :CONTENT] ** 2 for row in rows)
        content = middle + variance.sqrt() * noise[rows[0], :CONTENT]
        total = -kl(middle, variance.sqrt())
        for row in rows:
            m, s = mean[row, CONTENT:], stddev[row, CONTENT:]
            z = torch.cat([content, m + s * noise[row, CONTENT:]])
            total = total + vae.decoder(z.unsqueeze(0)).log_prob(pad([ROWS[row]])).squeeze() - kl(m, s)
        bounds[number] = total
    return bounds


def test_the_sum_over_a_group_is_its_bound_and_so_is_the_gradient(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, noise = _table(build_vae), torch.randn(len(ROWS), LATENT, generator=_seeded(1))
    expected = _by_hand(vae, noise)
    bound = elbo(vae, _batch(), noise=noise)
    for number, total in expected.items():
        assert_close(bound.elbo[number == GROUP].sum(), total, rtol=1e-5, atol=1e-4)
    assert_close(bound.kl, bound.kl_by_dimension.sum(dim=1))
    weights = dict(vae.named_parameters())
    by_hand = torch.autograd.grad(sum(expected.values()), weights.values())
    for name, one, other in zip(weights, torch.autograd.grad(bound.elbo.sum(), weights.values()), by_hand, strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-4, msg=lambda said, name=name: f"{name}: {said}")
        assert one.abs().sum() > 0


def _hermite(mean: float, stddev: float, nodes: int = 48) -> tuple[Tensor, Tensor]:
    """Places and logarithms of the weights for a mean over N(mean, stddev)."""
    places, weights = np.polynomial.hermite.hermgauss(nodes)
    return mean + stddev * torch.tensor(2**0.5 * places), torch.tensor(np.log(weights / math.pi**0.5))


def _log_likelihood(vae: SequenceVAE, ids: list[int], content: Tensor, style: Tensor) -> Tensor:
    """log p(x | c, s) at every pair of places, ``(contents, styles)``."""
    z = torch.cartesian_prod(content.float(), style.float())
    return vae.decoder(z).log_prob(pad([ids] * len(z))).double().view(len(content), len(style))


def _kl(mean: float, stddev: float) -> float:
    return 0.5 * (mean**2 + stddev**2 - 1) - math.log(stddev)


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[:2], ROWS[:4]], ids=len)
@torch.no_grad()
def test_the_bound_of_a_group_is_below_its_joint_log_p_and_is_what_quadrature_says(
    rows: list[list[int]], build_vae: Callable[..., SequenceVAE]
) -> None:
    vae, copies, repeats, size = build_vae(latent=2, sharpness=2.0), 400, 10, len(rows)
    means = torch.tensor([[0.8, -0.5], [-0.2, 0.9], [0.6, 0.1], [-0.9, -0.4]])[:size]
    stddevs = torch.tensor([[1.1, 0.6], [0.8, 1.3], [1.5, 0.7], [0.9, 1.2]])[:size]
    encoder = Posterior(means.repeat(copies, 1), stddevs.repeat(copies, 1))
    many = SequenceVAE(encoder, vae.decoder, vae.prior, content=1)
    batch = replace(batch_of(rows * copies), group=torch.arange(size * copies) // size)
    bounds = [elbo(many, batch, generator=_seeded(seed)).elbo for seed in range(repeats)]
    samples = torch.cat(bounds).view(-1, size).sum(dim=1)
    error = samples.std() / len(samples) ** 0.5

    content, weights = _hermite(0.0, 1.0)
    inner = [torch.logsumexp(_log_likelihood(vae, ids, content, content) + weights, dim=1) for ids in rows]
    exact = torch.logsumexp(weights + sum(inner), dim=0)

    variance = 1 / (1 / stddevs[:, 0] ** 2).sum()
    middle, spread = float(variance * (means[:, 0] / stddevs[:, 0] ** 2).sum()), float(variance**0.5)
    content, of_content = _hermite(middle, spread)
    expected = -_kl(middle, spread)
    for ids, m, s in zip(rows, means[:, 1].tolist(), stddevs[:, 1].tolist(), strict=True):
        style, of_style = _hermite(m, s)
        expected += float(of_content.exp() @ _log_likelihood(vae, ids, content, style) @ of_style.exp()) - _kl(m, s)
    assert abs(samples.mean() - expected) < 5 * error
    assert exact - expected > 5 * error, "too good a posterior tells no wrong sign"


class Plain:
    """A space whose texts are its codes; a deviation may stand behind the first."""

    latent = 3

    def encode(self, texts: list[str]) -> Independent:
        numbers = torch.tensor([[float(cell) for cell in text.split()] for text in texts])
        return Independent(Normal(numbers[:, :3], torch.ones_like(numbers[:, :3]) * numbers[:, 3:]), 1)

    def decode(self, z: Tensor) -> list[str]:
        return [" ".join(f"{number:.2f}" for number in code) for code in z.tolist()]


def test_a_swap_takes_the_content_of_one_and_the_style_of_another() -> None:
    one, other, wide = "1 2 3 0.5", "-1 -2 -3 0.5", "4 5 6 1"
    assert swapped(Plain(), [[one], [other]], [other, one], content=1) == ["1.00 -2.00 -3.00", "-1.00 2.00 3.00"]
    assert swapped(Plain(), [[one], [other]], [other, one], content=2) == ["1.00 2.00 -3.00", "-1.00 -2.00 3.00"]
    # Precisions 4 and 1: (4 * 1 + 4) / 5.
    assert swapped(Plain(), [[one, wide], [wide]], [other, other], content=1) == [
        "1.60 -2.00 -3.00",
        "4.00 -2.00 -3.00",
    ]
