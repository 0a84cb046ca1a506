"""Ways through the latent space.

References:
    Shoemake (1985), Animating rotation with quaternion curves (slerp), https://doi.org/10.1145/325165.325242
    White (2016), Sampling Generative Networks, https://arxiv.org/abs/1609.04468
"""

from typing import Literal

import torch
from torch import Tensor

PathKind = Literal["slerp", "lerp"]


def lerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Points on the straight line, ``(1 - t) start + t end``.

    Args:
        start: A code ``(latent,)``, reached at t = 0.
        end: A code ``(latent,)``, reached at t = 1.
        t: Places ``(steps,)``.

    Returns:
        Codes ``(steps, latent)``.
    """
    return torch.lerp(start.expand(len(t), -1), end.expand(len(t), -1), t.unsqueeze(1))


def slerp(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """Points on the great circle between two directions, the norm going straight from one to the other.

    Under N(0, I) codes lie near a sphere of radius ``sqrt(latent)``; a straight line leaves it, an arc does not.
    ``sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b`` for unit vectors a and b at the angle w.

    Args:
        start: A code ``(latent,)``, reached at t = 0.
        end: A code ``(latent,)``, reached at t = 1.
        t: Places ``(steps,)``.

    Returns:
        Codes ``(steps, latent)``.

    Raises:
        ValueError: An end is the origin, or the ends are antipodes: no direction, or no shortest arc.
    """
    norms = start.norm(), end.norm()
    if min(norms) == 0:
        raise ValueError("slerp ends must not be the origin, which has no direction; use lerp")
    a, b = start / norms[0], end / norms[1]
    # atan2 keeps its precision near 0 and pi, where acos loses half of the digits.
    angle = 2 * torch.atan2((a - b).norm(), (a + b).norm())
    if torch.pi - angle < 1e-4:
        raise ValueError("slerp ends must not be antipodes, which no shortest arc joins; use lerp")
    if angle < 1e-6:
        return lerp(start, end, t)
    shares = torch.stack([torch.sin((1 - t) * angle), torch.sin(t * angle)], dim=1) / torch.sin(angle)
    return (shares @ torch.stack([a, b])) * torch.lerp(*norms, t).unsqueeze(1)


def points(start: Tensor, end: Tensor, t: Tensor, kind: PathKind = "slerp") -> Tensor:
    """The codes at places ``(steps,)`` of a way from one code to another, the ends to the last bit."""
    way = {"slerp": slerp, "lerp": lerp}[kind](start, end, t)
    way[t == 0], way[t == 1] = start, end
    return way


def path(start: Tensor, end: Tensor, steps: int, kind: PathKind = "slerp") -> Tensor:
    """``steps`` codes from one code to another, both ends included, ``(steps, latent)``."""
    if steps < 2:
        raise ValueError(f"steps must be at least 2 (both ends), got {steps!r}")
    return points(start, end, torch.linspace(0, 1, steps, dtype=start.dtype), kind)
