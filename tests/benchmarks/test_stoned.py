from itertools import pairwise

import pytest

from benchmarks.stoned import stoned_path
from vaemol.molecule import canonical, parse

ASPIRIN, PYRIDINE = "CC(=O)Oc1ccccc1C(=O)O", "c1ccncc1"


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("pair", [(ASPIRIN, PYRIDINE), (PYRIDINE, ASPIRIN)])
def test_a_path_joins_its_ends_by_molecules(pair, seed):
    path = stoned_path(*pair, seed=seed)
    assert (path[0], path[-1]) == pair
    assert all(text == canonical(parse(text)) for text in path)
    assert all(a != b for a, b in pairwise(path))


def test_the_order_is_drawn():
    assert stoned_path(ASPIRIN, PYRIDINE, seed=0) != stoned_path(ASPIRIN, PYRIDINE, seed=1)
    assert stoned_path(ASPIRIN, ASPIRIN) == [ASPIRIN]
