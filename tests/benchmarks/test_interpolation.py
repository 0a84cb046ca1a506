"""The benchmark of paths goes on where it was."""

import pytest

from benchmarks.interpolation import walked
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
