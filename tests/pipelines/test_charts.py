import re

import pytest

from pipelines.charts import Series, lines, scatter, ticks


def test_ticks_are_round_and_inside():
    assert ticks(0.13, 0.92, 5) == [0.2, 0.4, 0.6, 0.8]
    assert ticks(-62, 3, 5) == [-60, -40, -20, 0]


def test_a_higher_value_is_drawn_higher():
    chart = lines("a", [Series("s", [0, 1], [1.0, 2.0], "c0")], x_label="steps")
    (first, second) = re.search(r'class="line c0" d="M[\d.]+ ([\d.]+)L[\d.]+ ([\d.]+)"', chart.svg).groups()
    assert float(second) < float(first)


@pytest.mark.parametrize("y", [[1.0], [2.0, 2.0], [0.0, 1e9]])
def test_every_finite_series_can_be_drawn(y):
    series = [Series("<s>", list(range(len(y))), y, "c0")]
    assert "nan" not in lines("<a>", series, x_label="<b>", reference=("r", 0.0)).svg
    assert "<b>" not in lines("<a>", series, x_label="<b>").svg
    assert "nan" not in scatter("a", series).svg


def test_a_curve_that_wavers_in_its_last_digits_is_level():
    svg = lines("a", [Series("s", [0, 1], [6.907752, 6.907758], "c0")], x_label="x").svg
    assert {"6", "6.5", "7", "7.5"} <= set(re.findall(r">([\d.]+)</text>", svg))
