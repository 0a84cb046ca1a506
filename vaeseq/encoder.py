"""From symbols to q(z | x)."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaeseq.dropout import LockedDropout
from vaeseq.errors import InputError
from vaeseq.posteriors import GaussianHead
from vaeseq.recurrent import LSTM
from vaeseq.tokenizer import MASK, PAD

if TYPE_CHECKING:
    from vaeseq.config import EncoderConfig


class BiLSTMEncoder(nn.Module):
    """A posterior from the states of a bidirectional LSTM.

    The head sees each direction's last state and the largest value of each unit over the row: what a single word says
    then reaches the code in one step, and training needs a fraction of the time (LOG.md). Each direction is an LSTM of
    its own, the backward one reads the row reversed within its length: padding enters no state, and no lengths leave
    the device.

    References:
        Conneau et al. (2017), section 3.2.2 (BiLSTM with max pooling), https://arxiv.org/abs/1705.02364
    """

    def __init__(self, config: "EncoderConfig", embedding: nn.Embedding, latent: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.forwards = LSTM(embedding.embedding_dim, config.hidden, batch_first=True)
        self.backwards = LSTM(embedding.embedding_dim, config.hidden, batch_first=True)
        self.dropout, self.width = LockedDropout(config.dropout), 4 * config.hidden
        self.head = _head(config, self.width, latent)

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Distribution:
        """q(z | x).

        Args:
            tokens: Ids ``(batch, length)``.
            observed: Where False, the encoder sees ``<mask>`` instead of the symbol; None means all are given.

        Returns:
            Of batch shape ``(batch,)`` and event shape ``(latent,)``.
        """
        return self.head(self.summary(tokens, observed))

    def summary(self, tokens: Tensor, observed: Tensor | None = None) -> Tensor:
        """What ``head`` makes a posterior of, ``(batch, width)``."""
        if observed is not None:
            tokens = torch.where(observed | (tokens == PAD), tokens, MASK)
        lengths = (tokens != PAD).sum(dim=1, keepdim=True)
        place = torch.arange(tokens.shape[1], device=tokens.device)
        mirrored = torch.where(place < lengths, lengths - 1 - place, place)
        return self._read(self.embedding(tokens), self.embedding(tokens.gather(1, mirrored)), lengths)

    def of_embeddings(self, rows: Tensor) -> Distribution:
        """q(z | u) of rows of embeddings ``(batch, length, embedding)``, without padding."""
        lengths = torch.full((len(rows), 1), rows.shape[1], device=rows.device)
        return self.head(self._read(rows, rows.flip(1), lengths))

    def _read(self, forwards: Tensor, backwards: Tensor, lengths: Tensor) -> Tensor:
        ends = (
            *_last_and_largest(self.forwards, self.dropout(forwards), lengths),
            *_last_and_largest(self.backwards, self.dropout(backwards), lengths),
        )
        return self.dropout(torch.cat(ends, dim=1).unsqueeze(1)).squeeze(1)


class NoEncoder(nn.Module):
    """Of a model whose codes have no dimensions: posterior and prior are the same, and the model a language model."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.width = Nothing(), 0

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Distribution:
        """As ``BiLSTMEncoder``."""
        return self.head(self.summary(tokens, observed))

    def summary(self, tokens: Tensor, observed: Tensor | None = None) -> Tensor:
        """Nothing, ``(batch, 0)``."""
        return torch.empty(len(tokens), 0, device=tokens.device)


class Nothing(nn.Module):
    """The one distribution over codes of no dimensions."""

    def forward(self, summary: Tensor) -> Distribution:
        """q(z | x) = p(z), of batch shape ``(batch,)``."""
        return Independent(Normal(summary, summary, validate_args=False), 1)


def _head(config: "EncoderConfig", width: int, latent: int) -> nn.Module:
    match config.posterior:
        case "gaussian":
            return GaussianHead(width, latent)
        case "flow":
            from vaeseq.flows import FlowHead

            return FlowHead(width, latent, config.transforms, config.hidden)
        case "codes":
            from vaeseq.quantised import CodesHead

            return CodesHead(width, latent, config.slots, config.codebook, config.levels)
        case other:
            raise InputError(f"posterior must be 'gaussian', 'flow' or 'codes', got {other!r}")


def _last_and_largest(lstm: nn.LSTM, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The state at the end of each row, and each unit's largest value in the row, both ``(batch, hidden)``."""
    states, _ = lstm(inputs)
    padding = torch.arange(inputs.shape[1], device=inputs.device) >= lengths
    last = states.gather(1, (lengths - 1).unsqueeze(2).expand(-1, -1, states.shape[2])).squeeze(1)
    return last, states.masked_fill(padding.unsqueeze(2), -torch.inf).amax(dim=1)
