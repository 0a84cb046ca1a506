from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from vaeseq.errors import InputError
from vaeseq.steady import WIDEST, chain, steady_walk


def _cost(chosen, distances, costs):
    return sum(distances[a, b] ** 2 for a, b in pairwise(chosen)) + sum(costs[i] for i in chosen[1:-1])


@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_a_chain_is_the_cheapest_of_all(count, weight):
    draw = np.random.default_rng(count)
    places = draw.normal(size=(8, 2))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    costs = weight * draw.random(8)
    every = [(0, *between, 7) for between in combinations(range(1, 7), count - 2)]
    best = min(every, key=lambda chosen: _cost(chosen, distances, costs))
    assert chain(distances, costs, count) == list(best)


def test_a_chain_of_more_than_there_are_repeats_evenly():
    distances = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    assert chain(distances, np.zeros(3), 6) == [0, 0, 1, 1, 2, 2]
    assert chain(distances[:2, :2], np.array([0.0, np.inf]), 4) == [0, 0, 1, 1]


class Line:
    """Codes on a line whose texts are whole numbers; beam search also knows of those some way off."""

    latent = 2

    def __init__(self, reach=0):
        self.reach, self.asked = reach, []

    def encode(self, texts):
        mean = torch.tensor([[float(text), 1.0] for text in texts])
        return Independent(Normal(mean, torch.full_like(mean, 1e-3)), 1)

    def decode(self, z, *, temperature=0.0, seed=0, beams=1):
        return [str(round(x)) for x, _ in z.tolist()]

    def likely(self, z, beams):
        self.asked.append(len(z))
        return [[str(round(x) + step) for step in range(-self.reach, self.reach + 1)] for x, _ in z.tolist()]


def _apart(texts):
    numbers = [int(text) for text in texts]
    return np.abs(np.subtract.outer(numbers, numbers))


def _free(texts):
    return np.zeros(len(texts))


def _walk(space, end=40.0, costs=_free, steps=5):
    ends = torch.tensor([0.0, 1.0]), torch.tensor([end, 1.0])
    return steady_walk(space, ends, _apart, costs, steps=steps, apart=1, kind="lerp", beams=4)


def test_steps_are_even_and_places_are_those_of_the_way():
    found = _walk(Line())
    assert [text for _, text in found] == ["0", "10", "20", "30", "40"]
    assert [t for t, _ in found] == pytest.approx([0, 0.25, 0.5, 0.75, 1])


class Between(Line):
    """What it says of a place on the way that it is asked about first lies far off; between two texts, halfway."""

    def likely(self, z, beams):
        first = not self.asked
        found = super().likely(z, beams)
        return [["7"] if first else its for its in found]


def test_texts_are_sought_between_neighbours_that_are_apart():
    space = Between()
    found = _walk(space)
    assert space.asked[0] == 21
    assert 1 < len(space.asked) <= 4
    assert all(asked % 2 == 0 for asked in space.asked[1:])
    numbers = [int(text) for _, text in found]
    assert max(b - a for a, b in pairwise(numbers)) < 33
    t = [t for t, _ in found]
    assert t == sorted(t)


def test_nothing_is_sought_where_all_are_near_or_nothing_changed():
    near = Line()
    _walk(near, end=4.0)
    assert near.asked == [21]
    again = Line()
    _walk(again, steps=5)
    assert len(again.asked) == 2  # what lies between was known: the same walk, and no third time


class Astray(Line):
    """At first it knows of a text far from both ends."""

    def likely(self, z, beams):
        far = [] if self.asked else ["1000"]
        return [far + its for its in super().likely(z, beams)]


def test_what_is_farther_off_than_the_walk_is_long_is_forgotten():
    seen = []

    def told(texts):
        seen.append(texts)
        return _apart(texts)

    ends = torch.tensor([0.0, 1.0]), torch.tensor([40.0, 1.0])
    steady_walk(Astray(), ends, told, _free, steps=5, apart=1, kind="lerp")
    assert "1000" in seen[0]
    assert "1000" not in seen[1]


def test_no_more_than_the_widest_gaps_are_filled():
    space = Line()
    _walk(space, end=400.0, steps=19)
    assert space.asked[1] == 2 * WIDEST


def test_what_costs_is_gone_around_and_what_is_forbidden_is_never_met():
    dear = {"10": 500.0, "20": np.inf}
    assert {"10", "20"} < {text for _, text in _walk(Line(reach=1))}
    found = _walk(Line(reach=1), costs=lambda texts: np.array([dear.get(text, 0.0) for text in texts]))
    texts = [text for _, text in found]
    assert texts[0] == "0"
    assert texts[-1] == "40"
    assert not {"10", "20"} & set(texts)


def test_no_text_comes_twice_where_there_are_enough():
    texts = [text for _, text in _walk(Line(), end=6.0, steps=7)]
    assert texts == [str(n) for n in range(7)]
    assert [text for _, text in _walk(Line(), end=3.0, steps=8)] == list("00112233")


def test_a_walk_from_a_text_to_itself_stays():
    assert _walk(Line(), end=0.2, steps=3) == [(0.0, "0"), (0.5, "0"), (1.0, "0")]


def test_two_points_are_the_ends_and_nothing_is_sought():
    space = Line()
    assert _walk(space, steps=2) == [(0.0, "0"), (1.0, "40")]
    assert not space.asked


def test_a_walk_of_one_point_is_refused():
    with pytest.raises(InputError, match="steps must be at least 2"):
        _walk(Line(), steps=1)
