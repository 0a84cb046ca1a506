import math

import pytest
import torch
from torch.distributions import Independent, Normal

from vaeseq.errors import InputError
from vaeseq.inversion import Inverted
from vaeseq.walks import dense, ends_of, neighbourhoods, once, prior_ends, walk


class Plain:
    """A space whose texts are its codes."""

    latent = 2

    def encode(self, texts):
        mean = torch.tensor([[float(cell) for cell in text.split()] for text in texts])
        return Independent(Normal(mean, torch.full_like(mean, 1e-3)), 1)

    def pinned(self, texts):
        return Inverted(self.encode(texts).mean, torch.ones(len(texts), dtype=torch.bool))

    def decode(self, z, *, temperature=0.0, seed=0, beams=1):
        return [f"{a:.2f} {b:.2f}" for a, b in z.tolist()]

    def prior_sample(self, count, *, seed=0):
        return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


def _ends(start, end):
    return ends_of(Plain(), [(start, end)])[0]


def test_ends_are_pinned_pair_by_pair():
    pairs = [("1.00 2.00", "3.00 4.00"), ("5.00 6.00", "7.00 8.00")]
    assert [tuple(Plain().decode(torch.stack(ends))) for ends in ends_of(Plain(), pairs)] == pairs
    assert ends_of(Plain(), []) == []


@pytest.mark.parametrize("kind", ["slerp", "lerp"])
def test_a_walk_has_its_ends_and_its_places(kind):
    points = walk(Plain(), _ends("1.00 0.00", "0.00 2.00"), steps=5, kind=kind)
    assert [t for t, _ in points] == [0, 0.25, 0.5, 0.75, 1]
    assert (points[0][1], points[-1][1]) == ("1.00 0.00", "0.00 2.00")
    assert points[2][1] == {"slerp": "1.06 1.06", "lerp": "0.50 1.00"}[kind]


class Lifted(Plain):
    """Its denser ways are the same, one higher between the ends."""

    def denser(self, way):
        return torch.cat([way[:1], way[1:-1] + torch.tensor([0.0, 1.0]), way[-1:]])


def test_a_way_through_the_density_is_the_one_that_the_space_gives():
    ends = _ends("1.00 0.00", "0.00 1.00")
    arc, lifted = walk(Plain(), ends, steps=3), walk(Lifted(), ends, steps=3, kind="density")
    assert [arc[0], arc[-1]] == [lifted[0], lifted[-1]]
    assert (arc[1][1], lifted[1][1]) == ("0.71 0.71", "0.71 1.71")
    far = {"distance": lambda a, b: 1, "apart": 0, "most": 5}
    between = dense(Lifted(), ends, lifted, kind="density", **far)
    assert between[1][1] != dense(Lifted(), ends, arc, **far)[1][1]


class Widened(Plain):
    """Says with how many beams each text was chosen."""

    def decode(self, z, *, temperature=0.0, seed=0, beams=1):
        return [str(beams)] * len(z)


@pytest.mark.parametrize(("from_texts", "widths"), [(True, ["1", "8", "8", "1"]), (False, ["8", "8", "8", "8"])])
def test_ends_that_are_texts_are_decoded_as_reconstructions(from_texts, widths):
    ends = _ends("1 0", "0 1")
    assert [text for _, text in walk(Widened(), ends, steps=4, beams=8, from_texts=from_texts)] == widths


def test_a_walk_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="antipodes"):
        walk(Plain(), _ends("1 0", "-1 0"), steps=5)
    with pytest.raises(InputError, match="steps must be at least 2"):
        walk(Plain(), _ends("1 0", "0 1"), steps=1)


class Stairs(Plain):
    """Texts that jump: the first coordinate in whole numbers, and none where a hole is."""

    def __init__(self, hole=None):
        self.decoded, self.hole = 0, hole

    def decode(self, z, *, temperature=0.0, seed=0, beams=1):
        self.decoded += len(z)
        steps = [math.floor(x + 1e-6) for x, _ in z.tolist()]
        return ["" if step == self.hole else str(step) for step in steps]


def _apart(a, b):
    return abs(int(a) - int(b))


def _stairs(space, most, *, apart=1):
    ends = torch.tensor([0.0, 1.0]), torch.tensor([8.0, 1.0])
    begun = walk(space, ends, steps=2, kind="lerp")
    return once(dense(space, ends, begun, _apart, apart=apart, most=most, kind="lerp"))


def test_points_are_put_in_until_no_neighbours_are_far_apart():
    space = Stairs()
    found = _stairs(space, 100)
    assert found == [(step / 8, str(step)) for step in range(9)]
    assert space.decoded == 9


def test_the_farthest_are_filled_first_and_no_more_than_asked_for():
    space = Stairs()
    assert _stairs(space, 4) == [(0.0, "0"), (0.25, "2"), (0.5, "4"), (1.0, "8")]
    assert space.decoded == 4
    assert _stairs(Stairs(), 100, apart=4) == [(0.0, "0"), (0.5, "4"), (1.0, "8")]
    assert _stairs(Stairs(), 2) == [(0.0, "0"), (1.0, "8")]


def test_a_jump_that_nothing_fills_ends():
    space = Stairs(hole=4)
    found = _stairs(space, 10_000)
    assert [text for _, text in found] == list("01235678")
    assert space.decoded < 2_100  # no place twice, and none nearer than the finest


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ("AABBC", [(0, "A"), (2, "B"), (4, "C")]),
        ("ABCBD", [(0, "A"), (1, "B"), (4, "D")]),
        ("ABAAC", [(0, "A"), (4, "C")]),
        ("ABCCC", [(0, "A"), (1, "B"), (4, "C")]),
        ("ACBCC", [(0, "A"), (4, "C")]),
        ("ABCDA", [(0, "A")]),
        ("A C B", [(0, "A"), (2, "C"), (4, "B")]),
        ("     ", []),
    ],
)
def test_no_text_comes_twice(texts, kept):
    begun = [(float(t), text.strip()) for t, text in enumerate(texts)]
    ends = torch.zeros(2), torch.ones(2)
    assert once(dense(Plain(), ends, begun, _apart, apart=0, most=5)) == kept


def test_ends_from_the_prior_are_its_draws():
    pairs = prior_ends(Plain(), 3, seed=4)
    torch.testing.assert_close(torch.stack([end for pair in pairs for end in pair]), Plain().prior_sample(6, seed=4))
    assert prior_ends(Plain(), 0) == []


def test_a_neighbourhood_belongs_to_its_text():
    texts = ["1.00 2.00", "3.00 4.00", "5.00 6.00"]
    found = neighbourhoods(Plain(), texts, samples=2)
    assert [its.text for its in found] == [its.mean for its in found] == texts
    for its in found:
        assert len(its.samples) == 2
        distances = (Plain().encode(its.samples).mean - Plain().encode([its.text]).mean).abs()
        assert distances.max() < 0.02
    assert neighbourhoods(Plain(), texts, samples=2) == found
