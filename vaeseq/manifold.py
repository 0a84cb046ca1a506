"""Points all over a latent plane, to see what lies where.

References:
    Kingma and Welling (2014), Auto-Encoding Variational Bayes, appendix A and figure 4, https://arxiv.org/abs/1312.6114
"""

import torch
from torch import Tensor

from vaeseq.errors import InputError


def grid(side: int) -> Tensor:
    """Codes of a plane in the middle of ``side`` times ``side`` cells that N(0, I) fills alike, ``(side * side, 2)``.

    ``z = (F((j + 1/2) / side), F((side - i - 1/2) / side))`` in line i and column j, with F the inverse of the Gaussian
    distribution function. Line after line, as one reads: the first coordinate rises to the right, the second falls from
    line to line, as on a map. The probabilities are evenly spaced inside (0, 1), so no code is infinite.

    Raises:
        InputError: ``side`` is below 1.
    """
    if side < 1:
        raise InputError(f"side must be at least 1, got {side!r}")
    places = torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side)
    return torch.stack([places.repeat(side), places.flip(0).repeat_interleave(side)], dim=1).float()
