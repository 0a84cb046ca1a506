"""How right predicted properties are, and making a property head as sure as it may be."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeseq import kernel
from vaeseq.corpus import Corpus, choose
from vaeseq.diagnostics import batches
from vaeseq.likeness import alike, fingerprints, nearest
from vaeseq.model import SequenceVAE
from vaeseq.regression import PropertyHead

NINETY = 1.6448536269514722  # deviations to both sides that hold nine tenths of a normal distribution
_QUANTILE = 0.99  # of held-out rows that count as inside
_ENOUGH = 5  # held-out values of a property that say how large its errors are
_MANY = 100  # held-out rows that say how far codes reach; of fewer the quantile is their maximum, a matter of luck
_KNOWN = 4_096  # rows at most whose fingerprints are kept: a megabyte
_AT_ONCE = 1_024  # codes that the head is asked about
_RIDGE = 1e-3  # of the variance of codes, so that few rows have a whitening too


class Quality(NamedTuple):
    """Of the predictions of one property over rows that have it.

    Attributes:
        rows: How many.
        r2: Share of the variance that is explained; below 0 where the mean of the rows would be nearer.
        rmse: Root of the mean squared error, in the property's units.
        coverage_90: Share of the rows within the interval that is to hold nine tenths of them.
    """

    rows: int
    r2: float
    rmse: float
    coverage_90: float


class Predicted(NamedTuple):
    """Of some rows, each ``(rows, properties)``.

    Attributes:
        mean: Of the predictions.
        deviation: Of them.
        targets: What was measured.
        codes: Posterior means ``(rows, latent)``.
        prints: Fingerprints ``(rows, bytes)``, see ``vaeseq.likeness``.
    """

    mean: Tensor
    deviation: Tensor
    targets: Tensor
    codes: Tensor
    prints: Tensor


@torch.no_grad()
def predicted(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray) -> Predicted:
    """From the posterior mean of each row, by length and not in the order given; on the CPU."""
    vae.eval()
    device = next(vae.parameters()).device
    found = []
    for batch in batches(corpus, rows, device):
        code = vae.posterior(batch.tokens, batch.observed).mean
        parts = (*_told(vae.properties, code), batch.targets, code, fingerprints(batch.tokens))
        found.append([part.cpu() for part in parts])
    return Predicted(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _told(head: PropertyHead, codes: Tensor) -> tuple[Tensor, Tensor]:
    told = head(codes)
    return told.mean, told.stddev


def _anew(head: PropertyHead, its: Predicted) -> Predicted:
    """The same rows by a head that says something else of their codes; on the CPU."""
    mean, deviation = zip(*(_told(head, codes) for codes in its.codes.split(_AT_ONCE)), strict=True)
    return its._replace(mean=torch.cat(mean), deviation=torch.cat(deviation))


def quality(mean: Tensor, deviation: Tensor, targets: Tensor) -> Quality:
    """Of one property: predictions and what was measured, each ``(rows,)``, nan where nothing was."""
    known = ~targets.isnan()
    mean, deviation, true = (part[known].double() for part in (mean, deviation, targets))
    if not len(true):
        return Quality(0, math.nan, math.nan, math.nan)
    error = (true - mean).square()
    total = (true - true.mean()).square().sum()
    within = (error.sqrt() <= NINETY * deviation).double().mean()
    r2 = 1 - float(error.sum() / total) if total > 0 else math.nan
    return Quality(len(true), r2, float(error.mean().sqrt()), float(within))


@torch.no_grad()
def calibrate(vae: SequenceVAE, corpus: Corpus) -> None:
    """Have the head ask the rows it was taught (``vaeseq.kernel``), settle how sure it is, and where it knows anything.

    By rows of the valid split; without any nothing is asked, and those of train tell the rest. Predicted deviations are
    multiplied so that the errors of held-out rows are as large as they say; texts are inside where their codes are no
    further from those of training rows than nearly all held-out ones, and where they are as like one of these rows.
    Where held-out rows are few, as each training row would be if it were left out.

    References:
        Levi et al. (2022), Evaluating and Calibrating Uncertainty Prediction in Regression Tasks (one factor for all
        deviations), https://arxiv.org/abs/1905.11659
    """
    head = vae.properties
    known = ~np.isnan(corpus.targets)
    train, valid = (corpus.rows(split)[known[corpus.rows(split)].any(axis=1)] for split in ("train", "valid"))
    learnt = predicted(vae, corpus, train)
    held_out = predicted(vae, corpus, valid) if len(valid) else learnt
    if len(valid):
        device = head.support.device
        kernel.learn(head.cpu(), learnt.codes, learnt.targets, held_out.codes, held_out.targets)
        learnt, held_out = (_anew(head, its) for its in (learnt, held_out))
        head.to(device)
    both = [((its.targets - its.mean) / its.deviation).square().nanmean(dim=0).sqrt() for its in (held_out, learnt)]
    ratio = torch.where((~held_out.targets.isnan()).sum(dim=0) >= _ENOUGH, *both)
    head.spread.mul_(torch.where(ratio > 0, ratio, 1.0).to(head.spread))
    middle = learnt.codes.mean(dim=0)
    covariance = (learnt.codes - middle).T @ (learnt.codes - middle) / len(learnt.codes)
    values, axes = torch.linalg.eigh(covariance.double())
    head.middle.copy_(middle)
    head.whitening.copy_(axes / (values + _RIDGE * values.mean().clamp(min=1e-6)).sqrt())
    head.known = learnt.prints[torch.from_numpy(choose(np.arange(len(train)), _KNOWN, seed=0))].to(head.known)
    far, like = head.distance(held_out.codes.to(head.middle)), nearest(held_out.prints.to(head.known), head.known)
    if len(far) < _MANY:
        far = torch.cat([far, _alone(head.distance(learnt.codes.to(head.middle)))])
        like = torch.cat([like, alike(head.known, head.known).fill_diagonal_(0).amax(dim=1)])
    head.edge.copy_(far.quantile(_QUANTILE))
    head.likeness.copy_(like.quantile(1 - _QUANTILE))


def _alone(distance: Tensor) -> Tensor:
    """How far each code ``(rows,)`` would be from the middle of the others, which it has drawn to itself, axes too."""
    return distance / (1 - (distance.square() / max(1, len(distance) - 1)).clamp(max=0.9)).sqrt()
