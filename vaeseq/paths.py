"""Ways through the latent space.

References:
    Shoemake (1985), Animating rotation with quaternion curves (slerp), https://doi.org/10.1145/325165.325242
    White (2016), Sampling Generative Networks, https://arxiv.org/abs/1609.04468
    E, Ren and Vanden-Eijnden (2007), Simplified and improved string method, https://doi.org/10.1063/1.2720838
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

PathKind = Literal["slerp", "lerp", "density"]

KNOTS = 33  # of a way through a density; it is straight between them


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


def points(start: Tensor, end: Tensor, t: Tensor, kind: Literal["slerp", "lerp"] = "slerp") -> Tensor:
    """The codes at places ``(steps,)`` of a way from one code to another, the ends to the last bit."""
    way = {"slerp": slerp, "lerp": lerp}[kind](start, end, t)
    way[t == 0], way[t == 1] = start, end
    return way


def path(start: Tensor, end: Tensor, steps: int, kind: Literal["slerp", "lerp"] = "slerp") -> Tensor:
    """``steps`` codes from one code to another, both ends included, ``(steps, latent)``."""
    return points(start, end, places(steps).to(start.dtype), kind)


def places(steps: int) -> Tensor:
    """``steps`` places from 0 to 1, both included."""
    if steps < 2:
        raise ValueError(f"steps must be at least 2 (both ends), got {steps!r}")
    return torch.linspace(0, 1, steps)


def along(knots: Tensor, t: Tensor) -> Tensor:
    """The codes at places ``(steps,)`` of the straight pieces between knots ``(knots, latent)``, evenly spaced."""
    place = t * (len(knots) - 1)
    before = place.floor().clamp(max=len(knots) - 2).long()
    return torch.lerp(knots[before], knots[before + 1], (place - before).unsqueeze(1))


def lifted(
    knots: Tensor, log_prob: Callable[[Tensor], Tensor], *, steps: int = 200, step_size: float = 0.002
) -> Tensor:
    """A way between the same ends that avoids what is unlikely, ``(knots, latent)``.

    Where the density is below that on the line between the log-densities of the two ends, a knot climbs; after every
    step all are spread evenly over the way again, as in the simplified string method, whose knots would climb on to
    the mode, where few codes of texts are.

    Args:
        knots: The way to begin with, its ends in place.
        log_prob: Of codes ``(knots, latent)``, ``(knots,)``.
        steps: How often a knot may climb.
        step_size: How far at a time, relative to the length of the first way; one of no length stays.
    """
    t = torch.linspace(0, 1, len(knots), dtype=knots.dtype)
    size = step_size * float((knots[1:] - knots[:-1]).norm(dim=1).sum())
    if size == 0:
        return knots
    with torch.no_grad():
        floor = torch.lerp(*log_prob(knots[[0, -1]]), t)
    for _ in range(steps):
        here = knots.detach().requires_grad_()
        density = log_prob(here)
        low = (density < floor)[1:-1]
        if not low.any():
            break
        (slope,) = torch.autograd.grad(density.sum(), here)
        climb = size * slope[1:-1] / slope[1:-1].norm(dim=1, keepdim=True).clamp(min=1e-12)
        knots = knots.clone()
        knots[1:-1] += torch.where(low.unsqueeze(1), climb, 0.0)
        knots = _spread(knots)
    return knots


def _spread(knots: Tensor) -> Tensor:
    """As many knots of the same way, at equal distances along it."""
    reached = torch.cumsum((knots[1:] - knots[:-1]).norm(dim=1), dim=0)
    reached = torch.cat([reached.new_zeros(1), reached / reached[-1]])
    wanted = torch.linspace(0, 1, len(knots), dtype=knots.dtype)[1:-1]
    after = torch.searchsorted(reached, wanted).clamp(1, len(knots) - 1)
    share = (wanted - reached[after - 1]) / (reached[after] - reached[after - 1])
    between = torch.lerp(knots[after - 1], knots[after], share.unsqueeze(1))
    return torch.cat([knots[:1], between, knots[-1:]])


def mixed(codes: Tensor, weights: Tensor) -> Tensor:
    """Codes between several: their directions averaged, and their norms, ``(count, latent)``.

    Of two codes with the weights 1 - t and t it is on the arc of ``slerp``.

    Args:
        codes: ``(codes, latent)``, none the origin.
        weights: Of each code, 0 or more and 1 together, ``(count, codes)``.

    Raises:
        ValueError: Directions cancel, and no mean is left.
    """
    norms = codes.norm(dim=1, keepdim=True)
    mean = weights @ (codes / norms)
    length = mean.norm(dim=1, keepdim=True)
    if not bool((length > 1e-6).all()):
        raise ValueError("codes must not be the origin nor cancel each other, whose mean has no direction")
    return mean / length * (weights @ norms)
