from itertools import pairwise

import pytest
import torch

from vaemol.constraints import all_of
from vaemol.molecule import parse, tanimoto
from vaemol.smooth import GROWTH, smooth_path
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


def test_a_path_needs_two_molecules(space):
    with pytest.raises(InputError, match="two different"):
        smooth_path(space, A, "O=C(C)Oc1ccccc1C(=O)O", holds=ANY)
