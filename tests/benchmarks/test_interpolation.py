"""The benchmark of paths is of the pairs and ways that it names, and goes on where it was."""

import pytest

from benchmarks.interpolation import pairs, walked, ways
from vaemol.molecule import canonical, parse, tanimoto
from vaemol.shipped import MODEL
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError

PAIRS = [("C", "N"), ("C", "O"), ("N", "O")]


def test_paths_that_are_kept_are_not_made_again(tmp_path):
    asked = []

    def way(pair):
        asked.append(pair)
        if pair == PAIRS[1]:
            raise InputError("it cannot be read")
        return [pair[0], "CN", pair[1]]

    kept = tmp_path / "assisted.json"
    found = walked(way, PAIRS, kept)
    assert found == [["C", "CN", "N"], [""], ["N", "CN", "O"]]
    assert (walked(way, PAIRS, kept), asked) == (found, PAIRS)
    kept.write_text(kept.read_text()[:-3])
    assert walked(way, PAIRS, kept) == found
    assert asked == [*PAIRS, PAIRS[2]]


def test_what_a_killed_run_has_made_is_there(tmp_path):
    def killed(pair):
        if pair == PAIRS[1]:
            raise KeyboardInterrupt
        return [*pair]

    with pytest.raises(KeyboardInterrupt):
        walked(killed, PAIRS, tmp_path / "pure.json")
    assert walked(lambda pair: [pair[1]], PAIRS, tmp_path / "pure.json") == [["C", "N"], ["O"], ["O"]]


def test_pairs_are_unlike_molecules_of_the_scaffold_test_set_at_random(monkeypatch):
    asked, smiles = [], ["CCO", "OCC", "no molecule", "c1ccccc1O", "CC(N)C(=O)O", "Oc1ccccc1", "C1CCNCC1", "CCCCCl"] * 4
    monkeypatch.setattr("benchmarks.interpolation.smiles_in", lambda name: asked.append(name) or smiles)
    found = list(pairs(5))
    assert found == list(pairs(5)) != list(pairs(6))[1:]
    assert asked[0] == "test_scaffolds.csv.gz"
    assert all(tanimoto(*pair) <= 0.3 and pair == tuple(canonical(parse(text)) for text in pair) for pair in found)
    in_order = [tuple(canonical(parse(text)) for text in pair if parse(text)) for pair in batches(smiles)]
    assert not set(found) <= set(in_order)


def test_filled_ways_have_ends_as_decoded_and_between_them_what_passes(tmp_path, monkeypatch):
    (tmp_path / "patterns.txt").write_text("[#7]\n")
    monkeypatch.setattr("benchmarks.interpolation.OUT", tmp_path)
    pair = "CC(=O)Nc1ccc(O)cc1", "CC(=O)Oc1ccccc1C(=O)O"
    of = ways(MoleculeSpace.load(MODEL.folder))
    pure, filled = of["pure"](pair), of["filled"](pair)
    assert len(pure) == 11
    assert (filled[0], filled[-1]) == (pure[0], pure[-1]) == pair
    assert "N" in filled[0]
    assert 0 < len(filled[1:-1]) <= 38
    assert not any("N" in text.upper() for text in filled[1:-1])
    assert any("N" in text.upper() for text in pure[1:-1])


def batches(smiles):
    return zip(smiles[::2], smiles[1::2], strict=True)
