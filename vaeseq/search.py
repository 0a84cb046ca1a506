"""Searching a latent space for texts that an oracle likes, in few calls.

The one module of this package that needs botorch and gpytorch; they are imported when a model of the oracle is fitted.

A Gaussian process sees a text as the mean of its posterior, not as the code it was decoded from: many codes decode to
one text, and a code may decode to a text that is encoded elsewhere. So every candidate is decoded, encoded again, and
judged by the code that it has as a text. Choosing codes before decoding them was tried: it finds worse texts than
chance.

References:
    Gómez-Bombarelli et al. (2018), optimisation in the latent space of a VAE, https://arxiv.org/abs/1610.02415
    Balandat et al. (2020), BoTorch, https://arxiv.org/abs/1910.06403
    Eriksson et al. (2019), TuRBO: searching around the best instead of everywhere, https://arxiv.org/abs/1910.01739
    Hvarfner et al. (2024), length scales that grow with the dimension, https://arxiv.org/abs/2402.02229
    Ament et al. (2023), LogEI, https://arxiv.org/abs/2310.20708
    Cotter et al. (2013), equation 4.5 (steps that keep a Gaussian prior), https://arxiv.org/abs/1202.0709
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from vaeseq.rounds import Call, Oracle, SearchConfig, Source, searched
from vaeseq.seeds import mixed_seed
from vaeseq.walks import SearchSpace, TextSpace

if TYPE_CHECKING:
    from botorch.models import SingleTaskGP

Method = Literal["bayesian", "random_prior"]

_CHUNK = 64  # prior draws decoded at a time
_PATIENCE = 20  # chunks in a row without anything new before a space counts as exhausted
_PENDING = 50  # codes of a batch that are on their way
_PARENTS = 10  # best texts around which half of the codes are drawn
_LEAST, _MOST = 0.1, 1.0  # smallest and largest step from a parent; 1 forgets it
_SUCCESSES = 3  # rounds in a row with a better text, after which the largest step is twice as large
_WIDTH = 6.0  # of the prior, in standard deviations, that the unit interval of the Gaussian process stands for


def search(
    space: SearchSpace,
    oracle: Oracle,
    config: SearchConfig,
    *,
    method: Method = "bayesian",
    seed: int = 0,
    calls: Sequence[Call] = (),
) -> Iterator[list[Call]]:
    """Ask the oracle for new texts of a space, see ``vaeseq.rounds.searched``.

    Both methods start with the same texts, decoded greedily from draws of the prior, and ``random_prior`` goes on like
    that. The search ends early when the space has no more new texts to give.

    Args:
        space: ``decode`` gives '' for what is no candidate; it reads all other texts it gives.
        oracle: One value per text, higher is better, nan for a text that has none.
        config: The budget.
        method: How texts are chosen.
        seed: Two searches with the same seed and space ask for the same texts.
        calls: What an earlier search with the same arguments has paid for; none of it is asked for again.

    Raises:
        InputError: The oracle does not give one number per text.
    """
    prior = PriorTexts(space, seed)
    propose = Bayesian(space, prior, config, seed) if method == "bayesian" else prior
    return searched(propose, oracle, config, calls=calls)


class PriorTexts:
    """Proposes the distinct texts of an endless row of draws from the prior, decoded as far as needed."""

    def __init__(self, space: TextSpace, seed: int) -> None:
        self._space, self._seed = space, seed
        self._texts: dict[str, None] = {}
        self._chunk = self._barren = 0

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The first ``count`` that were not asked for."""
        return self.new(count, {call.text for call in calls})

    def new(self, count: int, known: set[str]) -> list[str]:
        """The first ``count`` that are not known; fewer when nothing new comes any more."""
        if count < 1:
            return []
        while self._barren < _PATIENCE and len(self._texts.keys() - known) < count:
            z = self._space.prior_sample(_CHUNK, seed=mixed_seed(self._seed, self._chunk))
            before = len(self._texts)
            self._texts.update(dict.fromkeys(text for text in self._space.decode(z) if text))
            self._chunk += 1
            self._barren = 0 if len(self._texts) > before else self._barren + 1
        return [text for text in self._texts if text not in known][:count]


class Bayesian:
    """Proposes the texts that promise the most by a Gaussian process, after a first round from the prior.

    Calls that the space cannot read have no code, and tell it nothing.
    """

    def __init__(self, space: SearchSpace, prior: Source, config: SearchConfig, seed: int) -> None:
        self._space, self._prior, self._config, self._seed = space, prior, config, seed
        self._codes: list[Tensor] = []  # of each round

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The texts of one round."""
        if not calls:
            return self._prior(calls, count)
        # Round by round, so that a resumed search sees the very same numbers.
        for start, end in self._ended(calls)[len(self._codes) :]:
            read = [call.text for call in calls[start:end] if self._space.reads(call.text)]
            self._codes.append(self._space.encode(read).mean)
        return self._chosen(torch.cat(self._codes), calls, count)

    def _ended(self, calls: Sequence[Call]) -> list[tuple[int, int]]:
        return [(start, end) for start, end in self._config.rounds() if end <= len(calls)]

    def _chosen(self, codes: Tensor, calls: Sequence[Call], count: int) -> list[str]:
        known = {call.text for call in calls}
        values = _filled([call.value for call in calls if self._space.reads(call.text)])
        given = self._prior.new(count, known) if values is None else []
        if len(given) == count:
            return given
        seed = mixed_seed(self._seed, len(calls), 1)  # the prior's chunks are numbered too
        codes = codes if len(codes) else torch.zeros(1, self._space.latent)
        # A single lead, or several of one value, say nothing of what is better.
        parents = torch.zeros(len(codes)) if values is None else values
        rounds = [[call.value for call in calls[start:end]] for start, end in self._ended(calls)]
        reach = reached(rounds, math.ceil(self._space.latent / self._config.batch))
        z = _drawn(self._space, codes, parents, max(self._config.candidates, count), seed, reach)
        texts = [text for text in dict.fromkeys([*given, *self._space.decode(z)]) if text and text not in known]
        if values is None:
            return texts[:count]
        texts += self._prior.new(count - len(texts), known.union(texts))
        if len(texts) <= count:
            return texts
        candidates = self._space.encode(texts).mean
        with _quiet():
            return [texts[i] for i in _chosen(_surrogate(codes, values), candidates, values, count, self._seed)]


def _filled(values: Sequence[float]) -> Tensor | None:
    """Float64 values, standardised; a text that has none counts as the lowest; None if they do not differ.

    Standardised here too as BoTorch takes what differs by less than 1e-8 for equal.
    """
    filled = torch.tensor(values, dtype=torch.float64)
    finite = filled.isfinite()
    if len(filled[finite].unique()) < 2:
        return None
    filled = torch.where(finite, filled, filled[finite].min())
    centred = filled - filled.mean()
    centred = centred / centred.abs().max()  # the squares of the smallest numbers would be none
    return centred / centred.std()


def _surrogate(codes: Tensor, values: Tensor) -> "SingleTaskGP":
    """A Gaussian process of standardised values over codes.

    One length scale for all axes: the prior is the same in every direction, so none of the model's axes is special. It
    predicts held-out values better than a scale an axis, and is fitted in a tenth of the time.
    """
    from botorch import fit_gpytorch_mll
    from botorch.exceptions import ModelFittingError
    from botorch.models import SingleTaskGP
    from gpytorch.constraints import GreaterThan
    from gpytorch.kernels import RBFKernel
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from gpytorch.priors import LogNormalPrior

    scale = LogNormalPrior(math.sqrt(2) + math.log(codes.shape[1]) / 2, math.sqrt(3))
    kernel = RBFKernel(lengthscale_prior=scale, lengthscale_constraint=GreaterThan(0.025))
    model = SingleTaskGP(_inputs(codes), values.unsqueeze(1), covar_module=kernel)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    except ModelFittingError:
        model.load_state_dict(before)
        kernel.lengthscale = scale.mode  # better than no model
    return model.eval()


def _inputs(codes: Tensor) -> Tensor:
    return codes.double() / _WIDTH + 0.5


def reached(rounds: Sequence[Sequence[float]], patience: int) -> float:
    """The largest step from the best texts, after rounds of these values: the size of the trust region.

    Twice as wide after three rounds in a row that found a better text, half as wide after ``patience`` that did not;
    where it would be no wider than the smallest step it is as wide as at first again. A region that narrows sooner
    finds less: small steps decode to texts that are known (LOG.md).

    References:
        Eriksson et al. (2019), Scalable global optimization via local Bayesian optimization (TuRBO), section 2,
        https://arxiv.org/abs/1910.01739
    """
    best, reach, better, failed = -math.inf, _MOST, 0, 0
    for number, values in enumerate(rounds):
        most = max((value for value in values if math.isfinite(value)), default=-math.inf)
        if number:
            better, failed = (better + 1, 0) if most > best else (0, failed + 1)
        if better == _SUCCESSES:
            reach, better = min(_MOST, 2 * reach), 0
        if failed == patience:
            reach, failed = reach / 2 if reach / 2 > _LEAST else _MOST, 0
        best = max(best, most)
    return reach


def _drawn(space: TextSpace, codes: Tensor, values: Tensor, count: int, seed: int, reach: float = _MOST) -> Tensor:
    """Codes to choose from, half of them fresh draws of the prior and half around the best texts.

    Around the best they are ``sqrt(1 - s^2) parent + s noise`` for steps s of all sizes up to ``reach``: unlike a box
    or added noise, this stays where N(0, I) has its mass, and hence where the decoder was trained.
    """
    generator = torch.Generator().manual_seed(seed)
    half = count // 2
    noise = torch.randn(half, codes.shape[1], generator=generator)
    parents = codes[values.argsort(descending=True, stable=True)[:_PARENTS]]
    chosen = parents[torch.randint(len(parents), (half,), generator=generator)]
    low, high = math.log(_LEAST), math.log(reach)
    steps = torch.exp(low + (high - low) * torch.rand(half, 1, generator=generator))
    near = (1 - steps**2).clamp(min=0).sqrt() * chosen + steps * noise
    return torch.cat([near, space.prior_sample(count - half, seed=mixed_seed(seed, 1))])


@torch.no_grad()
def _chosen(model: "SingleTaskGP", codes: Tensor, values: Tensor, count: int, seed: int) -> list[int]:
    """One after the other the code that, with the last of those chosen, promises the largest improvement of a batch.

    Time and memory grow with the cube of how many these are: the last ``_PENDING``.
    """
    from botorch.acquisition import qLogExpectedImprovement
    from botorch.sampling import SobolQMCNormalSampler

    sampler = SobolQMCNormalSampler(torch.Size([128]), seed=seed % 2**31)
    acquisition = qLogExpectedImprovement(model, best_f=values.max(), sampler=sampler)
    inputs, chosen = _inputs(codes), []
    for _ in range(count):
        acquisition.set_X_pending(inputs[chosen[-_PENDING:]] if chosen else None)
        scores = acquisition(inputs.unsqueeze(1))
        scores[chosen] = -math.inf
        chosen.append(int(scores.argmax()))
    return chosen


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of botorch: what they tell of is caught by its own second tries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
