"""How like a text is to others: fingerprints of the runs of symbols that texts hold, of molecules and sentences alike.

A run is one symbol or up to three that follow each other. As with fingerprints of molecules, each sets one of so many
bits, and two texts are as alike as the share of their bits that both have (Tanimoto). Of the symbols of molecules such
fingerprints tell what is foreign to a set about as well as circular ones (LOG.md).
"""

import torch
from torch import Tensor

from vaeseq.tokenizer import PAD

BITS, LONGEST = 2_048, 3
_FACTORS = 1_000_003, 998_244_353, 805_306_457  # odd and large, one for each place of a run
_ROWS = 256  # compared at once with all others


def fingerprints(tokens: Tensor) -> Tensor:
    """Of texts ``(batch, length)``, eight bits to a byte: ``(batch, BITS / 8)``, uint8."""
    bits = torch.zeros(len(tokens), BITS + 1, dtype=torch.uint8, device=tokens.device)
    for length in range(1, min(LONGEST, tokens.shape[1]) + 1):
        runs = tokens.long().unfold(1, length, 1)
        mixed = (runs * runs.new_tensor(_FACTORS[:length])).sum(dim=2) + length
        place = (mixed ^ (mixed >> 15)) % BITS
        bits.scatter_(1, place.masked_fill((runs == PAD).any(dim=2), BITS), 1)
    powers = bits.new_tensor([1 << i for i in range(8)])
    return (bits[:, :BITS].unflatten(1, (-1, 8)) * powers).sum(dim=2, dtype=torch.uint8)


def alike(one: Tensor, other: Tensor) -> Tensor:
    """Tanimoto similarities of fingerprints ``(rows, bytes)`` to ``(others, bytes)``: ``(rows, others)``."""
    mine, theirs = _unpacked(one), _unpacked(other)
    both = mine @ theirs.T
    return both / (mine.sum(dim=1, keepdim=True) + theirs.sum(dim=1) - both).clamp(min=1)


def nearest(one: Tensor, other: Tensor) -> Tensor:
    """Similarity of each to the one of the others that is most like it, ``(rows,)``; 0 where there are none."""
    if not len(other):
        return torch.zeros(len(one), device=one.device)
    return torch.cat([alike(some, other).amax(dim=1) for some in one.split(_ROWS)])


def _unpacked(packed: Tensor) -> Tensor:
    shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)
    return ((packed.unsqueeze(2) >> shifts) & 1).flatten(1).float()
