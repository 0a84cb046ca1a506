"""How likely what is left of a text is, where codes are drawn with all of it known."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vaeseq.corpus import Batch, batch_of
from vaeseq.imputation import observed_log_prob
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS

READABLE = (5, 6, 7)  # of a vocabulary of eight
ROW = [BOS, 5, 6, 7, 6, EOS]


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _with_blanks(count: int) -> Batch:
    """The row so many times, its first and third symbol missing."""
    batch = batch_of([ROW] * count)
    batch.observed[:, [1, 3]] = False
    return batch


@pytest.fixture(scope="module")
def exact(log_p: Callable[..., Tensor]) -> Callable[[SequenceVAE], float]:
    """log p(x_o) of a model with a one-dimensional latent, a sum over all that may be missing."""

    def summed(vae: SequenceVAE) -> float:
        ways = [[BOS, one, ROW[2], other, *ROW[4:]] for one, other in itertools.product(READABLE, repeat=2)]
        return float(torch.stack([log_p(vae, ids) for ids in ways]).logsumexp(dim=0))

    return summed


class _Apart(nn.Module):
    """An encoder whose posteriors are known: those of whole texts by how often they have a symbol, else one."""

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        whole = torch.ones(len(tokens), dtype=torch.bool) if observed is None else observed.all(dim=1)
        mean = torch.where(whole, 0.7 * (tokens == 5).sum(dim=1) - 1.0, 0.9)
        return Independent(Normal(mean.unsqueeze(1), torch.where(whole, 0.9, 1.5).unsqueeze(1)), 1)


@pytest.mark.parametrize("language", [False, True])
@pytest.mark.parametrize("samples", [2, 5])
@torch.no_grad()
def test_the_estimate_is_right_in_expectation_whatever_codes_are_drawn_with(
    samples: int, language: bool, build_vae: Callable[..., SequenceVAE], exact: Callable[[SequenceVAE], float]
) -> None:
    built, batch = build_vae(latent=1, sharpness=2.0, language=language), _with_blanks(4_000)
    vae = SequenceVAE(_Apart(), built.decoder, built.prior, built.language)
    estimates = observed_log_prob(vae, batch, samples=samples, particles=4, whole=batch.tokens, generator=_seeded())
    ratios = (estimates - exact(vae)).exp()
    error = float(ratios.std()) / len(ratios) ** 0.5
    assert error < 0.03
    assert float(ratios.mean()) == pytest.approx(1.0, abs=5 * error)


class _Misled(nn.Module):
    """An encoder that knows the codes of whole texts, and is far off and sure of itself where anything is missing."""

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        whole = torch.ones(len(tokens), dtype=torch.bool) if observed is None else observed.all(dim=1)
        mean, stddev = (torch.where(whole, *each).unsqueeze(1) for each in ((0.0, 4.0), (1.0, 0.1)))
        return Independent(Normal(mean, stddev), 1)


@torch.no_grad()
def test_codes_that_the_whole_text_has_are_not_missed(
    one_dimensional: SequenceVAE, exact: Callable[[SequenceVAE], float]
) -> None:
    vae, batch = SequenceVAE(_Misled(), one_dimensional.decoder, one_dimensional.prior), _with_blanks(100)

    def estimate(samples: int, whole: Tensor | None) -> Tensor:
        return observed_log_prob(vae, batch, samples=samples, particles=4, whole=whole, generator=_seeded())

    assert float(estimate(100, batch.tokens).mean()) == pytest.approx(exact(vae), abs=0.1)
    assert float(estimate(100, None).mean()) < exact(vae) - 2
    assert estimate(1, batch.tokens).equal(estimate(1, None)), "one code is of what is left"


@torch.no_grad()
def test_what_is_missing_is_summed_over_as_before(one_dimensional: SequenceVAE) -> None:
    """A posterior that is the same for every text gives the same estimate, whichever text it is asked of."""
    batch = _with_blanks(5)
    other = torch.where(batch.observed, batch.tokens, 5)
    assert not other.equal(batch.tokens)
    found = [
        observed_log_prob(one_dimensional, batch, samples=6, particles=3, whole=whole, generator=_seeded())
        for whole in (batch.tokens, other, None)
    ]
    assert found[0].equal(found[1])
    torch.testing.assert_close(found[0], found[2])
