"""Rows made of the beginning of one and the end of another."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from vaeseq.corpus import Batch, Corpus
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, objective
from vaeseq.splicing import spliced
from vaeseq.team import Noise
from vaeseq.tokenizer import BOS, EOS, PAD


@pytest.fixture
def batch(build_corpus: Callable[..., Corpus]) -> Batch:
    corpus = build_corpus(train=400, valid=2)
    return corpus.batch(corpus.rows("train"))


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _texts(tokens: torch.Tensor) -> list[list[int]]:
    return [[symbol for symbol in row if symbol != PAD] for row in tokens.tolist()]


def test_a_spliced_row_begins_as_it_did_and_ends_as_another(batch: Batch) -> None:
    rows = _texts(batch.tokens)
    found = _texts(spliced(batch, share=1.0, generator=_generator()).tokens)
    for row, made in zip(rows, found, strict=True):
        assert made.index(EOS) == len(made) - 1
        cuts = (cut for cut in range(1, len(row)) if row[:cut] == made[:cut])
        assert any(made[cut:] == other[cut:] for cut in cuts for other in rows)
    kept = [sum(a == b for a, b in zip(row, made, strict=False)) for row, made in zip(rows, found, strict=True)]
    assert min(kept) == 1, "some are the other row but for their first symbol, which is <bos>"


def test_the_share_is_of_rows(batch: Batch) -> None:
    made = spliced(batch, share=0.4, generator=_generator()).tokens
    assert 0.2 < (made != batch.tokens).any(dim=1).float().mean() < 0.45
    assert spliced(batch, share=0.0, generator=_generator()).tokens.equal(batch.tokens)


def test_where_it_is_cut_any_place_is_as_likely() -> None:
    row = torch.tensor([[BOS, 5, 5, 5, EOS], [BOS, 6, 6, 6, EOS]]).repeat(2_000, 1)
    batch = Batch(row, torch.ones_like(row, dtype=torch.bool), torch.arange(len(row)))
    made = spliced(batch, share=1.0, generator=_generator()).tokens
    mixed = [float(((made[:, i] != made[:, i + 1]) & (made[:, 1] != made[:, 3])).float().mean()) for i in (1, 2)]
    assert mixed == pytest.approx([1 / 8, 1 / 8], abs=0.02)  # of four cuts, and every second time rows are alike


def test_what_is_known_of_a_row_is_unknown_of_a_spliced_one(batch: Batch) -> None:
    told = replace(batch, targets=torch.zeros(len(batch.row), 2))
    found = spliced(told, share=0.5, generator=_generator())
    changed = (found.tokens != batch.tokens).any(dim=1)
    assert found.targets.isnan().all(dim=1)[changed].all()
    assert not found.targets.isnan().all()


def test_what_was_hidden_stays_hidden(batch: Batch) -> None:
    hidden = batch.tokens == batch.tokens.max()
    found = spliced(replace(batch, observed=~hidden), share=1.0, generator=_generator())
    assert found.observed.equal(found.tokens != batch.tokens.max())


def test_the_language_model_learns_from_rows_as_they_were(batch: Batch, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, aim = build_vae(vocabulary=12, language=True), ObjectiveConfig(language_share=1.0)
    made = spliced(batch, share=1.0, generator=_generator())
    with torch.no_grad():
        loss, bound = objective(vae, made, aim, beta=1.0, noise=Noise(_generator(1), len(batch.row)))
        told = float(loss + bound.elbo.mean())
        plain, other = (-float(vae.language(len(rows)).log_prob(rows).mean()) for rows in (batch.tokens, made.tokens))
    assert told == pytest.approx(plain, rel=1e-5)
    assert told != pytest.approx(other, rel=1e-3)
