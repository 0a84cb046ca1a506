"""Ways through a density, and means of several codes."""

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.testing import assert_close

from vaeseq.paths import along, lifted, mixed, path, slerp

HILLS = MixtureSameFamily(
    Categorical(torch.ones(3)),
    Independent(Normal(torch.tensor([[-2.0, 0], [0, 2], [2, 0]]), torch.full((3, 2), 0.6)), 1),
)
ENDS = torch.tensor([-2.0, 0]), torch.tensor([2.0, 0])


def test_a_lifted_way_goes_around_a_hole_and_keeps_its_ends():
    straight = path(*ENDS, 33, "lerp") + torch.tensor([0, 1e-3])  # off the axis of symmetry
    straight[[0, -1]] = torch.stack(ENDS)
    way = lifted(straight, HILLS.log_prob)
    assert_close(way[[0, -1]], torch.stack(ENDS), rtol=0, atol=0)
    assert HILLS.log_prob(way).min() > HILLS.log_prob(straight).min() + 1
    gaps = (way[1:] - way[:-1]).norm(dim=1)
    assert_close(gaps, gaps.mean().expand(32), rtol=0.1, atol=0)


def test_a_way_that_is_likely_everywhere_stays_as_it_is():
    way = path(*ENDS, 33, "lerp")
    assert lifted(way, _standard) is way


def test_a_way_from_a_code_to_itself_stays_as_it_is():
    way = torch.ones(5, 2)
    assert lifted(way, lambda codes: torch.arange(len(codes)) % 2 + 0 * codes.sum(dim=1)) is way


def _standard(codes):
    return Normal(0, 1).log_prob(codes).sum(dim=1)


def test_places_along_knots():
    knots = torch.tensor([[0.0, 0], [1, 0], [1, 2]])
    found = along(knots, torch.tensor([0.0, 0.25, 0.5, 0.75, 1]))
    assert_close(found, torch.tensor([[0.0, 0], [0.5, 0], [1, 0], [1, 1], [1, 2]]))


def test_the_mean_of_two_is_on_their_arc():
    a, b = torch.tensor([3.0, 0, 0]), torch.tensor([0, 1.0, 0])
    middle = mixed(torch.stack([a, b]), torch.tensor([[0.5, 0.5]]))
    assert_close(middle, slerp(a, b, torch.tensor([0.5])))


def test_a_mean_keeps_norms_and_has_no_order():
    codes = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    found = mixed(codes, weights)
    assert_close(found.norm(dim=1), weights @ codes.norm(dim=1))
    assert_close(found[1], codes[0])
    assert_close(mixed(codes.flip(0), weights.flip(1)), found)


@pytest.mark.parametrize("codes", [[[0.0, 0], [1, 0]], [[1.0, 0], [-1, 0]]])
def test_codes_that_have_no_mean_are_refused(codes):
    with pytest.raises(ValueError, match="cancel"):
        mixed(torch.tensor(codes), torch.tensor([[0.5, 0.5]]))
