"""Rows made of the beginning of one and the end of another.

A model that reads and writes some thousands of rows again and again learns them by heart, and gives back few that it
has not seen. Of spliced ones it never sees any twice. They are no texts of the data, so a language model learns from
the rows as they were.
"""

from dataclasses import replace

import torch
from torch import Tensor

from vaeseq.corpus import Batch
from vaeseq.tokenizer import PAD


def spliced(batch: Batch, *, share: float, generator: torch.Generator | None) -> Batch:
    """The batch, each row with the chance ``share`` of being the beginning of itself and then the end of another.

    Long beginnings and long ends are drawn more often (a share of the row is the root of an even draw), so that such a
    row is a third longer than others on average: long texts are rare, and what a model gives back least (LOG.md). It
    has a symbol at least. What is known of such a row's properties is not true of it any more: they are unknown.
    A rate that is asked for is that of the rows as they are learnt from: those of the data carry fewer nats (LOG.md).

    Args:
        batch: Whole, before processes share it.
        share: Of the rows.
        generator: Source of what is spliced with what and where, on the batch's device.

    References:
        Guo, Kim and Rush (2020), Sequence-Level Mixed Sample Data Augmentation (of pairs, softly and everywhere),
        https://arxiv.org/abs/2011.09039
    """
    tokens, device = batch.tokens, batch.tokens.device
    rows = len(tokens)
    other = torch.randperm(rows, generator=generator, device=device)
    chance, begins, ends = torch.rand(rows, 3, generator=generator, device=device).split(1, dim=1)
    changed, lengths = chance < share, (tokens != PAD).sum(dim=1, keepdim=True)
    inner = lengths - 1  # <bos> begins every row, <eos> ends it
    # A root may be rounded up to 1: the own end never belongs to the beginning, the other's always to what follows.
    stop = torch.where(changed, 1 + (begins.sqrt() * inner).long().minimum(inner - 1), lengths)
    start = 1 + ((1 - ends.sqrt()) * inner[other]).long().minimum(inner[other] - 1)
    start = torch.where(stop == 1, 1, start)
    total = torch.where(changed, stop + lengths[other] - start, lengths)
    place = torch.arange(int(total.max()), device=device)  # the one number that a GPU is waited for
    inside, own = place < total, place < stop
    source = torch.where(own, place, place - stop + start).clamp(max=tokens.shape[1] - 1)

    def joined(values: Tensor, beyond: bool | int) -> Tensor:
        found = torch.where(own, values.gather(1, source), values[other].gather(1, source))
        return torch.where(inside, found, beyond)

    return replace(
        batch,
        tokens=joined(tokens, PAD),
        observed=joined(batch.observed, True),
        targets=None if batch.targets is None else batch.targets.masked_fill(changed, torch.nan),
        plain=tokens,
    )
