"""Names that MLflow accepts."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.outputs import _call_points, metric_name

ACCEPTED = re.compile(r"[\w\-. :/]{1,250}", re.ASCII)


@pytest.mark.parametrize("name", ["train/elbo", "min:sa_score/structural/best_so_far/seed_0", "data.rows", "a b/" * 60])
def test_a_name_that_is_accepted_stays(name: str) -> None:
    assert metric_name(name) == name


@given(st.sets(st.text("aC=#/_", min_size=1, max_size=6) | st.text("aC=#/_", min_size=250), min_size=2))
def test_other_names_stay_other_names(names: set[str]) -> None:
    found = {metric_name(name) for name in names}
    assert len(found) == len(names)
    assert all(ACCEPTED.fullmatch(name) for name in found)


def test_the_end_of_a_name_says_what_is_measured() -> None:
    assert re.fullmatch(r"smarts:C_O_[0-9a-f]{8}/seconds", metric_name("smarts:C=O/seconds"))


def test_searches_for_two_patterns_are_two_curves(tmp_path: Path) -> None:
    rows = [f"smarts:C{bond}O,genetic,0,1,{value}" for bond, value in (("=", 0.5), ("#", 0.25))]
    table = ["objective,method,seed,call,best_so_far", *rows, ""]
    (tmp_path / "calls.csv").write_text("\n".join(table), encoding="utf-8")
    points = list(_call_points(tmp_path / "calls.csv", 0))
    assert [point.value for point in points] == [0.5, 0.25]
    assert len({(point.name, point.step) for point in points}) == 2
