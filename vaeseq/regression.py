"""What is known of texts beside their symbols, from their codes: measured or computed properties.

The head learns together with encoder and decoder, so that the space is ordered by what it predicts. Afterwards it also
asks the rows that it was taught, the nearer the more (``vaeseq.kernel``), for a small network that has read each row a
few times has not learnt all that they say. How sure it is, and where it knows anything at all, is settled last on rows
that taught it nothing, see ``vaeseq.calibration``.

References:
    Gómez-Bombarelli et al. (2018), a property predictor trained jointly, https://arxiv.org/abs/1610.02415
    Nix and Weigend (1994), a network that predicts its own variance, https://doi.org/10.1109/ICNN.1994.374138
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from vaeseq.likeness import BITS, nearest

HIDDEN = 64
_WIDEST = 3.0  # a log deviation, in units of the property, is within plus and minus this


def squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """Of each row ``(rows, latent)`` to each of others, ``(rows, others)``."""
    return (one.square().sum(dim=1, keepdim=True) - 2 * one @ other.T + other.square().sum(dim=1)).clamp(min=0)


class PropertyHead(nn.Module):
    """A normal distribution of each property, given a code.

    Attributes:
        names: Of the properties.
        centre: Mean over the training rows ``(properties,)``; with ``scale``, their deviation, it makes the units.
        spread: What predicted deviations are multiplied with to be right on held-out rows ``(properties,)``.
        middle: Mean of the codes of the rows that are known ``(latent,)``.
        whitening: Makes these codes, less their mean, uncorrelated and of variance 1, ``(latent, latent)``.
        edge: How far from the middle, in these units, codes of held-out rows reach.
        support: Codes of known rows ``(rows, latent)``, which are asked too; none of a head that is still learning.
        pull: What each of them says of each property, in units of the training rows, ``(rows, properties)``.
        reach: Squared distance at which that is a third of it, ``(properties,)``.
        share: Of the mean that is theirs, the rest is the network's, ``(properties,)``.
        known: Fingerprints of rows that taught it, ``(rows, bytes)``, see ``vaeseq.likeness``; none before the end.
        likeness: How like one of these held-out rows are at least.
    """

    def __init__(self, names: Sequence[str], latent: int) -> None:
        super().__init__()
        self.names, count = tuple(names), len(names)
        self.layers = nn.Sequential(nn.Linear(latent, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 2 * count))
        for name, start in (
            ("centre", torch.zeros(count)),
            ("scale", torch.ones(count)),
            ("spread", torch.ones(count)),
            ("middle", torch.zeros(latent)),
            ("whitening", torch.eye(latent)),
            ("edge", torch.tensor(torch.inf)),
            ("support", torch.zeros(0, latent)),
            ("pull", torch.zeros(0, count)),
            ("reach", torch.ones(count)),
            ("share", torch.zeros(count)),
            ("known", torch.zeros(0, BITS // 8, dtype=torch.uint8)),
            ("likeness", torch.tensor(0.0)),
        ):
            self.register_buffer(name, start)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:  # noqa: ANN401
        if (support := state_dict.get(f"{prefix}support")) is not None and support.ndim == 2:
            self.remember(*(table.new_zeros(len(support), table.shape[1]) for table in (self.support, self.pull)))
        for name in ("known", "likeness"):  # models of before had none
            state_dict.setdefault(f"{prefix}{name}", getattr(self, name))
        if (known := state_dict[f"{prefix}known"]).ndim == 2:
            self.known = self.known.new_zeros(len(known), self.known.shape[1])
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def remember(self, support: Tensor, pull: Tensor) -> None:
        """Take other rows to ask, as many as there are."""
        self.support, self.pull = support.to(self.support), pull.to(self.pull)

    def forward(self, z: Tensor) -> Normal:
        """Of each property, in its own units, for codes ``(batch, latent)``; batch shape ``(batch, properties)``."""
        mean, deviation = self._standard(z)
        return Normal(self.centre + self.scale * mean, self.scale * self.spread * deviation, validate_args=False)

    def losses(self, z: Tensor, targets: Tensor) -> Tensor:
        """``-log p`` of what is known of each row, in units of the training rows, ``(batch,)``.

        Args:
            z: Codes ``(batch, latent)``.
            targets: ``(batch, properties)``, nan where a property is not known.
        """
        known = ~targets.isnan()
        value = torch.where(known, (targets - self.centre) / self.scale, 0.0)
        told = Normal(*self._standard(z), validate_args=False).log_prob(value)
        return -torch.where(known, told, 0.0).sum(dim=1)

    def measure(self, targets: np.ndarray) -> None:
        """Take the units from training rows ``(rows, properties)``, of each property at least one known.

        What was remembered of others is forgotten.
        """
        self.remember(self.support[:0], self.pull[:0])
        self.share.zero_()
        self.known, self.likeness = self.known[:0], torch.zeros_like(self.likeness)
        centre, scale = np.nanmean(targets, axis=0), np.nanstd(targets, axis=0)
        self.centre.copy_(torch.as_tensor(centre))
        self.scale.copy_(torch.as_tensor(np.where(scale > 0, scale, 1.0)))

    def inside(self, z: Tensor, prints: Tensor) -> Tensor:
        """Whether texts are like known rows, ``(batch,)``: their codes lie where those do, and so many runs are theirs.

        Args:
            z: Codes ``(batch, latent)``.
            prints: Fingerprints ``(batch, bytes)``.
        """
        return (self.distance(z) <= self.edge) & (nearest(prints, self.known) >= self.likeness)

    def distance(self, z: Tensor) -> Tensor:
        """Of codes ``(batch, latent)`` from the middle (Mahalanobis), ``(batch,)``."""
        return ((z - self.middle) @ self.whitening).norm(dim=1)

    def _standard(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_deviation = self.layers(z).float().chunk(2, dim=1)
        if len(self.support):
            far = squared_distances(z.float(), self.support)
            columns = zip(self.pull.T, self.reach, strict=True)  # one at a time: each is as large as the distances
            near = torch.stack([torch.exp(-far / reach) @ pull for pull, reach in columns], dim=1)
            mean = torch.lerp(mean, near, self.share)
        return mean, (_WIDEST * torch.tanh(log_deviation / _WIDEST)).exp()
