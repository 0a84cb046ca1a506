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


def test_a_spliced_row_has_an_end_whatever_is_drawn(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    for drawn in (0.0, 1 - 2**-24):
        monkeypatch.setattr(torch, "rand", lambda *size, drawn=drawn, **_: torch.full(size, drawn))
        made = spliced(batch, share=1.0, generator=_generator()).tokens
        assert (made == EOS).sum(dim=1).tolist() == [1] * len(made)


def test_a_spliced_row_begins_as_it_did_and_ends_as_another(batch: Batch) -> None:
    rows = _texts(batch.tokens)
    found = _texts(spliced(batch, share=1.0, generator=_generator()).tokens)
    for row, made in zip(rows, found, strict=True):
        assert len(made) > 2
        assert made[0] == BOS
        assert made.index(EOS) == len(made) - 1
        cuts = (cut for cut in range(1, len(row)) if row[:cut] == made[:cut])
        assert any(made[cut:] == other[len(other) - len(made) + cut :] for cut in cuts for other in rows)
    assert sum(map(len, found)) > 1.15 * sum(map(len, rows))


def test_the_share_is_of_rows(batch: Batch) -> None:
    made = spliced(batch, share=0.4, generator=_generator())
    changed = [a != b for a, b in zip(_texts(made.tokens), _texts(batch.tokens), strict=True)]
    assert 0.2 < sum(changed) / len(changed) < 0.45
    assert made.plain.equal(batch.tokens)
    assert spliced(batch, share=0.0, generator=_generator()).tokens.equal(batch.tokens)


def test_a_share_of_a_row_is_the_root_of_an_even_draw() -> None:
    size = 101
    row = torch.full((4_000, size + 1), 5)
    row[:, 0], row[:, -1], row[2_000:, 1:-1] = BOS, EOS, 6
    batch = Batch(row, torch.ones_like(row, dtype=torch.bool), torch.arange(len(row)))
    made = spliced(batch, share=1.0, generator=_generator())
    mixed = [text[1:-1] for text in _texts(made.tokens) if len({*text}) == 4]
    begun = torch.tensor([next(i for i, symbol in enumerate(text) if symbol != text[0]) for text in mixed]) / size
    ended = torch.tensor([len(text) for text in mixed]) / size - begun
    for share in (begun, ended):
        assert float(share.mean()) == pytest.approx(2 / 3, abs=0.02)
        assert float(share.square().mean()) == pytest.approx(1 / 2, abs=0.02)
    assert made.observed.shape == made.tokens.shape


def test_rows_without_symbols_between_their_ends_stay_whole() -> None:
    row = torch.tensor([[BOS, EOS], [BOS, EOS]])
    batch = Batch(row, torch.ones_like(row, dtype=torch.bool), torch.arange(2))
    assert spliced(batch, share=1.0, generator=_generator()).tokens.equal(row)


def test_what_is_known_of_a_row_is_unknown_of_a_spliced_one(batch: Batch) -> None:
    told = replace(batch, targets=torch.zeros(len(batch.row), 2))
    found = spliced(told, share=0.5, generator=_generator())
    changed = torch.tensor([a != b for a, b in zip(_texts(found.tokens), _texts(batch.tokens), strict=True)])
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
