import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vaeseq.commands import chunk_seed, decoded, searched
from vaeseq.console import Line
from vaeseq.errors import InputError
from vaeseq.rounds import Call
from vaeseq.seeds import mixed_seed


@pytest.mark.parametrize("given", ["1,2,3", "1", "1,2,", "1,nan", "1,2,x", "1,1e300"])
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


def test_a_cell_beside_a_code_is_marked_once() -> None:
    space = SimpleNamespace(space=SimpleNamespace(latent=1), decode=lambda z, **_: ["text"] * len(z))
    settings = {"temperature": 0.0, "top_p": 1.0, "seed": 0}
    ((row,),) = decoded(space, iter([Line("name,z_1"), Line("'-1a,0.5")]), "text", **settings)
    assert list(row["others"]) == [("name", "-1a")]


@pytest.mark.parametrize("seed", [0, 7, 2**40 + 7])
def test_every_chunk_draws_from_a_stream_of_its_own(seed: int) -> None:
    """Where torch makes a generator of the low 32 bits of a seed too, as on the CPU."""
    seeds = [chunk_seed(seed, chunk) for chunk in range(4)]
    assert seeds[0] == seed
    seeds += [mixed_seed(its, 1) for its in seeds]  # what ``LatentSpace.sample`` decodes by
    drawn = [torch.rand(3, generator=torch.Generator().manual_seed(its)).tolist() for its in seeds]
    assert len({tuple(numbers) for numbers in drawn}) == len(seeds)
