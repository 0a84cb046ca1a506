"""Codes that say less: turned towards noise, and shorter by as much.

A code of *signal* t in [0, 1] is ``t (t z + sqrt(1 - t^2) e)`` with e from N(0, I). Where codes are spread like N(0, I)
it is the best guess of z from ``t z + sqrt(1 - t^2) e``, and its length says how good a guess: a decoder that has seen
all signals is an autoencoder at 1, a language model at 0, and a VAE of any rate between them. So a model whose code
carries much writes texts from draws that carry little.

References:
    Ho et al. (2022), Cascaded Diffusion Models, section 4 (conditioning augmentation: a model trained on noised inputs,
    told how much noise), https://arxiv.org/abs/2106.15282
"""

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaeseq.errors import InputError


def blurred(z: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """Codes of that signal.

    Args:
        z: Codes ``(batch, latent)``.
        signal: ``(batch, 1)``, or a number for all.
        noise: Standard normal numbers ``(batch, latent)``.
    """
    return signal * (signal * z + (1 - signal.square()).sqrt() * noise)


class Blur(nn.Module):
    """From a Gaussian q(z | x) to that of codes of a signal, a Gaussian too."""

    def __init__(self, signal: float) -> None:
        super().__init__()
        self.signal = signal

    def forward(self, posterior: Distribution) -> Independent:
        """``q(z | x)`` of the blurred codes.

        Raises:
            InputError: The posterior is no Gaussian.
        """
        if not isinstance(posterior, Independent):
            raise InputError("a signal below 1 must go with a gaussian posterior, got another")
        variance = self.signal**2 * (self.signal**2 * posterior.variance + 1 - self.signal**2)
        return Independent(Normal(self.signal**2 * posterior.mean, variance.sqrt(), validate_args=False), 1)


class BlurredEncoder(nn.Module):
    """An encoder of codes of a signal, on top of one of codes."""

    def __init__(self, encoder: nn.Module, signal: float) -> None:
        super().__init__()
        self.encoder, self.blur = encoder, Blur(signal)

    @property
    def width(self) -> int:
        """As of the encoder below."""
        return self.encoder.width

    @property
    def head(self) -> nn.Module:
        """From what the encoder below read to the posterior."""
        return nn.Sequential(self.encoder.head, self.blur)

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        """As ``BiLSTMEncoder``."""
        return self.blur(self.encoder(tokens, observed))

    def summary(self, tokens: Tensor, observed: Tensor | None = None) -> Tensor:
        """As ``BiLSTMEncoder``."""
        return self.encoder.summary(tokens, observed)

    def of_embeddings(self, rows: Tensor) -> Independent:
        """As ``BiLSTMEncoder``."""
        return self.blur(self.encoder.of_embeddings(rows))
