from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import DataStructs

from vaemol.chains import smoothest
from vaemol.molecule import fingerprint, parse

START, END = "CCOC(=O)c1ccccc1", "CCNC(=O)c1ccncc1"
BETWEEN = ("CCOC(=O)c1ccncc1", "CCNC(=O)c1ccccc1", "CNC(=O)c1ccncc1", "COC(=O)c1ccccc1", "CCCC", "CCOC(=O)C1CC1")


def _alike(texts):
    bits = [fingerprint(parse(text)) for text in texts]
    return np.array([DataStructs.BulkTanimotoSimilarity(its, bits) for its in bits])


def _cost(way, alike, costs, power):
    return sum((1 - alike[a, b]) ** power for a, b in pairwise(way)) + sum(costs[i] for i in way[1:-1])


def _leads_on(way, alike):
    progress = alike[1] - alike[0]
    return all(progress[a] < progress[b] for a, b in pairwise(way))


@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("costs", [[0.0] * 7, [np.inf, np.inf, 0.05, 0.0, 0.01, 0.02, 0.0]])
def test_no_other_chain_is_smoother(power, costs):
    alike, costs = _alike([START, END, *BETWEEN[:5]]), np.array(costs)
    ways = [[0, *some, 1] for n in range(6) for some in permutations(range(2, 7), n)]
    best = min(_cost(way, alike, costs, power) for way in ways if _leads_on(way, alike))
    found = smoothest(alike, costs, power=power)
    assert _leads_on(found, alike)
    assert _cost(found, alike, costs, power) == pytest.approx(best)


@given(order=st.permutations(range(6)), count=st.integers(0, 6))
def test_a_chain_is_of_the_same_molecules_whatever_their_order(order, count):
    texts = [START, END, *BETWEEN[:count]]
    shuffled = [START, END, *(BETWEEN[i] for i in order if i < count)]
    one, other = ([some[i] for i in smoothest(_alike(some), np.zeros(len(some)))] for some in (texts, shuffled))
    assert one == other
    assert (one[0], one[-1]) == (START, END)
    assert len(set(one)) == len(one)


def test_a_molecule_that_costs_much_is_gone_around():
    alike, costs = _alike([START, END, *BETWEEN]), np.zeros(8)
    way = smoothest(alike, costs)
    costs[way[1]] = np.inf
    assert way[1] not in smoothest(alike, costs)
    costs[2:] = np.inf
    assert smoothest(alike, costs) == [0, 1]
