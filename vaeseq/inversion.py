"""Codes whose greedy text is a given text: from where the encoder begins, through the frozen decoder.

References:
    Lipton and Tripathi (2017), Precise Recovery of Latent Vectors from Generative Adversarial Networks,
    https://arxiv.org/abs/1702.04782
    Subramani, Bowman and Cho (2019), Can Unconditional Language Models Recover Arbitrary Sentences? (each text has a
    code of its own, found by gradients), https://arxiv.org/abs/1907.04944
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaeseq.device import differentiable
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import EOS, PAD, UNK

MARGIN = 0.3  # of a logit over the next best: decoding symbol by symbol rounds in another way than a whole text at once


class Inverted(NamedTuple):
    """Codes found for texts.

    Attributes:
        codes: ``(batch, latent)``; the encoder's own where no other was needed, or none was found.
        exact: Whether the greedy text of the code is the text, ``(batch,)``.
    """

    codes: Tensor
    exact: Tensor


def inverted(
    vae: SequenceVAE, tokens: Tensor, codes: Tensor, *, steps: int = 200, learning_rate: float = 0.03
) -> Inverted:
    """Move each code until the decoder's likeliest symbol is the text's at every place.

    Steps of Adam on ``sum_t max(0, margin + max_{s != x_t} l_t(s) - l_t(x_t))`` with the logits ``l`` of the decoder
    that reads the text: places that are right by a margin do not pull, so a code moves no further than it must.

    Args:
        vae: The model, in evaluation mode.
        tokens: Texts ``(batch, length)``, ``<bos> ... <eos>``, padded.
        codes: Where to begin, the means of their posteriors ``(batch, latent)``.
        steps: At most.
        learning_rate: Of Adam, about how far each coordinate moves in a step at first.
    """
    found, exact = codes.clone(), torch.zeros(len(codes), dtype=torch.bool, device=codes.device)
    z = codes.clone().requires_grad_()
    optimizer, given = torch.optim.Adam([z], lr=learning_rate), vae.decoder.given(tokens[:, :-1])
    for _ in range(steps + 1):
        left = (~exact).nonzero().squeeze(1)
        with differentiable():
            lacks = _lacks(vae, tokens[left], z[left], given[left])
            right = left[(lacks == 0).all(dim=1)]
            found[right], exact[right] = z[right].detach(), True
            if len(right) == len(left):
                break
            (z.grad,) = torch.autograd.grad(lacks.sum(), z)
        optimizer.step()
    return Inverted(found, exact)


def _lacks(vae: SequenceVAE, tokens: Tensor, z: Tensor, given: Tensor) -> Tensor:
    """By how much each symbol's logit misses the margin over the best other that greedy decoding may choose."""
    history, targets = tokens[:, :-1], tokens[:, 1:]
    logits, _ = vae.decoder.logits(history, z, vae.decoder.first_state(z), given)
    others = logits.scatter(2, targets.unsqueeze(2), -torch.inf)
    others[:, :, UNK] = -torch.inf
    others[:, 0, EOS] = -torch.inf
    wanted = logits.gather(2, targets.unsqueeze(2)).squeeze(2)
    lacks = (MARGIN + others.amax(dim=2) - wanted).clamp(min=0)
    return torch.where(targets == PAD, 0.0, lacks)
