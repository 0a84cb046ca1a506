"""Kernel ridge regression of properties from codes, beside the network that learnt them together with the codes.

References:
    Saunders, Gammerman and Vovk (1998), Ridge regression learning algorithm in dual variables (and what each row would
    get if it were left out: Vehtari et al. 2016, https://jmlr.org/papers/v17/14-540.html, section 2)
"""

import math
from itertools import product

import numpy as np
import torch
from torch import Tensor

from vaeseq.regression import PropertyHead, squared_distances

SUPPORT = 4_096  # rows that are asked, at most, chosen by chance: a prediction takes a distance to each
LEAST, HELD_OUT = 20, 5  # values that are known; of fewer nothing is asked
JUDGES = 30  # held-out values that choose; of fewer each training row is left out in turn
REACHES, RIDGES, SHARES = (0.35, 0.5, 0.7, 1.0), (0.01, 0.1, 1.0), (0.0, 0.5, 1.0)


@torch.no_grad()
def learn(head: PropertyHead, codes: Tensor, targets: Tensor, held_codes: Tensor, held_targets: Tensor) -> None:
    """Have the head ask known rows, as far as that brings it nearer to held-out ones.

    Args:
        head: Taught, and on the CPU.
        codes: Of training rows, ``(rows, latent)``.
        targets: Of these, ``(rows, properties)``, nan where unknown.
        held_codes: Of held-out rows.
        held_targets: Of these.
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(codes))[:SUPPORT])
    support, values = codes[chosen].double(), ((targets[chosen] - head.centre) / head.scale).double()
    far, held_far = squared_distances(support, support), squared_distances(held_codes.double(), support)
    told = ((head(held_codes).mean - head.centre) / head.scale).double()
    asked = ((held_targets - head.centre) / head.scale).double()
    size = 2 * float(support.var(dim=0, correction=0).sum())
    pull = torch.zeros_like(values)
    for i in range(values.shape[1]):
        known, judges = ~values[:, i].isnan(), ~asked[:, i].isnan()
        if int(known.sum()) < LEAST or int(judges.sum()) < HELD_OUT or not size:
            continue
        best = math.inf
        for reach, ridge in product(REACHES, RIDGES):
            width = reach**2 * size
            factor = torch.exp(-far[known][:, known] / width)
            factor.diagonal().add_(ridge)
            factor = torch.linalg.cholesky(factor)
            weights = torch.cholesky_solve(values[known, i : i + 1], factor).squeeze(1)
            if int(judges.sum()) < JUDGES:
                found = [(float(left_out(factor, weights).square().mean()), 0.5)]
            else:
                near = torch.exp(-held_far[judges][:, known] / width) @ weights
                found = [
                    (float((torch.lerp(told[judges, i], near, share) - asked[judges, i]).square().mean()), share)
                    for share in SHARES
                ]
            error, share = min(found)
            if error < best:
                best, head.share[i], head.reach[i] = error, share, width
                pull[known, i] = weights
    head.remember(support, pull)


def left_out(factor: Tensor, weights: Tensor) -> Tensor:
    """By how much each training row would be missed if it were left out, ``(rows,)``.

    Args:
        factor: Cholesky's, of the kernel with its ridge, ``(rows, rows)``.
        weights: Of the rows.
    """
    return weights / torch.cholesky_inverse(factor).diagonal()
