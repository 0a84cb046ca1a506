"""Several objectives at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaeseq.errors import InputError
from vaeseq.fronts import Weighed, as_one, beaten_share, on_front
from vaeseq.rounds import Call, SearchConfig, searched

VALUES = arrays(np.float64, st.tuples(st.integers(0, 12), st.integers(1, 3)), elements=st.integers(-3, 3).map(float))


@settings(deadline=None)
@given(values=VALUES)
def test_the_front_is_what_no_other_row_beats(values: np.ndarray) -> None:
    found = on_front(values)
    for i, row in enumerate(values):
        beaten = any((other >= row).all() and (other > row).any() for other in values)
        assert found[i] == (not beaten)
    assert found.any() == bool(len(values))


def test_a_row_without_a_value_is_not_on_the_front_and_beats_none() -> None:
    values = np.array([[1.0, math.nan], [0.0, 0.0], [math.inf, -1.0], [0.5, 0.5]])
    assert on_front(values).tolist() == [False, False, False, True]


def test_the_share_of_a_front_that_others_beat() -> None:
    values = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [0.0, 0.0], [4.0, 0.0]])  # the fourth is not on the front
    assert beaten_share(values, by=np.array([[2.0, 2.5], [1.0, 3.0], [9.0, math.nan]])) == 1 / 4, "equals beat nothing"
    assert beaten_share(values, by=np.array([[9.0, 9.0]])) == 1
    assert math.isnan(beaten_share(values[:0], by=values))


def calls(*parts: tuple[float, ...]) -> list[Call]:
    return [Call(str(i), math.nan, 0.0, its) for i, its in enumerate(parts)]


def test_one_value_is_the_weighed_worst_of_values_between_0_and_1() -> None:
    found = as_one(calls((0, 10), (1, 20), (2, 40), (math.nan, 50)), np.array([0.5, 0.5]))
    lacks = np.array([[1, 1], [0.5, 2 / 3], [0, 0]]) / 2
    assert [call.value for call in found[:3]] == pytest.approx((-lacks.max(axis=1) - 0.05 * lacks.sum(axis=1)).tolist())
    assert math.isnan(found[3].value)
    assert all(math.isnan(call.value) for call in as_one(calls((math.nan, 1)), np.ones(2) / 2))
    assert as_one(calls((1, 1), (1, 2)), np.ones(2) / 2)[1].value == 0, "an objective that never differs says nothing"


@pytest.mark.parametrize(("weights", "best"), [((1, 0), 0), ((0.9, 0.1), 1), ((0.5, 0.5), 2), ((0, 1), 4)])
def test_the_heavier_an_objective_the_less_of_it_may_lack(weights: tuple[float, float], best: int) -> None:
    quarter = [(math.cos(angle), math.sin(angle)) for angle in np.linspace(0, math.pi / 2, 5)]
    values = [call.value for call in as_one(calls(*quarter), np.array(weights))]
    assert int(np.argmax(values)) == best


POINTS = [f"{x:.2f} {y:.2f}" for x in np.linspace(0, 1, 21) for y in np.linspace(0, 1, 21) if x * x + y * y <= 1]


def corners(texts: list[str]) -> np.ndarray:
    return np.array([[float(cell) for cell in text.split()] for text in texts])


def neighbours(calls: list[Call], count: int) -> list[str]:
    """Of what was not asked for, the nearest to the call of the highest value."""
    left = [text for text in POINTS if text not in {call.text for call in calls}]
    valued = [call for call in calls if math.isfinite(call.value)]
    if not valued:
        return left[:count]
    best = corners([max(valued, key=lambda call: call.value).text])[0]
    return sorted(left, key=lambda text: np.square(corners([text])[0] - best).sum())[:count]


def test_a_search_of_a_front_comes_to_all_of_it_and_goes_on_where_it_was() -> None:
    config = SearchConfig(budget=160, initial=10, batch=5)
    made = [call for batch in searched(Weighed(neighbours, 0), corners, config) for call in batch]
    assert len(made) == len({call.text for call in made}) == 160
    assert all(math.isnan(call.value) and len(call.parts) == 2 for call in made)
    front = corners(
        [call.text for call, best in zip(made, on_front(np.array([c.parts for c in made])), strict=True) if best]
    )
    assert front[:, 0].max() > 0.85
    assert front[:, 1].max() > 0.9
    assert (front.min(axis=1) > 0.55).any(), "its middle too"
    rest = [call for batch in searched(Weighed(neighbours, 0), corners, config, calls=made[:83]) for call in batch]
    assert [call.text for call in rest] == [call.text for call in made[83:]]


def test_answers_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"one number per text, got shape \(50, 2, 1\)"):
        next(searched(neighbours, lambda texts: corners(texts)[:, :, None], SearchConfig()))
