"""Missing symbols: how likely is what is left of a text, and what may have stood at the missing places?

A text is its observed symbols x_o and its missing ones x_m; how many are missing is known. The decoder reads all that
came before, so ``p(x_o | z) = sum over x_m of p(x_o, x_m | z)`` has a term for every way to fill the places. Sequential
Monte Carlo estimates it without bias, for codes with importance weights as in MIWAE. They are of ``q(z | x_o)``, the
encoder seeing ``<mask>`` at the missing places, and where the model has a language model beside it also of ``q(z | x)``
of the text as that fills it: an encoder that has not learnt to read gaps says little of ``p(z | x_o)``. Where x_m is
known and only ``p(x_o)`` is asked for, they may be of ``q(z | x)`` of the text itself too.

A place is filled with symbols that people can read: not with ``<unk>``, and not with ``<eos>``, for the text goes on;
and with such as fit there, where the caller says which. The sum is over those completions alone: what the model gives
to others is lost from the weights, and from ``p(x_o)``.

References:
    Mattei and Frellsen (2019), MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets,
    https://arxiv.org/abs/1812.02633
    Doucet and Johansen (2009), A Tutorial on Particle Filtering and Smoothing: Fifteen Years Later,
    https://www.stats.ox.ac.uk/~doucet/doucet_johansen_tutorialPF2011.pdf
    Owen and Zhou (2000), Safe and Effective Importance Sampling (codes from a mixture, weighed by its density),
    https://doi.org/10.1080/01621459.2000.10473909
    Naesseth, Lindsten and Schön (2019), Elements of Sequential Monte Carlo, https://arxiv.org/abs/1903.04797
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent
from torch.nn import functional

from vaeseq.bounds import standard_noise
from vaeseq.corpus import Batch
from vaeseq.decoder import LanguageModel
from vaeseq.decoding import Steps, pick
from vaeseq.encoder import NoEncoder
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.posteriors import drawn
from vaeseq.priors import StandardNormalPrior
from vaeseq.tokenizer import EOS, PAD, RESERVED, UNK

FILLS, GUESSES = 31, 64  # of each row by the language model, to draw codes from; particles that they are drawn from
ROOM = 1 << 24  # numbers in the gates and logits of all particles of a step; a few tables of this size are held


class Completions(NamedTuple):
    """Several ways to fill the missing places of each row, the likeliest first (multiple imputation).

    Attributes:
        tokens: Ids ``(batch, completions, length)``: the row with its missing places filled, or ``<pad>`` throughout
            where fewer different completions were found than asked for.
        weight: Estimates of ``p(x_m | x_o)``, ``(batch, completions)``, 0 where there is no completion. What a row
            lacks to one belongs to completions that were found but not asked for.
        log_observed: As ``observed_log_prob``, of the completions that fit, nats ``(batch,)``.
        effective: How many codes have all the weight, ``(sum w)^2 / sum w^2``, ``(batch,)``: where few of many do,
            more codes would have other weights.
    """

    tokens: Tensor
    weight: Tensor
    log_observed: Tensor
    effective: Tensor


@torch.no_grad()
def observed_log_prob(
    vae: SequenceVAE,
    batch: Batch,
    *,
    samples: int,
    particles: int,
    whole: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Log of an unbiased estimate of ``p(x_o)``, nats, ``(batch,)``.

    The estimate is ``1/K sum_k p(z_k) / q(z_k) p_hat(x_o | z_k)`` with K codes z_k from q, see ``_codes``, and
    ``p_hat`` of N particles, see ``_filter``. The logarithm, in expectation the MIWAE bound, rises to ``log p(x_o)``
    with K and N. With nothing missing it is ``iwae``. Discrete codes are one code, which leaves all others out: an
    estimate that is too low.

    ``log p(x_m | x_o) = log p(x) - log p(x_o)`` is the difference of two such estimates, and comes out too high where
    the second misses the codes that the first is made of. With ``whole`` half of the codes are of ``q(z | x)``. The
    estimate stays unbiased, for it is so whatever the density that codes are drawn from and weighed by, one that x_m
    decides too: ``E_q[p(z) / q(z) p_hat(x_o | z)] = p(x_o)``, and ``p_hat`` sums over all that may stand at the missing
    places, as before. Since ``p(x_o | z) >= p(x | z)`` where x_m is readable, such a code gives ``p(x_o)`` no less than
    it gives ``p(x)``, but for the noise of the particles.

    Args:
        vae: The model.
        batch: Texts; what ``tokens`` holds at the places that are not observed is never read.
        samples: K, codes of each row.
        particles: N, particles of each code.
        whole: The texts with their missing symbols, ``(batch, length)``. Not used where K is 1, nor where posteriors
            are no Gaussians.
        generator: Source of randomness, on the batch's device.

    Raises:
        InputError: A missing place is not inside its text, or an observed symbol is one that no text holds.
    """
    found = _weighed(vae, batch, samples, particles, generator, whole=whole)
    return torch.cat([weight.logsumexp(dim=1) for _, weight in found])


@torch.no_grad()
def impute(
    vae: SequenceVAE,
    batch: Batch,
    *,
    samples: int,
    particles: int,
    completions: int,
    fits: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Completions:
    """Fill the missing places of each row in several ways, by the joint posterior of the code and the missing symbols.

    ``p(z, x_m | x_o)`` is approximated by all K N particles with the weights ``p(z_k) / q(z_k) w_ki``, made to sum to
    one. Particles with the same symbols are one completion with the sum of their weights, which tends to
    ``p(x_m | x_o)`` with K. For any K and N its product with the estimate of ``observed_log_prob`` from the same random
    numbers is ``p(x_o, x_m)`` in expectation.

    Mattei and Frellsen (2019) draw from such particles; their weights say the same with less noise. Arguments and
    errors are those of ``observed_log_prob``; ``completions`` is how many of each row to keep at most, and ``fits``,
    ``(length, vocabulary)``, is which symbols a place may be filled with, in all rows; at least one for each.
    """
    _check_counts(completions=completions)
    rows, observed, effective = [], [], []
    for group, weights in _weighed(vae, batch, samples, particles, generator, fits):
        shares = weights.double().softmax(dim=1)
        rows += [_heaviest(tokens, share, completions) for tokens, share in zip(group, shares, strict=True)]
        observed.append(weights.logsumexp(dim=1))
        effective.append(1 / shares.view(len(shares), samples, -1).sum(dim=2).square().sum(dim=1))
    tokens, weight = (torch.stack(part) for part in zip(*rows, strict=True))
    return Completions(tokens, weight.float(), torch.cat(observed), torch.cat(effective))


def _heaviest(tokens: Tensor, weight: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Of the different rows of ``tokens`` those of most weight in sum, ``(most, length)``, and that weight."""
    different, which = tokens.unique(dim=0, return_inverse=True)
    total = weight.new_zeros(len(different)).index_add_(0, which, weight)
    kept = total.sort(descending=True, stable=True).indices[:most]
    lacking = most - len(kept)
    return functional.pad(different[kept], (0, 0, 0, lacking), value=PAD), functional.pad(total[kept], (0, lacking))


def _weighed(
    vae: SequenceVAE,
    batch: Batch,
    samples: int,
    particles: int,
    generator: torch.Generator | None,
    fits: Tensor | None = None,
    whole: Tensor | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """By groups of rows, particles ``(rows, any, length)`` and log-weights ``(rows, any)``, in sum log p(x_o)."""
    _check_counts(samples=samples, particles=particles)
    _check_places(vae, batch)
    z, ratio = _codes(vae, batch, samples, generator, fits, whole)
    steps = Steps(vae.decoder)
    side_by_side = max(1, ROOM // (particles * steps.floats))  # codes; a row may have more than fit
    groups = [part.split(max(1, side_by_side // samples)) for part in (z, ratio, batch.tokens, ~batch.observed)]
    for codes_of, ratio_of, *texts in zip(*groups, strict=True):
        inputs = (codes_of.flatten(0, 1), *(text.repeat_interleave(samples, dim=0) for text in texts))
        parts = zip(*(part.split(side_by_side) for part in inputs), strict=True)
        clouds = [_filter(steps, *part, particles, generator, fits) for part in parts]
        tokens, weight = (torch.cat(part).unflatten(0, (-1, samples)) for part in zip(*clouds, strict=True))
        weight = (weight + ratio_of.unsqueeze(2)).flatten(1)
        yield tokens.flatten(1, 2), weight - math.log(weight.shape[1])


def codeless(language: LanguageModel) -> SequenceVAE:
    """A language model as a model whose codes have no dimensions."""
    return SequenceVAE(NoEncoder(), language.decoder, StandardNormalPrior(0)).to(language.decoder.bias.device)


def _codes(
    vae: SequenceVAE,
    batch: Batch,
    samples: int,
    generator: torch.Generator | None,
    fits: Tensor | None,
    whole: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """K codes of each row ``(rows, K, latent)``, and ``log p(z) - log q(z)``, ``(rows, K)``.

    q is an even mixture of ``q(z | x_o)`` and those of the text as the language model fills it, each as often as it is
    drawn from; without a language model, or where the posterior is no Gaussian, ``q(z | x_o)`` alone. Where ``whole``
    is given it has half of the weight, and that of the whole text the other half.
    """
    posteriors = [vae.posterior(batch.tokens, batch.observed)]
    gaussian = isinstance(posteriors[0], Independent)
    informed = samples // 2 if gaussian and whole is not None else 0
    blind = samples - informed
    if vae.language is not None and gaussian and blind > 1:
        fills = _fills(vae.language, batch, min(FILLS, blind - 1), generator, fits)
        posteriors += [vae.posterior(tokens) for tokens in fills.unbind(dim=1)]
    turns, prior = [k % len(posteriors) for k in range(blind)] + [len(posteriors)] * informed, vae.prior()
    if informed:
        posteriors.append(vae.posterior(whole))
    codes = [drawn(posteriors[turn], standard_noise(posteriors[turn], generator)) for turn in turns]
    z, log_q = (torch.stack(part) for part in zip(*codes, strict=True))
    if len(posteriors) > 1:
        each = [q.log_prob(z) + math.log(turns.count(i) / samples) for i, q in enumerate(posteriors)]
        log_q = torch.stack(each).logsumexp(dim=0)
    return z.transpose(0, 1), torch.stack([prior.log_prob(its) for its in z], dim=1) - log_q.T


def _fills(
    language: LanguageModel, batch: Batch, count: int, generator: torch.Generator | None, fits: Tensor | None
) -> Tensor:
    """Draws of what a language model thinks the text may be, ``(rows, count, length)``."""
    found = []
    for tokens, weight in _weighed(codeless(language), batch, 1, GUESSES, generator, fits):
        chosen = torch.multinomial(weight.softmax(dim=1), count, replacement=True, generator=generator)
        found.append(tokens.gather(1, chosen.unsqueeze(2).expand(-1, -1, tokens.shape[2])))
    return torch.cat(found)


def _filter(
    steps: Steps,
    z: Tensor,
    tokens: Tensor,
    missing: Tensor,
    count: int,
    generator: torch.Generator | None,
    fits: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """N particles of each code, ``(codes, N, length)``, and log w, ``(codes, N)``, with ``E[1/N sum w] = p(x_o | z)``.

    An observed symbol weighs, ``w <- w p(x_t | x_<t, z)``. A missing one is drawn from that conditional, kept to the
    readable symbols R, and weighs by what R has of it, ``w <- w sum over v in R of p(v | x_<t, z)``. Where the
    effective sample size ``(sum w)^2 / sum w^2`` is below N/2 before a draw, the particles are resampled and all weigh
    their mean. After the last draw that would only add noise. Before the first all particles are equal, and one stands
    for them: N is 1 where nothing is missing.

    References:
        Doucet and Johansen (2009), on resampling and on auxiliary particle filtering (weights before the draw)
        Naesseth et al. (2019), on the estimate of the normalisation constant, which is unbiased
    """
    rows, log_weight = steps.rows(z), z.new_zeros(len(z), 1)
    for place, draws in enumerate(missing.any(dim=0).tolist()[1:], start=1):
        blank, targets = missing[:, place, None], tokens[:, place].view(len(z), -1)
        logits, rows = steps.step(tokens[:, place - 1], rows)
        log_p = logits.log_softmax(dim=1)
        given = log_p.gather(1, tokens[:, place, None]).view_as(targets).masked_fill(targets == PAD, 0.0)
        log_p[:, [UNK, EOS]] = -torch.inf
        if fits is not None:
            log_p = log_p.masked_fill(~fits[place], -torch.inf)
        log_weight = log_weight + torch.where(blank, log_p.logsumexp(dim=1).view_as(targets), given)
        if draws:
            ancestors, log_weight = _resampled(log_weight, blank, count, generator)
            rows, tokens, log_p = rows.take(ancestors), tokens[ancestors], log_p[ancestors]
            chance = torch.rand(len(tokens), generator=generator, device=z.device)
            fills = pick(log_p, 1.0, 1.0, chance).view_as(log_weight)
            tokens[:, place] = torch.where(blank, fills, tokens[:, place].view_as(fills)).flatten()
    return tokens.unflatten(0, log_weight.shape), log_weight


def _resampled(
    log_weight: Tensor, blank: Tensor, count: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Which particles go on, ``(codes * N,)``, and their log-weights; systematic, with one random number for a code."""
    share = log_weight.double().softmax(dim=1)
    offset = torch.rand(len(share), 1, generator=generator, device=share.device, dtype=share.dtype)
    places, below = torch.arange(count, device=share.device), share.cumsum(dim=1)
    chosen = torch.searchsorted(below, (places + offset) / count * below[:, -1:], right=True)
    # The one particle before the first draw becomes N.
    again = blank & (share.square().sum(dim=1, keepdim=True) > 2 / count) | (share.shape[1] < count)
    mean = log_weight.logsumexp(dim=1, keepdim=True) - math.log(share.shape[1])
    ancestors = torch.where(again, chosen, places).clamp(max=share.shape[1] - 1)
    first = torch.arange(0, share.numel(), share.shape[1], device=share.device)
    return (first[:, None] + ancestors).flatten(), torch.where(again, mean, log_weight).expand(-1, count)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} must be at least 1, got {count!r}")


def _check_places(vae: SequenceVAE, batch: Batch) -> None:
    tokens, inside = batch.tokens, torch.arange(batch.tokens.shape[1], device=batch.tokens.device) > 0
    never = inside & (tokens != PAD) & (vae.decoder.impossible[tokens] < 0)
    rules = {
        "missing symbols must be inside their text": ~batch.observed & ~(inside & (tokens > EOS)),
        "observed symbols must be such as a text holds": batch.observed & never,
    }
    for rule, broken in rules.items():
        for row, place in broken.nonzero().tolist()[:1]:
            got = (*RESERVED, "a symbol")[min(int(tokens[row, place]), len(RESERVED))]
            raise InputError(f"{rule}, got {got!r} at place {place} of row {row}")
