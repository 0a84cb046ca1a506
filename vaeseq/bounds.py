"""Bounds on log p(x), nats per sequence, never weighted."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeseq.corpus import Batch
from vaeseq.groups import shared
from vaeseq.model import SequenceVAE
from vaeseq.posteriors import divergence, drawn


@dataclass(frozen=True)
class Bound:
    """The evidence lower bound and its terms, nats per sequence, each ``(batch,)``.

    Attributes:
        reconstruction: ``-log p(x | z)`` for one z from the posterior; lower is better.
        kl: ``KL(q(z | x) || p(z))``.
        kl_by_dimension: The same by latent dimension, ``(batch, latent)``; None where the posterior or the prior does
            not fall apart into dimensions.
        aux: Named further terms; none of them is in ``elbo``.
    """

    reconstruction: Tensor
    kl: Tensor
    kl_by_dimension: Tensor | None
    aux: dict[str, Tensor] = field(default_factory=dict)

    @property
    def elbo(self) -> Tensor:
        """``E_q[log p(x | z)] - KL(q(z | x) || p(z)) <= log p(x)``; higher is better."""
        return -self.reconstruction - self.kl

    def detach(self) -> "Bound":
        """The same values without their graph."""
        aux = {name: value.detach() for name, value in self.aux.items()}
        parts = None if self.kl_by_dimension is None else self.kl_by_dimension.detach()
        return Bound(self.reconstruction.detach(), self.kl.detach(), parts, aux)

    @classmethod
    def joined(cls, bounds: Sequence["Bound"]) -> "Bound":
        """All rows of several batches; ``aux`` is left out."""
        parts = [bound.kl_by_dimension for bound in bounds if bound.kl_by_dimension is not None]
        return cls(
            torch.cat([bound.reconstruction for bound in bounds]),
            torch.cat([bound.kl for bound in bounds]),
            torch.cat(parts) if parts else None,
        )


def elbo(
    vae: SequenceVAE,
    batch: Batch,
    *,
    generator: torch.Generator | None = None,
    noise: Tensor | None = None,
    visible: Tensor | None = None,
    blur: Callable[[Tensor], Tensor] | None = None,
) -> Bound:
    """Single-sample evidence lower bound with the reparametrisation trick; the KL in closed form where there is one.

    Where the batch has groups and the model content for them to share, it is each row's part of its group's bound: the
    sum over the rows of a group is at most their joint log p(x_1 .. x_n).

    Args:
        vae: The model.
        batch: Rows to bound.
        generator: Source of the posterior noise, on the batch's device.
        noise: Standard normal numbers ``(batch, latent)`` to take instead.
        visible: Symbols that the decoder may read (word dropout), see ``SequenceLikelihood.symbol_log_prob``.
        blur: From the codes to those that the decoder gets instead, same shape. The reconstruction is then
            theirs, and the sum no bound on log p(x).

    References:
        Kingma and Welling (2014), eq. 7 and appendix B, https://arxiv.org/abs/1312.6114
    """
    posterior = vae.posterior(batch.tokens, batch.observed)
    noise, part = standard_noise(posterior, generator) if noise is None else noise, None
    if batch.group is not None and vae.content:
        posterior, noise, part = shared(posterior, noise, batch.group, vae.content)
    z, log_q = drawn(posterior, noise)
    kl, by_dimension = divergence(posterior, vae.prior(), z, log_q)
    if part is not None:
        by_dimension = part * by_dimension
        kl = by_dimension.sum(dim=1)
    aux = {"commitment": posterior.commitment} if hasattr(posterior, "commitment") else {}
    if vae.properties and batch.targets is not None:
        aux["properties"] = vae.properties.losses(z, batch.targets)
    return Bound(-vae.decoder(blur(z) if blur else z).log_prob(batch.tokens, visible), kl, by_dimension, aux)


def iwae(vae: SequenceVAE, batch: Batch, *, samples: int, generator: torch.Generator | None = None) -> Tensor:
    """Importance-weighted bound ``log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)``, ``(batch,)``.

    It is the ELBO in expectation for K = 1 and rises to log p(x) with K, unless codes are discrete: then all K are one,
    and it is the ELBO. Every row is taken by itself, whatever its group.

    References:
        Burda, Grosse and Salakhutdinov (2016), eq. 8, https://arxiv.org/abs/1509.00519
    """
    return log_mean(log_weights(vae, batch, samples=samples, generator=generator))


def log_mean(weights: Tensor) -> Tensor:
    """``log 1/K sum_k`` of weights whose logarithms are ``(K, batch)``; at least the mean of these."""
    return torch.logsumexp(weights, dim=0) - math.log(len(weights))


@torch.no_grad()
def log_weights(vae: SequenceVAE, batch: Batch, *, samples: int, generator: torch.Generator | None = None) -> Tensor:
    """``log p(x | z_k) p(z_k) / q(z_k | x)`` of codes from the posterior, ``(samples, batch)``.

    The mean over k is the ELBO in expectation, ``log_mean`` the importance-weighted bound.
    """
    posterior, prior = vae.posterior(batch.tokens, batch.observed), vae.prior()
    found, given = [], vae.decoder.given(batch.tokens[:, :-1])
    for _ in range(samples):
        z, log_q = drawn(posterior, standard_noise(posterior, generator))
        found.append(vae.decoder(z).log_prob(batch.tokens, given=given) + prior.log_prob(z) - log_q)
    return torch.stack(found)


def standard_noise(posterior: Distribution, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, as many as the codes of the batch have."""
    mean = posterior.mean
    return torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
