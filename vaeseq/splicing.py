"""Rows made of the beginning of one and the end of another.

A model that reads and writes some thousands of rows again and again learns them by heart, and gives back few that it
has not seen. Of spliced ones it never sees any twice. They are no texts of the data, so a language model learns from
the rows as they were.
"""

from dataclasses import replace

import torch

from vaeseq.corpus import Batch
from vaeseq.tokenizer import PAD


def spliced(batch: Batch, *, share: float, generator: torch.Generator | None) -> Batch:
    """The batch, each row with the chance ``share`` of ending as another one does, from some symbol on.

    At most all symbols of the shorter of the two are kept before the other goes on, and at least none. What is known of
    such a row's properties is not true of it any more: they are unknown.

    Args:
        batch: Whole, before processes share it.
        share: Of the rows.
        generator: Source of what is spliced with what and where, on the batch's device.

    References:
        Guo, Kim and Rush (2020), Sequence-Level Mixed Sample Data Augmentation (of pairs, softly and everywhere),
        https://arxiv.org/abs/2011.09039
    """
    tokens, device = batch.tokens, batch.tokens.device
    rows, length = tokens.shape
    other = torch.randperm(rows, generator=generator, device=device)
    chance, place = torch.rand(rows, 2, generator=generator, device=device).split(1, dim=1)
    ends = (tokens != PAD).sum(dim=1, keepdim=True) - 1
    cut = 1 + (place * torch.minimum(ends, ends[other])).long()
    changed = chance < share
    own = (torch.arange(length, device=device) < cut) | ~changed
    return replace(
        batch,
        tokens=torch.where(own, tokens, tokens[other]),
        observed=torch.where(own, batch.observed, batch.observed[other]),
        targets=None if batch.targets is None else batch.targets.masked_fill(changed, torch.nan),
        plain=tokens,
    )
