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

SUPPORT = 4_096  # rows that are asked, at most, and held-out ones that choose: a prediction takes a distance to each
LEAST, HELD_OUT = 20, 5  # values that are known; of fewer nothing is asked
JUDGES = 30  # held-out values that choose; of fewer each training row is left out in turn
REACHES, RIDGES, SHARES = (0.35, 0.5, 0.7, 1.0), (0.01, 0.1, 1.0), (0.0, 0.5, 1.0)


@torch.no_grad()
def learn(head: PropertyHead, codes: Tensor, targets: Tensor, held_codes: Tensor, held_targets: Tensor) -> None:
    """Have the head ask known rows, as far as that brings it nearer to held-out ones.

    Of few of these, half of each is taken, where rows that are left out would be met no worse than the network meets
    held-out ones.

    Args:
        head: Taught, and on the CPU.
        codes: Of training rows, ``(rows, latent)``.
        targets: Of these, ``(rows, properties)``, nan where unknown.
        held_codes: Of held-out rows.
        held_targets: Of these.
    """
    chosen = some_rows(targets)
    judging = some_rows(held_targets)
    held_codes, held_targets = held_codes[judging], held_targets[judging]
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
        between, across = far[known][:, known], held_far[judges][:, known]
        network = float((told[judges, i] - asked[judges, i]).square().mean())
        best = math.inf
        for reach, ridge in product(REACHES, RIDGES):
            width = reach**2 * size
            factor = torch.exp(-between / width)
            factor.diagonal().add_(ridge)
            factor = torch.linalg.cholesky(factor)
            weights = torch.cholesky_solve(values[known, i : i + 1], factor).squeeze(1)
            if int(judges.sum()) < JUDGES:
                left = float(left_out(factor, weights).square().mean())
                found = [(left, 0.5 if left <= network else 0.0)]
            else:
                near = torch.exp(-across / width) @ weights
                found = [
                    (float((torch.lerp(told[judges, i], near, share) - asked[judges, i]).square().mean()), share)
                    for share in SHARES
                ]
            error, share = min(found)
            if error < best:
                best, head.share[i], head.reach[i] = error, share, width
                pull[known, i] = weights
    head.remember(support, pull)


def some_rows(targets: Tensor) -> np.ndarray:
    """At most ``SUPPORT`` rows by chance, in order; of each property as many that know it, as far as there are."""
    order = np.random.default_rng(0).permutation(len(targets))
    known = ~targets.isnan().numpy()[order]
    each = [order[its][: SUPPORT // len(known.T)] for its in known.T]
    first = dict.fromkeys(np.concatenate([*each, order]).tolist())
    return np.sort(np.array(list(first)[:SUPPORT], dtype=np.int64))


def left_out(factor: Tensor, weights: Tensor) -> Tensor:
    """By how much each training row would be missed if it were left out, ``(rows,)``.

    Args:
        factor: Cholesky's, of the kernel with its ridge, ``(rows, rows)``.
        weights: Of the rows.
    """
    return weights / torch.cholesky_inverse(factor).diagonal()
