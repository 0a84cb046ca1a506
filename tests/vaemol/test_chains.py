from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaemol.chains import chain
from vaemol.molecule import tanimoto

START, END = "CCOC(=O)c1ccccc1", "CCNC(=O)c1ccncc1"
BETWEEN = ("CCOC(=O)c1ccncc1", "CCNC(=O)c1ccccc1", "CNC(=O)c1ccncc1", "COC(=O)c1ccccc1", "CCCC", "CCOC(=O)C1CC1")


def _cost(way, power):
    return sum((1 - tanimoto(a, b)) ** power for a, b in pairwise(way))


def _leads_on(way):
    progress = [tanimoto(text, END) - tanimoto(text, START) for text in way]
    return all(a < b for a, b in pairwise(progress))


@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_no_other_chain_is_smoother(power):
    ways = [[START, *some, END] for n in range(5) for some in permutations(BETWEEN[:5], n)]
    best = min(_cost(way, power) for way in ways if _leads_on(way))
    found = chain(BETWEEN[:5], START, END, power=power)
    assert _leads_on(found)
    assert _cost(found, power) == pytest.approx(best)


@given(candidates=st.lists(st.sampled_from([*BETWEEN, START, END]), max_size=12))
def test_a_chain_has_its_ends_and_nothing_twice_whatever_the_order(candidates):
    found = chain(candidates, START, END)
    assert (found[0], found[-1]) == (START, END)
    assert len(set(found)) == len(found)
    assert found == chain(sorted(candidates), START, END)


def test_without_candidates_there_are_the_ends():
    assert chain([], START, END) == [START, END]
    assert chain(BETWEEN, START, START) == [START, START]
