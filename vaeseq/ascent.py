"""Climbing a predicted property through the latent space, by its gradient.

References:
    Gómez-Bombarelli et al. (2018), section "Bayesian optimization / property prediction" (a predictor trained jointly
    with the autoencoder orders the space, so that one can climb in it), https://arxiv.org/abs/1610.02415
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vaeseq.device import differentiable
from vaeseq.regression import PropertyHead
from vaeseq.rounds import Call, Source
from vaeseq.seeds import mixed_seed
from vaeseq.walks import SearchSpace

PARENTS, STARTS = 20, 64  # best texts, and codes around them that climb in a round
NOISE = 0.3  # around a parent's code, in standard deviations of N(0, I): another start each round
STEPS, STRIDE = 20, 0.15  # a step's length where the codes of known rows have variance 1


class Ascent:
    """Proposes the texts of codes that climbed, from around the best texts so far.

    Args:
        space: Encodes and decodes.
        head: Of the model of that space.
        name: The property to climb.
        source: Texts of the first round, and where few are new.
        seed: Of all that is random.
        down: To low values of it.
    """

    def __init__(
        self, space: SearchSpace, head: PropertyHead, name: str, source: Source, seed: int, *, down: bool = False
    ) -> None:
        self._space, self._head, self._place = space, head, head.names.index(name)
        self._source, self._seed, self._down = source, seed, down

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The texts of one round: of the highest prediction first, and of each code its last place first."""
        finite = [call for call in calls if math.isfinite(call.value) and self._space.reads(call.text)]
        if not finite:
            return self._source(calls, count)
        parents = [call.text for call in sorted(finite, key=lambda call: -call.value)[:PARENTS]]
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, len(calls)))
        codes = self._space.encode(parents).mean
        chosen = codes[torch.randint(len(codes), (STARTS,), generator=generator)]
        starts = chosen + NOISE * torch.randn(chosen.shape, generator=generator)
        ways = climbed(self._head, self._place, starts.to(self._head.middle), down=self._down).cpu()
        known, found = {call.text for call in calls}, {}
        for z in reversed(ways):
            new = [text for text in self._space.decode(z) if text and text not in known]
            found |= dict.fromkeys(new)
            if len(found) >= count:
                break
        texts = list(found)[:count]
        return texts + self._source.new(count - len(texts), known.union(texts))


def climbed(head: PropertyHead, place: int, z: Tensor, *, down: bool = False) -> Tensor:
    """Ways up from codes ``(codes, latent)``, the steepest last: ``(STEPS, codes, latent)``, ordered by prediction.

    Directions are steepest where the codes of known rows have variance 1; a code that leaves them is put back to their
    edge, for beyond it the head knows nothing. ``down`` goes down instead.
    """
    sign = -1 if down else 1
    metric = head.whitening @ head.whitening.T
    inverse = torch.linalg.inv(metric)  # the covariance of known codes
    ways = []
    for _ in range(STEPS):
        z = z.detach().requires_grad_()
        with differentiable():
            (gradient,) = torch.autograd.grad(sign * head(z).mean[:, place].sum(), z)
        direction = gradient @ inverse
        length = (direction @ head.whitening).norm(dim=1, keepdim=True).clamp(min=1e-12)
        z = (z + STRIDE * direction / length).detach()
        far = (head.distance(z) / head.edge).clamp(min=1).unsqueeze(1)
        z = head.middle + (z - head.middle) / far
        ways.append(z)
    with torch.no_grad():
        order = (sign * head(ways[-1]).mean[:, place]).argsort(descending=True, stable=True)
    return torch.stack(ways)[:, order]
