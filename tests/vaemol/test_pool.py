import numpy as np
import pytest

from vaemol.pool import AT_ONCE, PoolTexts
from vaeseq.errors import InputError


def test_a_pool_is_canonical_shuffled_and_never_twice():
    pool = PoolTexts(["OCC", "CCO", "nonsense", "CCN", "C", "CC"], 0)
    assert sorted(pool.new(9, set())) == ["C", "CC", "CCN", "CCO"]
    assert pool.new(2, {"C"}) == [text for text in pool.new(9, set()) if text != "C"][:2]
    assert pool.new(-1, set()) == []
    assert pool.new(9, set()) != PoolTexts(["OCC", "CCN", "C", "CC"], 2).new(9, set())


def test_of_a_large_pool_only_what_is_needed_is_read():
    asked = []

    def admits(smiles):
        asked.extend(smiles)
        return np.array([len(each) % 2 == 0 for each in smiles])

    pool = PoolTexts(["C" * length for length in range(1, 3 * AT_ONCE + 1)], 0, admits)
    few = pool.first(5)
    assert len(asked) == AT_ONCE
    assert all(len(smiles) % 2 == 0 for smiles in few)
    more = pool.new(AT_ONCE // 2, {*few})
    assert AT_ONCE < len(asked) <= 3 * AT_ONCE
    assert len({*few, *more}) == AT_ONCE // 2 + 5
    assert pool.new(5, set()) == few
    assert len(pool.new(9 * AT_ONCE, set())) == 3 * AT_ONCE // 2  # and no more are there


@pytest.mark.parametrize(("smiles", "says"), [("nonsense", "readable"), ("CCO", "required")])
def test_what_is_of_no_use_is_counted(capsys, smiles, says):
    def admits(each):
        return np.array([text != "CCO" for text in each], bool)

    with pytest.raises(InputError, match=says):
        PoolTexts([smiles], 0, admits).first(1)
    PoolTexts([smiles] * 3 + ["C"], 0, admits).first(2)
    counts = "3 are no readable SMILES, and 0" if says == "readable" else "0 are no readable SMILES, and 1"
    assert f"of 4 molecules to start with {counts} do not hold" in capsys.readouterr().err


def test_a_lead_comes_first_even_if_it_is_not_admitted(capsys):
    pool = PoolTexts(["CC", "CCO", "CN"], 0, lambda each: np.array([text != "CCO" for text in each]), lead="CCO")
    assert pool.first(3)[0] == "CCO"
    assert sorted(pool.first(9)) == ["CC", "CCO", "CN"]
    err = capsys.readouterr().err
    assert "the search only starts with it" in err
    assert "do not hold what is required\n" not in err
