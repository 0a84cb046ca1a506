import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from vaeseq.commands import decoded, say_missed_ends, searched
from vaeseq.console import Line
from vaeseq.errors import InputError
from vaeseq.rounds import Call


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (["A", "x", "B"], []),
        (["A", "C"], ["path 7 ends at 'C': no code was found that decodes to 'B'"]),
        (["C", "B"], ["path 7 begins at 'C': no code was found that decodes to 'A'"]),
        (
            [],
            [
                "path 7 begins at '': no code was found that decodes to 'A'",
                "path 7 ends at '': no code was found that decodes to 'B'",
            ],
        ),
    ],
)
def test_an_end_that_is_missed_is_said(capsys: pytest.CaptureFixture[str], found: list[str], said: list[str]) -> None:
    say_missed_ends(7, ["A", "B"], found)
    assert capsys.readouterr().err.splitlines() == said


@pytest.mark.parametrize("given", ["1,2,3", "1", "1,2,", "1,nan", "1,2,x"])
def test_a_bare_code_has_as_many_numbers_as_the_model_has_dimensions(given: str) -> None:
    space = SimpleNamespace(space=SimpleNamespace(latent=2), decode=lambda z, **_: ["text"] * len(z))
    settings = {"temperature": 0.0, "top_p": 1.0, "seed": 0}
    (rows,) = decoded(space, iter([Line("0,1"), Line(given), Line("2,3")]), "text", **settings)
    assert [row["text"] for row in rows] == ["text", "", "text"]
    assert rows[1]["error"] == f"code must be 2 finite numbers, got {given!r}"
    with pytest.raises(InputError, match="codes must be a csv table"):
        next(decoded(space, iter([Line(given)]), "text", **settings))


def search(values: list[float], budget: int) -> list[list[dict[str, object]]]:
    calls = [Call(str(i), value, 0.0) for i, value in enumerate(values)]
    arguments = SimpleNamespace(calls=None, budget=budget)
    return list(searched(lambda: iter([calls]), arguments, "text", called="a", parts=(), model=Path()))


def test_of_more_calls_than_the_budget_so_many_are_written() -> None:
    (rows,) = search([1.0, 3.0, 2.0], 2)
    assert [(row["text"], row["best_so_far"]) for row in rows] == [("0", 1.0), ("1", 3.0)]


def test_a_search_without_any_value_is_an_error() -> None:
    with pytest.raises(InputError, match="a value for some of the 2 text asked for"):
        search([math.nan, math.inf], 2)
