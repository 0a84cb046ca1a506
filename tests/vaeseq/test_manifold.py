import pytest
import torch
from torch.distributions import Normal

from vaeseq.errors import InputError
from vaeseq.manifold import grid


@pytest.mark.parametrize("side", [1, 2, 5, 10])
def test_probabilities_are_even_and_the_lines_are_those_of_a_map(side: int) -> None:
    across, up = Normal(0.0, 1.0).cdf(grid(side)).view(side, side, 2).unbind(dim=2)
    middles = (torch.arange(side) + 0.5) / side
    torch.testing.assert_close(across, middles.expand(side, -1))
    torch.testing.assert_close(up, middles.flip(0).unsqueeze(1).expand(-1, side))


@pytest.mark.parametrize("side", [1, 4, 7])
def test_half_a_turn_of_the_grid_is_its_mirror_at_the_origin(side: int) -> None:
    torch.testing.assert_close(grid(side).flip(0), -grid(side))


def test_every_cell_is_as_likely_as_any_other() -> None:
    codes, side = grid(4), 4
    draws = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0))
    cell = (Normal(0.0, 1.0).cdf(draws) * side).long().clamp(max=side - 1)
    fallen = torch.bincount((side - 1 - cell[:, 1]) * side + cell[:, 0], minlength=side * side)
    torch.testing.assert_close(fallen / len(draws), torch.full((16,), 1 / 16), atol=0.006, rtol=0)
    # Each code lies in the cell of its own number.
    own = (Normal(0.0, 1.0).cdf(codes) * side).long()
    assert ((side - 1 - own[:, 1]) * side + own[:, 0]).tolist() == list(range(16))


@pytest.mark.parametrize("side", [0, -3])
def test_a_grid_has_a_side(side: int) -> None:
    with pytest.raises(InputError, match=f"side must be at least 1, got {side}"):
        grid(side)
