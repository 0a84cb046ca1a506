import numpy as np
import pytest

from vaemol import oracles
from vaemol.molecule import tanimoto
from vaemol.optimization import METHODS, nearest_similarity
from vaeseq.rounds import SearchConfig

SMALL = SearchConfig(budget=20, initial=8, batch=4, candidates=24)


@pytest.mark.parametrize("method", METHODS)
def test_molecules_are_paid_for_once_and_can_be_read_again(space, method):
    calls = [call for batch in METHODS[method](space, oracles.qed, SMALL) for call in batch]
    smiles = [call.text for call in calls]
    assert len(set(smiles)) == len(smiles) == SMALL.budget
    np.testing.assert_array_equal([call.value for call in calls], oracles.qed(smiles))
    assert len(space.texts(smiles)) == len(smiles)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_search_goes_on(space, method):
    whole = [call for batch in METHODS[method](space, oracles.qed, SMALL) for call in batch]
    rest = [call for batch in METHODS[method](space, oracles.qed, SMALL, calls=whole[:13]) for call in batch]
    assert [call[:2] for call in rest] == [call[:2] for call in whole[13:]]


def test_the_nearest_known_molecule():
    known = ["CCCO", "c1ccccc1", "nonsense"]
    assert nearest_similarity(["CCO", "c1ccccc1"], known) == [tanimoto("CCO", "CCCO"), 1.0]
    assert nearest_similarity(["CCO"], []) == [0.0]
