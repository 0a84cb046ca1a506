"""Can a judge tell true sentences from filled ones? A logistic regression on words, and an LSTM.

Adversarial error, as Bowman et al. (2015, section 4.2) define it, is the gap between the accuracy of a judge and the
one half that it has where the two are alike: 0 is best and .5 worst for who fills the gaps. A sentence is there twice,
as it was and as it was filled, and both are in the same part, so that what was given tells nothing.

References:
    Bowman et al. (2015), Generating Sentences from a Continuous Space, https://arxiv.org/abs/1511.06349
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.completions import Ids, Pair
from vaeseq.corpus import pad
from vaeseq.device import device_of
from vaeseq.tokenizer import PAD

Kind = Literal["lstm", "bag_of_words"]
PACE = EPOCHS, PATIENCE, BATCH, EMBEDDING = 20, 3, 64, 128  # passes at most, and without a gain; pairs of a step


class Setting(NamedTuple):
    """Of one judge.

    Attributes:
        hidden: Units of the LSTM; 0 counts words.
        dropout: Of what it reads and of its last state.
        learning_rate: Of AdamW.
        weight_decay: Too.
    """

    hidden: int
    dropout: float
    learning_rate: float
    weight_decay: float


GRID: dict[Kind, list[Setting]] = {
    "lstm": [Setting(hidden, dropout, 2e-3, 0.01) for hidden in (64, 256) for dropout in (0.2, 0.5)],
    "bag_of_words": [Setting(0, 0.0, 1e-2, decay) for decay in (0.01, 0.1, 1.0)],
}


class Verdict(NamedTuple):
    """What a judge reached, on pairs that it neither learnt from nor was chosen by.

    Attributes:
        error: Accuracy less one half.
        standard_error: Of it, over pairs.
        outcomes: Of each pair, in order, how many of its two sentences it was right on: a digit.
        setting: Of the judge that was chosen.
    """

    error: float
    standard_error: float
    outcomes: str
    setting: Setting


class BagOfWords(nn.Module):
    """Log-odds that a sentence is true: a weight for each symbol, as often as it stands there."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Embedding(vocabulary, 1, padding_idx=PAD), nn.Parameter(torch.zeros(()))
        nn.init.zeros_(self.weight.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Of each sentence of ``(batch, length)``."""
        return self.weight(tokens).sum(dim=(1, 2)) + self.bias


class Reader(nn.Module):
    """Log-odds that a sentence is true, from the state of an LSTM that has read all of it, the end included."""

    def __init__(self, vocabulary: int, setting: Setting) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, EMBEDDING, padding_idx=PAD)
        self.lstm = nn.LSTM(EMBEDDING, setting.hidden, batch_first=True)
        self.dropout, self.head = nn.Dropout(setting.dropout), nn.Linear(setting.hidden, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Of each sentence of ``(batch, length)``."""
        states, _ = self.lstm(self.dropout(self.embedding(tokens)))
        last = states[torch.arange(len(tokens), device=tokens.device), (tokens != PAD).sum(dim=1) - 1]
        return self.head(self.dropout(last)).squeeze(1)


def judged(
    kind: Kind,
    learnt: Sequence[Pair],
    choosing: Sequence[Pair],
    held_out: Sequence[Pair],
    vocabulary: int,
    *,
    seed: int,
) -> Verdict:
    """What the judge of the grid reaches that is best on the pairs to choose by.

    Args:
        kind: Which judge.
        learnt: Pairs to learn from.
        choosing: Pairs to choose by: the setting, and the pass after which to stop.
        held_out: Pairs to be judged.
        vocabulary: Symbols.
        seed: Of weights, order and dropout.
    """
    tried = [(*_taught(setting, learnt, choosing, vocabulary, seed), setting) for setting in GRID[kind]]
    _, judge, setting = min(tried, key=lambda each: each[0])
    right = ((_log_odds(judge, held_out) > 0) == _truth(len(held_out), judge)).view(-1, 2).sum(dim=1)
    outcomes = "".join(map(str, right.tolist()))
    return Verdict(*_mean(right / 2 - 0.5), outcomes, setting)


def less(outcomes: str, others: str) -> tuple[float, float]:
    """An adversarial error less another of the same sentences in the same order, and its paired standard error."""
    return _mean(torch.tensor([(int(a) - int(b)) / 2 for a, b in zip(outcomes, others, strict=True)]))


def _mean(values: Tensor) -> tuple[float, float]:
    """And its standard error."""
    return float(values.mean()), float(values.std()) / math.sqrt(len(values))


def _taught(
    setting: Setting, learnt: Sequence[Pair], choosing: Sequence[Pair], vocabulary: int, seed: int
) -> tuple[float, nn.Module]:
    """The lowest loss on the pairs to choose by, and the judge that has it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        judge = (Reader(vocabulary, setting) if setting.hidden else BagOfWords(vocabulary)).to(device_of())
        optimizer = torch.optim.AdamW(judge.parameters(), setting.learning_rate, weight_decay=setting.weight_decay)
        best, kept, last = math.inf, {}, 0
        for epoch in range(EPOCHS):
            if epoch - last > PATIENCE:
                break
            judge.train()
            for some in torch.randperm(len(learnt)).split(BATCH):
                optimizer.zero_grad()
                _loss(judge(_tokens([learnt[i] for i in some], judge)), len(some), judge).backward()
                optimizer.step()
            loss = float(_loss(_log_odds(judge, choosing), len(choosing), judge))
            if loss < best:
                best, last = loss, epoch
                kept = {name: weight.clone() for name, weight in judge.state_dict().items()}
    judge.load_state_dict(kept)
    return best, judge


def _tokens(pairs: Sequence[Pair], judge: nn.Module) -> Tensor:
    """True, filled, true, filled, ..."""
    texts: list[Ids] = list(chain.from_iterable(pairs))
    return pad(texts).to(next(judge.parameters()).device)


def _truth(pairs: int, judge: nn.Module) -> Tensor:
    return torch.tensor([True, False], device=next(judge.parameters()).device).repeat(pairs)


def _loss(log_odds: Tensor, pairs: int, judge: nn.Module) -> Tensor:
    return functional.binary_cross_entropy_with_logits(log_odds, _truth(pairs, judge).float())


@torch.no_grad()
def _log_odds(judge: nn.Module, pairs: Sequence[Pair]) -> Tensor:
    judge.eval()
    return torch.cat([judge(_tokens(pairs[i : i + BATCH], judge)) for i in range(0, len(pairs), BATCH)])
