import numpy as np
import pytest

from pipelines import seen
from pipelines.seen import Seen


@pytest.mark.parametrize("most", [1, 2, 5, 1_000])
def test_a_text_is_new_once(most: int) -> None:
    texts = [str(i) for i in np.random.default_rng(0).integers(0, most, 5 * most)]
    known, before = Seen(most), set()
    for text in texts:
        assert known.again(text) == (text in before)
        before.add(text)


def test_texts_that_want_the_same_place_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Digest:
        def __init__(self, text: bytes, digest_size: int) -> None:
            self.bytes = int(text).to_bytes(digest_size, "big")

        def digest(self) -> bytes:
            return self.bytes

    monkeypatch.setattr(seen.hashlib, "blake2b", Digest)
    known = Seen(5)  # eight places
    keys = ["7", "15", "23", "8", "16"]
    assert [known.again(key) for key in keys * 2] == [False] * 5 + [True] * 5
