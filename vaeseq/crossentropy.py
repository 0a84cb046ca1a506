"""Cross-entropy of a linear layer, its logits made in pieces.

The logits of a batch are the largest tensor of training by far: ``(symbols, vocabulary)``, read and written half a
dozen times in float32. Here they live in pieces that fit a cache, on a GPU in larger ones; what is kept for the way
back is their gradient, in the precision of the matrix products. ``torch.nn.functional.linear_cross_entropy`` of torch
2.13 saves more memory, but on a CPU it takes longer than the plain layers (LOG.md).
"""

import torch
from torch import Tensor

PIECE = {"cpu": 2**20, "cuda": 2**26}  # logits at a time: 4 MB; on a GPU each piece costs a dozen launches
ROWS = 256  # at a time at least: each piece reads the whole weight


def linear_cross_entropy(inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """``-log softmax(inputs weight^T + bias)`` at the targets.

    Matrix products are in the precision of ``torch.autocast`` where it is on, the softmax in that of ``bias``.

    Args:
        inputs: ``(symbols, features)``.
        weight: ``(vocabulary, features)``.
        bias: ``(vocabulary,)``; minus infinity leaves an entry out.
        targets: Indices into the vocabulary, ``(symbols,)``.

    Returns:
        Nats, ``(symbols,)``.
    """
    kind = inputs.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    losses = _LinearCrossEntropy.apply(inputs, weight, bias, targets, dtype, torch.is_grad_enabled())
    assert isinstance(losses, Tensor)
    return losses


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
        learns: bool,
    ) -> Tensor:
        with torch.autocast(inputs.device.type, enabled=False):
            x, w = inputs.to(dtype), weight.to(dtype)
            losses = inputs.new_empty(len(x), dtype=bias.dtype)
            slopes = x.new_empty((len(x), len(w))) if learns else None
            rows = max(ROWS, PIECE[x.device.type] // len(w))
            for start in range(0, len(x), rows):
                here = slice(start, start + rows)
                logits = (x[here] @ w.t()).to(bias.dtype) + bias
                wanted = targets[here].unsqueeze(1)
                # The exponentials are the dearest part: each is taken once, for the sum and for the gradient.
                logits.sub_(logits.amax(dim=1, keepdim=True))
                reached = logits.gather(1, wanted)
                sums = logits.exp_().sum(dim=1, keepdim=True)
                losses[here] = (sums.log() - reached).squeeze(1)
                if slopes is not None:
                    # d loss / d logits: the softmax, less one at the target; before rounding, or a probability near
                    # one would leave no gradient.
                    logits.div_(sums)
                    slopes[here] = logits.scatter_add_(1, wanted, -torch.ones_like(wanted, dtype=logits.dtype))
        if slopes is not None:
            ctx.save_for_backward(x, w, slopes)
        return losses

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, w, slopes = ctx.saved_tensors
        factor = slope.unsqueeze(1)
        by_input = (slopes @ w).to(slope.dtype) * factor
        by_weight = (slopes.t() @ (x * factor.to(x.dtype))).to(slope.dtype)
        by_bias = (slope.to(x.dtype) @ slopes).to(slope.dtype)
        return by_input, by_weight, by_bias, None, None, None
