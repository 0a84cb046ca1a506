"""Codes of a text with gaps, where a language model fills them first."""

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

ROW, BLANKS = [BOS, 5, 6, 7, 6, EOS], [2, 3]


class Unread(nn.Module):
    """Knows a whole text, and is certain of something wrong where one has gaps."""

    def forward(self, tokens: Tensor, observed: Tensor | None = None) -> Independent:
        wrong = torch.zeros(len(tokens)) if observed is None else (~observed).any(dim=1).float()
        return Independent(Normal(4 * wrong.unsqueeze(1), (1.2 - wrong).unsqueeze(1)), 1)


@pytest.fixture(scope="module")
def vae(build_vae: Callable[..., SequenceVAE]) -> SequenceVAE:
    built = build_vae(latent=1, vocabulary=8, sharpness=2.0, language=True)
    return SequenceVAE(Unread(), built.decoder, built.prior, built.language)


@pytest.fixture(scope="module")
@torch.no_grad()
def exact(vae: SequenceVAE, log_p: Callable[..., Tensor]) -> float:
    """log p(x_o), over every way to fill the blanks."""
    filled = ([BOS, 5, *symbols, 6, EOS] for symbols in itertools.product((5, 6, 7), repeat=len(BLANKS)))
    return float(torch.stack([log_p(vae, ids) for ids in filled]).logsumexp(dim=0))


def _gaps(count: int) -> Batch:
    batch = batch_of([ROW] * count)
    batch.observed[:, BLANKS] = False
    return batch


@torch.no_grad()
def _estimates(vae: SequenceVAE, count: int, samples: int) -> Tensor:
    return observed_log_prob(
        vae, _gaps(count), samples=samples, particles=4, generator=torch.Generator().manual_seed(0)
    ).double()


@pytest.mark.parametrize("samples", [2, 5, 40])  # fewer codes than fills, and more
def test_codes_of_texts_as_they_are_filled_leave_the_estimate_without_bias(
    samples: int, vae: SequenceVAE, exact: float
) -> None:
    shares = (_estimates(vae, 20_000 // samples, samples) - exact).exp()
    error = float(shares.std()) / len(shares) ** 0.5
    assert error < 0.02
    assert float(shares.mean()) == pytest.approx(1.0, abs=5 * error)


def test_they_save_an_encoder_that_does_not_read_gaps(vae: SequenceVAE, exact: float) -> None:
    alone = SequenceVAE(vae.encoder, vae.decoder, vae.prior)  # the decoder corrects its language model all the same
    assert float(_estimates(alone, 200, 16).mean()) < exact - 1
    assert float(_estimates(vae, 200, 16).mean()) == pytest.approx(exact, abs=0.05)
