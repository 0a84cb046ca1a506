"""A bidirectional LSTM made for gaps and nothing else: the opponent of a VAE that fills them.

Masked symbols are not read at all: one LSTM reads what stands before a gap, one from the end what stands after it, and
the model is told how many symbols are left between. By the chain rule, filled from left to right, a gap of g symbols
from place s on has

    log p(gap | rest) = sum over i < g of log p(x_(s + i) | x_(< s + i), x_(>= s + g)),

each term one prediction of a symbol with g - 1 - i unread ones after it. Training asks for just these, at all places of
every sentence at once, so the model is trained on what it is tested by, and gives up nothing to masks that it will not
see.
"""

import math
from bisect import bisect_left
from functools import partial
from itertools import chain, count, islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipelines.resume import locked, work_folder
from vaeseq.config import VAEConfig
from vaeseq.corpus import Corpus, choose
from vaeseq.crossentropy import linear_cross_entropy
from vaeseq.device import autocast, device_of
from vaeseq.files import replacing
from vaeseq.tokenizer import MASK, PAD

STEPS, BATCH, RATE, DROPOUT, LOOK, ROWS = 8_000, 128, 2e-3, 0.3, 500, 2_000


class GapModel(nn.Module):
    """p(symbol | all before it, all after the unread ones behind it, how many those are).

    Args:
        vocabulary: Symbols, read and written through one embedding.
        embedding: Its width.
        hidden: Units of each direction.
        gap: Symbols of the longest gap.
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int, gap: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        self.joined, self.unread = nn.Linear(2 * hidden, hidden), nn.Embedding(gap, hidden)
        self.head, self.dropout = nn.Linear(hidden, embedding), nn.Dropout(DROPOUT)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        nn.init.normal_(self.embedding.weight, std=0.3)

    def losses(self, tokens: Tensor, unread: int) -> Tensor:
        """``-log p`` of each symbol with so many unread ones after it, nats, ``(batch, length - 2 - unread)``.

        Those begin with the first symbol of a text. It is 0 where fewer follow, and for ``<unk>``.
        """
        lengths = (tokens != PAD).sum(dim=1).cpu()
        read = pack_padded_sequence(self.dropout(self.embedding(tokens)), lengths, True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(read)[0], True, total_length=tokens.shape[1])
        before, after = states.chunk(2, dim=2)
        sides = torch.cat([before[:, : -2 - unread], after[:, 2 + unread :]], dim=2)
        targets = tokens[:, 1 : -1 - unread]
        asked = _asked(tokens, unread)
        mixed = torch.tanh(self.joined(self.dropout(sides[asked])) + self.unread.weight[unread])
        bias = self.bias.index_fill(0, torch.arange(MASK + 1, device=tokens.device), -torch.inf)
        found = linear_cross_entropy(self.head(self.dropout(mixed)), self.embedding.weight, bias, targets[asked])
        return found.new_zeros(asked.shape).masked_scatter(asked, found)

    @torch.no_grad()
    def gap_nats(self, tokens: Tensor, first: Tensor, length: int) -> Tensor:
        """``-log p(gap | rest)`` of a gap of so many symbols from a place of each text on, nats, ``(batch,)``."""
        terms = [
            self.losses(tokens, length - 1 - i).gather(1, (first + i - 1).unsqueeze(1)).squeeze(1)
            for i in range(length)
        ]
        return torch.stack(terms).sum(dim=0)


def sized(config: VAEConfig, parameters: int, gap: int) -> GapModel:
    """With the embedding of a model, and as many parameters as asked for, as nearly as steps of 8 units can have it."""
    make, sizes = partial(GapModel, config.vocabulary, config.embedding, gap=gap), range(16, 2_049, 8)

    def counted(hidden: int) -> int:
        with torch.device("meta"):
            return sum(weight.numel() for weight in make(hidden).parameters())

    above = bisect_left(sizes, parameters, hi=len(sizes) - 1, key=counted)
    return make(min(sizes[max(0, above - 1) : above + 1], key=lambda hidden: abs(counted(hidden) - parameters)))


def trained(model: GapModel, corpus: Corpus, key: str, *, gap: int, seed: int, steps: int = STEPS) -> GapModel:
    """Learnt from the training rows that a gap fits in, with the weights that were best on validation rows.

    Finished weights are kept in the work folder; a killed training begins anew.

    Args:
        model: New.
        corpus: The rows.
        key: Of the model's sizes and the rows.
        gap: Symbols of the longest gap; how many are unread is drawn anew in each step, from all that a gap asks for.
        seed: Of order, number and dropout.
        steps: Of Adam; its step size falls to 0 as a cosine.
    """
    settings = f"{key} {gap} {seed} {steps} {BATCH} {RATE} {DROPOUT} {LOOK}"
    with locked(work_folder("gap-model", settings, Path(__file__))) as folder:
        saved = folder / "best.safetensors"
        if not saved.exists():
            best = _learnt(model.to(device_of()), corpus, gap, seed, steps)
            with replacing(saved) as unfinished:
                save_file(best, unfinished)
        model.load_state_dict(load_file(saved))
    return model.to(device_of()).eval()


def _learnt(model: GapModel, corpus: Corpus, gap: int, seed: int, steps: int) -> dict[str, Tensor]:
    """The best weights."""
    device, random = device_of(), np.random.default_rng(seed)
    learnt, held_out = (rows[corpus.lengths[rows] - 2 >= gap] for rows in map(corpus.rows, ("train", "valid")))
    looked_at = choose(held_out, ROWS, seed=seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    epochs = (corpus.epoch(learnt, BATCH, seed=seed, epoch=epoch) for epoch in count())
    lowest, best = math.inf, {}
    for step, some in enumerate(islice(chain.from_iterable(epochs), steps), start=1):
        model.train()
        tokens, unread = corpus.batch(some, device).tokens, int(random.integers(gap))
        with autocast(device, "auto"):
            losses = model.losses(tokens, unread)
        optimizer.zero_grad()
        (losses.sum() / _asked(tokens, unread).sum()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if step % LOOK == 0 or step == steps:
            nats = held_out_nats(model, corpus, looked_at, gap)
            if nats < lowest:
                lowest, best = nats, {name: weight.cpu().clone() for name, weight in model.state_dict().items()}
    return best


@torch.no_grad()
def held_out_nats(model: GapModel, corpus: Corpus, rows: np.ndarray, gap: int) -> float:
    """``-log p`` of a symbol, the mean over those of the rows and over how many are unread."""
    model.eval()
    device = next(model.parameters()).device
    nats = asked = 0.0
    for some in corpus.in_order(rows, BATCH):
        tokens = corpus.batch(some, device).tokens
        for unread in range(gap):
            nats += float(model.losses(tokens, unread).sum())
            asked += float(_asked(tokens, unread).sum())
    return nats / asked


def _asked(tokens: Tensor, unread: int) -> Tensor:
    """Of the places after the first and before the last ``1 + unread``, those that such a prediction is made for."""
    return (tokens[:, 2 + unread :] != PAD) & (tokens[:, 1 : -1 - unread] > MASK)
