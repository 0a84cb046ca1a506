"""Codes that say less: turned towards noise, and shorter by as much.

A code of *signal* t in [0, 1] is ``t (t z + sqrt(1 - t^2) e)`` with e from N(0, I). Where codes are spread like N(0, I)
it is the best guess of z from ``t z + sqrt(1 - t^2) e``, and with many dimensions its length says how good a guess. A
decoder that has seen all signals is an autoencoder at 1, a language model at 0, and a VAE of any rate between: a model
whose code carries much can then write texts from draws that carry little.

References:
    Ho et al. (2022), Cascaded Diffusion Models (conditioning augmentation: a model trained on noised conditions; it is
    told how much noise, where here the length says it), https://arxiv.org/abs/2106.15282
"""

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaeseq.errors import InputError


def blurred(z: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """Codes of a signal.

    Args:
        z: Codes ``(batch, latent)``.
        signal: ``(batch, 1)``, within 0 and 1.
        noise: Standard normal numbers ``(batch, latent)``.
    """
    return signal * (signal * z + (1 - signal.square()).sqrt() * noise)


def blurred_posterior(posterior: Distribution, signal: float) -> Distribution:
    """What ``q(z | x)`` says of the code of a signal; itself where the signal is 1.

    Raises:
        InputError: The signal is below 1 and the posterior no Gaussian.
    """
    if signal == 1:
        return posterior
    if not isinstance(posterior, Independent):
        raise InputError(
            f"a signal below 1 must go with a gaussian posterior, got {type(posterior).__name__} and {signal!r}"
        )
    variance = signal**2 * (signal**2 * posterior.variance + 1 - signal**2)
    return Independent(Normal(signal**2 * posterior.mean, variance.sqrt(), validate_args=False), 1)
