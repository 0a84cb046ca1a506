"""Families made of flows and masked networks, which come from zuko: asked for only where a model has one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, Normal
from torch.nn import functional
from zuko.distributions import NormalizingFlow
from zuko.flows import MAF, NSF, Flow
from zuko.lazy import UnconditionalTransform
from zuko.nn import MaskedMLP
from zuko.transforms import MonotonicAffineTransform

from vaeseq.errors import InputError
from vaeseq.posteriors import GaussianHead
from vaeseq.priors import NARROWEST


class FlowPosterior(NormalizingFlow):
    """A diagonal Gaussian whose draws go through inverse autoregressive steps."""

    @property
    def mean(self) -> Tensor:
        """The code of zero noise, ``(batch, latent)``: it stands for the posterior, whose mean has no closed form."""
        return self.transform.inv(self.base.mean)

    def drawn(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See ``vaeseq.posteriors.drawn``; the way back from a code would take a pass for each of its dimensions."""
        start = self.base.mean + self.base.stddev * noise
        z, stretch = self.transform.inv.call_and_ladj(start)
        return z, self.base.log_prob(start) - stretch


class FlowHead(nn.Module):
    """From what an encoder read to a Gaussian and the inverse autoregressive steps that follow it.

    The steps read a code and a context; turned the other way round, masked autoregressive steps draw in one pass.

    References:
        Kingma et al. (2016), Improving Variational Inference with Inverse Autoregressive Flow, algorithm 1,
        https://arxiv.org/abs/1606.04934
    """

    slow_density = True  # at a code that it did not draw: a pass for each dimension

    def __init__(self, width: int, latent: int, transforms: int, hidden: int) -> None:
        super().__init__()
        self.gaussian = GaussianHead(width, latent)
        self.context = nn.Linear(width, hidden)
        self.steps = MAF(latent, hidden, transforms=transforms, hidden_features=(hidden,)).transform.inv

    def forward(self, summary: Tensor) -> FlowPosterior:
        """q(z | x)."""
        with torch.autocast(summary.device.type, enabled=False):
            return FlowPosterior(self.steps(self.context(summary.float())), self.gaussian(summary.float()))


class SinglePrecisionFlow(NormalizingFlow):
    """A flow whose densities are computed in single precision wherever they are asked for."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats, over the last dimension."""
        with torch.autocast(value.device.type, enabled=False):
            return super().log_prob(value.float())


class FlowPrior(nn.Module):
    """N(0, I) turned by coupling steps of rational-quadratic splines, after a scale and a shift of each dimension.

    References:
        Durkan et al. (2019), Neural Spline Flows, https://arxiv.org/abs/1906.04032
        Chen et al. (2017), Variational Lossy Autoencoder, section 3.2 (a flow as prior), https://arxiv.org/abs/1611.02731
    """

    def __init__(self, latent: int, transforms: int, hidden: int) -> None:
        super().__init__()
        self.latent = latent
        splines = NSF(latent, passes=2, transforms=transforms, hidden_features=(hidden, hidden))
        start = {"shift": torch.zeros(latent), "scale": torch.zeros(latent)}
        scale = UnconditionalTransform(MonotonicAffineTransform, **start)
        self.flow = Flow([scale, *splines.transform.transforms], splines.base)

    def forward(self) -> SinglePrecisionFlow:
        """p(z)."""
        flow = self.flow()
        return SinglePrecisionFlow(flow.transform, flow.base)


class AutoregressivePrior(nn.Module):
    """``p(z) = prod_j p(z_j | z_<j)``, each factor a mixture of Gaussians given by one masked network.

    References:
        Germain et al. (2015), MADE, https://arxiv.org/abs/1502.03509
        Uria, Murray and Larochelle (2013), RNADE (mixtures of Gaussians as factors), https://arxiv.org/abs/1306.0186
    """

    def __init__(self, latent: int, components: int, hidden: int) -> None:
        super().__init__()
        if latent < 2:
            raise InputError(f"latent must be at least 2 for an autoregressive prior, got {latent!r}")
        before = torch.ones(latent, latent, dtype=torch.bool).tril(-1)
        self.latent, self.components = latent, components
        self.net = MaskedMLP(before.repeat_interleave(3 * components, dim=0), hidden_features=(hidden, hidden))
        # The first factor reads nothing but biases; spread, its components are told apart.
        self.spread = nn.Parameter(torch.linspace(-2, 2, components).repeat(latent, 1))

    def forward(self) -> "AutoregressiveMixture":
        """p(z)."""
        return AutoregressiveMixture(self)

    def factors(self, z: Tensor) -> MixtureSameFamily:
        """``p(z_j | z_<j)`` for all j at once, batch shape ``(..., latent)``."""
        with torch.autocast(z.device.type, enabled=False):
            told = self.net(z.float())
        weight, mean, raw = told.unflatten(-1, (self.latent, 3, self.components)).unbind(-2)
        parts = Normal(mean + self.spread, functional.softplus(raw) + NARROWEST, validate_args=False)
        return MixtureSameFamily(Categorical(logits=weight, validate_args=False), parts, validate_args=False)


class AutoregressiveMixture(Distribution):
    """Codes drawn one coordinate after the other, and scored all at once."""

    def __init__(self, prior: AutoregressivePrior) -> None:
        self._prior = prior
        super().__init__(event_shape=torch.Size([prior.latent]), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats, over the last dimension."""
        return self._prior.factors(value).log_prob(value).sum(dim=-1)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes, ``(*sample_shape, latent)``."""
        z = torch.zeros(*sample_shape, self._prior.latent, device=self._prior.spread.device)
        for j in range(self._prior.latent):
            z[..., j] = self._prior.factors(z).sample()[..., j]
        return z
