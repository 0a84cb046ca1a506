"""Discrete codes: each slot of z holds one entry of a codebook; codebooks come from vector-quantize-pytorch.

A text then has one code and not a cloud of them: with c its entries, ``log p(x | c) + log p(c) <= log p(x)`` is the
evidence lower bound, and it says how many nats an autoregressive prior needs to send c. Those are at most
``slots ln(codebook)`` for a prior that knows nothing, and no weight can trade them for reconstruction: nearest entries
have no gradient.

References:
    van den Oord et al. (2017), Neural Discrete Representation Learning, https://arxiv.org/abs/1711.00937
    Razavi et al. (2019), Generating Diverse High-Fidelity Images with VQ-VAE-2, https://arxiv.org/abs/1906.00446
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.nn import functional
from vector_quantize_pytorch import VectorQuantize

from vaeseq.errors import InputError
from vaeseq.recurrent import LSTM

DECAY = 0.99  # of the moving averages; van den Oord et al. (2017), appendix A.1
IDLE = 0.02  # rows of a batch, on average, below which an entry is put elsewhere


class Codebooks(nn.Module):
    """One codebook for each slot of a code.

    Entries are moving averages of the vectors that were rounded to them: buffers, which only ``learn`` moves.

    Attributes:
        slots: Entries that make a code.
        size: Entries to choose from in each.
        latent: Dimension of a code.
    """

    def __init__(self, latent: int, slots: int, size: int) -> None:
        super().__init__()
        if latent % slots:
            raise InputError(f"latent must be a multiple of slots, got {latent!r} and {slots!r}")
        self.latent, self.slots, self.size = latent, slots, size
        self.quantiser = VectorQuantize(
            latent,
            size,
            codebook_dim=latent // slots,
            heads=slots,
            separate_codebook_per_head=True,
            decay=DECAY,
            threshold_ema_dead_code=IDLE,
            commitment_weight=0.0,
            rotation_trick=False,
            sync_codebook=False,  # processes show it the same vectors
        )
        for name in ("cluster_size", "embed_avg"):  # all entries are idle at first
            self.quantiser.get_buffer(f"_codebook.{name}").mul_(IDLE)

    @property
    def capacity(self) -> float:
        """Most nats that a code can carry."""
        return self.slots * math.log(self.size)

    def nearest(self, z: Tensor) -> Tensor:
        """Which entries are nearest to codes ``(..., latent)``, or to the first slots of codes: ``(..., slots)``."""
        width = self.latent // self.slots
        vectors = z.detach().reshape(math.prod(z.shape[:-1]), z.shape[-1] // width, width).transpose(0, 1)
        # Differences, not products: an entry is then nearest to itself, however close another one is.
        entries = self.quantiser.codebook[: len(vectors)]
        distances = torch.cdist(vectors.float(), entries, compute_mode="donot_use_mm_for_euclid_dist")
        return distances.argmin(dim=2).T.reshape(*z.shape[:-1], len(vectors))

    def codes(self, indices: Tensor) -> Tensor:
        """The entries ``(..., slots)`` side by side, ``(..., latent)``; of the first slots if no more are given."""
        slot = torch.arange(indices.shape[-1], device=indices.device)
        return self.quantiser.codebook[slot, indices].flatten(-2)

    def rounded(self, vectors: Tensor) -> Tensor:
        """The nearest code, with the gradient of the vectors themselves (straight through)."""
        return self.codes(self.nearest(vectors)) + (vectors - vectors.detach())

    @torch.no_grad()
    def learn(self, vectors: Tensor, *, revive: bool, unless: Tensor) -> None:
        """Move entries towards the vectors that are rounded to them.

        Args:
            vectors: Of a batch, ``(batch, latent)``.
            revive: Put idle entries where some of these vectors are; the global generator of torch decides which.
            unless: Not 0 where nothing shall change; nothing waits to know.
        """
        before = [buffer.clone() for buffer in self.buffers()]
        self.quantiser.train(revive)  # which in the library decides that alone
        self.quantiser.update_indices(vectors.unsqueeze(1), self.nearest(vectors).unsqueeze(1))
        for buffer, old in zip(self.buffers(), before, strict=True):
            buffer.copy_(torch.where(unless.bool(), old, buffer))


class PointMass(Distribution):
    """q(c | x) of discrete codes: one of them has all the probability.

    Attributes:
        commitment: Squared distance of the encoder's vectors from it, ``(batch,)``.
    """

    def __init__(self, vectors: Tensor, codebooks: Codebooks) -> None:
        self._code, self._nearest = codebooks.rounded(vectors), codebooks.nearest
        self._entries = codebooks.nearest(self._code.detach())
        self.commitment = (vectors - self._code.detach()).square().sum(dim=1)
        super().__init__(vectors.shape[:1], vectors.shape[1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """That code, ``(batch, latent)``."""
        return self._code

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats: 0 where ``(..., latent)`` is rounded to the row's code, elsewhere minus infinity."""
        same = (self._nearest(value) == self._entries).all(dim=-1)
        return torch.zeros(same.shape, device=value.device).masked_fill(~same, -torch.inf)

    def drawn(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See ``vaeseq.posteriors.drawn``; noise changes nothing."""
        return self._code, noise.new_zeros(len(noise))


class CodesHead(nn.Module):
    """From what an encoder read to a code, level by level: each reads the rounded levels above it.

    Levels share the slots evenly. Of two, the first is the top level of VQ-VAE-2.

    Attributes:
        codebooks: Which this does not move: training shows them what was ``seen`` once a step is done.
        seen: The vectors of the batch last read, before they were rounded, ``(batch, latent)``; None where that was not
            in training.
    """

    def __init__(self, width: int, latent: int, slots: int, codebook: int, levels: int) -> None:
        super().__init__()
        if slots % levels:
            raise InputError(f"slots must be a multiple of levels, got {slots!r} and {levels!r}")
        self.codebooks, share = Codebooks(latent, slots, codebook), latent // levels
        self.layers = nn.ModuleList(nn.Linear(width + i * share, share) for i in range(levels))
        self.seen: Tensor | None = None

    def forward(self, summary: Tensor) -> PointMass:
        """q(c | x)."""
        with torch.autocast(summary.device.type, enabled=False):
            summary = summary.float()
            vectors = summary[:, :0]
            for layer in self.layers:
                read = torch.cat([summary, self.codebooks.rounded(vectors)], dim=1)
                vectors = torch.cat([vectors, layer(read)], dim=1)
            self.seen = vectors.detach() if self.training else None
            return PointMass(vectors, self.codebooks)


class CodesPrior(nn.Module):
    """``p(c) = prod_j p(c_j | c_<j)``: an LSTM over the slots, whose entries it reads and writes through one table.

    Where there are two levels, all of the top one comes before the bottom one: ``p(top) p(bottom | top)``. The
    codebooks are the posterior's; here it borrows them.
    """

    def __init__(self, codebooks: Codebooks, hidden: int) -> None:
        super().__init__()
        self.latent, self.slots = codebooks.latent, codebooks.slots
        self.start = nn.Parameter(torch.zeros(hidden))
        self.table = nn.Parameter(0.3 * torch.randn(codebooks.slots, codebooks.size, hidden))  # as embeddings start
        self.bias = nn.Parameter(torch.zeros(codebooks.slots, codebooks.size))
        self.lstm = LSTM(hidden, hidden, batch_first=True)
        self.nearest, self.codes = codebooks.nearest, codebooks.codes

    def forward(self) -> "Codes":
        """p(c)."""
        return Codes(self)

    def factors(self, indices: Tensor) -> Tensor:
        """Logits of each slot's entries given those before it, of indices ``(codes, slots)``."""
        slot = torch.arange(self.slots - 1, device=indices.device)
        start = self.start.expand(len(indices), 1, -1)
        states, _ = self.lstm(torch.cat([start, self.table[slot, indices[:, :-1]]], dim=1))
        return (torch.einsum("nsh,seh->nse", states, self.table) + self.bias).float()


class Codes(Distribution):
    """Discrete codes, drawn slot by slot and scored all at once."""

    def __init__(self, prior: CodesPrior) -> None:
        self._prior = prior
        super().__init__(event_shape=torch.Size([prior.latent]), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats of the codes nearest to ``(..., latent)``, to which no gradient goes."""
        indices = self._prior.nearest(value).reshape(-1, self._prior.slots)
        chosen = self._prior.factors(indices).log_softmax(dim=2).gather(2, indices.unsqueeze(2))
        return chosen.sum(dim=(1, 2)).view(value.shape[:-1])

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes, ``(*sample_shape, latent)``."""
        prior, chosen, state = self._prior, [], None
        symbol = prior.start.expand(math.prod(sample_shape), -1)
        for table, bias in zip(prior.table, prior.bias, strict=True):
            out, state = prior.lstm(symbol.unsqueeze(1), state)
            chosen.append(Categorical(logits=functional.linear(out.squeeze(1), table, bias).float()).sample())
            symbol = table[chosen[-1]]
        return prior.codes(torch.stack(chosen, dim=1)).view(*sample_shape, prior.latent)
