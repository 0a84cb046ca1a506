import re
from itertools import pairwise

import pytest
import torch

from vaemol.constraints import all_of
from vaemol.interpolation import APART
from vaemol.molecule import parse, tanimoto
from vaemol.proposals import Asked, proposed
from vaemol.smooth import GROWTH, smooth_between, smooth_path
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError

A, B = "CC(=O)Oc1ccccc1C(=O)O", "NC1CCCC1O"
ANY = all_of([])


def _roughness(path):
    return sum((1 - tanimoto(a, b)) ** 4 for a, b in pairwise(path))


def test_a_path_begins_and_ends_where_its_codes_do(space):
    found = smooth_path(space, A, B, holds=all_of(["heavy_atoms<=0"]))
    assert found == space.decode(space.pinned([A, B]).codes)


def test_every_round_makes_a_path_smoother(space):
    roughness = [_roughness(smooth_path(space, A, B, holds=ANY, rounds=n)) for n in (0, 1, 4)]
    assert roughness[0] > roughness[1] >= roughness[2]


def test_no_molecule_of_a_path_is_much_larger_than_its_ends_or_comes_twice(space, monkeypatch):
    monkeypatch.setattr("vaemol.smooth.ROOM", 5)
    ends = space.decode(space.pinned([A, B]).codes)
    largest = max(parse(text).GetNumHeavyAtoms() for text in ends)
    found = smooth_path(space, A, B, holds=ANY)
    assert len(set(found)) == len(found) > 2
    assert all(parse(text).GetNumHeavyAtoms() <= largest + GROWTH for text in found)


def test_what_the_language_model_finds_unlikely_is_avoided(space, monkeypatch):
    found = smooth_path(space, A, B, holds=ANY, rounds=1)
    avoided = found[1]
    monkeypatch.setattr(
        "vaemol.rereadable.Rereadable.nats",
        lambda self, smiles: torch.tensor([1e9 if text == avoided else 1.0 for text in smiles]),
    )
    assert avoided not in smooth_path(space, A, B, holds=ANY, rounds=1)


@pytest.fixture
def written(space, monkeypatch):
    """A function after which the model writes two texts for the codes of two molecules."""
    decode = MoleculeSpace.decode

    def of(given, texts):
        ends = space.pinned(given).codes
        monkeypatch.setattr(
            MoleculeSpace, "decode", lambda its, z, **how: texts if z.equal(ends) else decode(its, z, **how)
        )
        return ends

    return of


def test_an_end_that_decodes_to_nothing_is_none_but_the_way_is_from_the_molecule_given(space, written):
    whole = smooth_between(space, tuple(written((A, B), [A, B])), (A, B), holds=ANY)
    assert smooth_between(space, tuple(written((A, B), [A, ""])), (A, B), holds=ANY) == [*whole[:-1], ""]
    with pytest.raises(InputError, match=re.escape(f"{B!r} decodes to no molecule")):
        smooth_path(space, A, B, holds=ANY)


def test_between_molecules_that_are_alike_others_are_sought_and_need_not_be(space, written, monkeypatch):
    alike, sought = "COC(=O)c1ccccc1OC(C)=O", []
    assert tanimoto(A, alike) > 1 - APART
    written((A, alike), [A, alike])
    monkeypatch.setattr("vaemol.smooth._sought", lambda space, gaps, *_: sought.append(gaps) or torch.zeros(1, 6))
    assert proposed(space, [A, alike], all_of(["heavy_atoms<=0"]), Asked(rounds=2)) == [A, alike]
    assert sought == [[(A, alike)]] * 2


def test_a_path_needs_two_molecules_that_the_model_tells_apart(space, monkeypatch):
    with pytest.raises(InputError, match="two different"):
        smooth_path(space, A, "O=C(C)Oc1ccccc1C(=O)O", holds=ANY)
    monkeypatch.setattr(MoleculeSpace, "decode", lambda its, z, **_: [B] * len(z))
    with pytest.raises(InputError, match=f"both decode to '{B}'"):
        smooth_path(space, A, B, holds=ANY)
    assert smooth_between(space, tuple(torch.zeros(2, 6)), (A, B), holds=ANY) == [B, B]
