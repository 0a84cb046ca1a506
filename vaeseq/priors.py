"""p(z): modules with a ``latent`` dimension whose call gives a distribution with event shape ``(latent,)``."""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from vaeseq.blurring import blurred_posterior

NARROWEST = 1e-3  # standard deviation of a component; a narrower one could fall upon a single code


class StandardNormalPrior(nn.Module):
    """N(0, I)."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.register_buffer("mean", torch.zeros(latent), persistent=False)

    def forward(self) -> Independent:
        """p(z)."""
        return Independent(Normal(self.mean, torch.ones_like(self.mean), validate_args=False), 1)


class MixturePrior(nn.Module):
    """A mixture of diagonal Gaussians, learnt with the model.

    References:
        Tomczak and Welling (2018), section 3 (the mixture of Gaussians that VampPrior is set against),
        https://arxiv.org/abs/1705.07120
    """

    def __init__(self, latent: int, components: int) -> None:
        super().__init__()
        self.latent = latent
        self.weight = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.randn(components, latent))
        self.raw = nn.Parameter(torch.zeros(components, latent))

    def forward(self) -> MixtureSameFamily:
        """p(z)."""
        return _mixture(self.weight, self.mean, self.raw.exp() + NARROWEST)


class VampPrior(nn.Module):
    """The mixture of the posteriors of pseudo-texts: ``p(z) = sum_k w_k q(z | u_k)``, with u_k learnt.

    A text is discrete, so each u_k is a row of embeddings instead, which the encoder reads like those of symbols.

    References:
        Tomczak and Welling (2018), VAE with a VampPrior, equation 9, https://arxiv.org/abs/1705.07120
    """

    def __init__(
        self, latent: int, encoder: nn.Module, components: int, length: int, width: int, signal: float = 1.0
    ) -> None:
        super().__init__()
        self.latent, self.signal = latent, signal
        self._encoder = (encoder,)  # within a tuple it is no part of this module: it is a part of the model
        self.weight = nn.Parameter(torch.zeros(components))
        self.texts = nn.Parameter(0.3 * torch.randn(components, length, width))  # as embeddings start

    def forward(self) -> MixtureSameFamily:
        """p(z)."""
        parts = blurred_posterior(self._encoder[0].of_embeddings(self.texts), self.signal)
        return _mixture(self.weight, parts.mean, parts.stddev)


def _mixture(weight: Tensor, mean: Tensor, deviation: Tensor) -> MixtureSameFamily:
    parts = Independent(Normal(mean, deviation, validate_args=False), 1)
    return MixtureSameFamily(Categorical(logits=weight, validate_args=False), parts, validate_args=False)
