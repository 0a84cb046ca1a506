import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from vaeseq.corpus import pad
from vaeseq.likeness import BITS, alike, fingerprints, nearest
from vaeseq.tokenizer import BOS, EOS, PAD

TEXTS = st.lists(st.lists(st.integers(5, 40_000), max_size=9), min_size=1, max_size=4)


def _bits(tokens: torch.Tensor) -> list[int]:
    return [sum(int(byte).bit_count() for byte in row) for row in fingerprints(tokens)]


def test_a_run_is_up_to_three_symbols_that_follow_each_other() -> None:
    assert _bits(torch.tensor([[BOS], [5]])) == [1, 1]
    assert _bits(torch.tensor([[BOS, 5, 6, EOS]])) == [4 + 3 + 2]
    assert _bits(torch.tensor([[5] * 9])) == [1 + 1 + 1]


@given(texts=TEXTS, extra=st.integers(1, 5))
def test_padding_is_no_symbol(texts: list[list[int]], extra: int) -> None:
    tokens = pad([[BOS, *text, EOS] for text in texts])
    assert fingerprints(functional.pad(tokens, (0, extra), value=PAD)).equal(fingerprints(tokens))


def test_likeness_is_the_share_of_runs_that_both_have() -> None:
    one, other, neither = fingerprints(torch.tensor([[5, 6, 7], [5, 6, 8], [9, 10, 11]]))
    assert alike(one[None], one[None]).item() == 1
    assert alike(one[None], other[None]).item() == pytest.approx(3 / 9)  # 5, 6 and 5-6, of six runs each
    assert alike(one[None], neither[None]).item() == 0
    assert nearest(torch.stack([one, neither]), torch.stack([other, one])).tolist() == [1, 0]
    assert nearest(one[None], torch.zeros(0, BITS // 8, dtype=torch.uint8)).tolist() == [0]


def test_runs_of_a_large_vocabulary_are_spread_over_all_bits() -> None:
    tokens = torch.arange(5, 20_005).view(-1, 1)
    used = torch.zeros(BITS // 8, dtype=torch.uint8)
    for row in fingerprints(tokens):
        used |= row
    assert sum(int(byte).bit_count() for byte in used) > 0.99 * BITS
