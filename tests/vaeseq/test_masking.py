"""Rows of which the encoder sees a part."""

from collections.abc import Callable

import pytest
import torch

from vaeseq.bounds import elbo
from vaeseq.corpus import Corpus
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, objective, partly_seen
from vaeseq.team import Noise, Team
from vaeseq.tokenizer import EOS


def noise(rows: int, seed: int = 0, team: Team = Team()) -> Noise:  # noqa: B008 - it is frozen
    return Noise(torch.Generator().manual_seed(seed), rows, team)


def test_ends_and_padding_are_always_seen_and_the_share_is_of_rows(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=600, valid=2)
    batch = corpus.batch(corpus.rows("train"))
    seen = partly_seen(batch, share=0.3, noise=noise(600))
    hidden = ~seen.observed
    assert seen.tokens is batch.tokens
    assert (batch.tokens[hidden] > EOS).all()
    symbols = batch.tokens > EOS
    # A row of n symbols that is chosen shows all of them once in n + 1 times, for every part is as likely.
    chosen = 0.3 * (1 - 1 / (symbols.sum(dim=1) + 1)).mean()
    assert hidden.any(dim=1).float().mean() == pytest.approx(float(chosen), abs=0.06)
    parts = (hidden & symbols).sum(dim=1)[hidden.any(dim=1)] / symbols.sum(dim=1)[hidden.any(dim=1)]
    assert parts.min() < 0.3
    assert parts.max() == 1
    whole = partly_seen(batch, share=1.0, noise=noise(600))
    assert whole.observed[~symbols].all()


def test_processes_hide_what_one_would(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=9, valid=2)
    batch = corpus.batch(corpus.rows("train"))
    alone = partly_seen(batch, share=1.0, noise=noise(9)).observed
    for rank in (0, 1):
        team = Team(rank, 2)
        shared = partly_seen(batch.each(team.share), share=1.0, noise=noise(9, team=team))
        torch.testing.assert_close(shared.observed, alone[rank::2])


def test_the_bound_is_of_whole_rows_with_the_posterior_of_what_is_seen(
    build_vae: Callable[..., SequenceVAE], build_corpus: Callable[..., Corpus]
) -> None:
    vae, corpus = build_vae(vocabulary=12), build_corpus(train=8, valid=2)
    batch = corpus.batch(corpus.rows("train"))
    loss, bound = objective(vae, batch, ObjectiveConfig(masking=1.0), beta=1.0, noise=noise(8, 3))
    again = noise(8, 3)
    seen = partly_seen(batch, share=1.0, noise=again)
    by_hand = elbo(vae, seen, noise=again.normal(vae.latent, device=torch.device("cpu")))
    torch.testing.assert_close(bound.elbo, by_hand.elbo)
    torch.testing.assert_close(loss, -by_hand.elbo.mean())
    unmasked = elbo(vae, batch, noise=torch.zeros(8, vae.latent))
    assert not torch.allclose(unmasked.kl, by_hand.kl)


@pytest.mark.parametrize("name", ["masking", "code_noise", "splicing", "word_dropout"])
def test_shares_are_within_0_and_1(name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} must be within 0 and 1, got 1\.5"):
        ObjectiveConfig(**{name: 1.5})
