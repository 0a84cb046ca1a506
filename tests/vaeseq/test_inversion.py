from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from vaeseq.corpus import batch_of
from vaeseq.inversion import MARGIN, inverted
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, PAD, UNK


def _greedy(vae: SequenceVAE, codes: torch.Tensor, length: int) -> list[list[int]]:
    return [[i for i in row if i != PAD] for row in vae.decoder(codes).draw(length, temperature=0).tolist()]


@pytest.fixture(scope="module")
def vae(build_vae: Callable[..., SequenceVAE]) -> SequenceVAE:
    vae = build_vae(latent=6, hidden=12, sharpness=4.0)
    with torch.no_grad():
        vae.decoder.bias[EOS] += 3.0  # most texts end
    return vae


@pytest.fixture(scope="module")
def written(vae: SequenceVAE) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts that some code decodes to, and other codes nearby that decode to others."""
    codes = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    texts = _greedy(vae, codes, 8)
    ended = [i for i, text in enumerate(texts) if text[-1] == EOS]
    noise = torch.randn(len(ended), 6, generator=torch.Generator().manual_seed(1))
    return batch_of([texts[i] for i in ended]).tokens, codes[ended] + 0.7 * noise


def test_a_code_that_is_found_decodes_to_the_text(vae: SequenceVAE, written: tuple[torch.Tensor, torch.Tensor]) -> None:
    tokens, start = written
    texts = [[i for i in row if i != PAD] for row in tokens.tolist()]
    before = [a == b for a, b in zip(_greedy(vae, start, 8), texts, strict=True)]
    found = inverted(vae, tokens, start)
    after = [a == b for a, b in zip(_greedy(vae, found.codes, 8), texts, strict=True)]
    assert found.exact.tolist() == after  # one that misses the margin alone would be an accident
    assert 0 < sum(before) < 0.8 * len(texts)
    assert sum(after) > 0.9 * len(texts)


def test_a_code_that_is_right_stays_as_it_is(vae: SequenceVAE, written: tuple[torch.Tensor, torch.Tensor]) -> None:
    tokens, start = written
    first = inverted(vae, tokens, start)
    again = inverted(vae, tokens[first.exact], first.codes[first.exact])
    assert again.exact.all()
    assert_close(again.codes, first.codes[first.exact], rtol=0, atol=0)


def test_a_code_that_is_not_found_is_the_first(vae: SequenceVAE, written: tuple[torch.Tensor, torch.Tensor]) -> None:
    tokens, start = written
    found = inverted(vae, tokens, start, steps=0)
    assert 0 < int(found.exact.sum()) < len(tokens)
    assert_close(found.codes, start, rtol=0, atol=0)


def test_each_row_is_found_alone(vae: SequenceVAE, written: tuple[torch.Tensor, torch.Tensor]) -> None:
    tokens, start = written
    together = inverted(vae, tokens, start)
    for i in range(5):
        alone = inverted(vae, tokens[i : i + 1], start[i : i + 1])
        assert alone.exact.equal(together.exact[i : i + 1])
        assert_close(alone.codes, together.codes[i : i + 1], rtol=1e-4, atol=1e-5)


def test_an_unknown_symbol_is_never_written(vae: SequenceVAE) -> None:
    tokens = batch_of([[BOS, 5, UNK, 6, EOS]]).tokens
    start = torch.zeros(1, 6)
    found = inverted(vae, tokens, start, steps=20)
    assert not found.exact.any()
    assert_close(found.codes, start, rtol=0, atol=0)


def test_the_margin_is_kept(vae: SequenceVAE, written: tuple[torch.Tensor, torch.Tensor]) -> None:
    tokens, start = written
    found = inverted(vae, tokens, start)
    history, targets = tokens[found.exact, :-1], tokens[found.exact, 1:]
    z = found.codes[found.exact]
    with torch.no_grad():
        logits, _ = vae.decoder.logits(history, z, vae.decoder.first_state(z))
    logits[:, :, UNK] = -torch.inf
    logits[:, 0, EOS] = -torch.inf
    best = logits.topk(2, dim=2)
    apart = best.values[..., 0] - best.values[..., 1]
    assert (best.indices[..., 0] == targets)[targets != PAD].all()
    assert (apart[targets != PAD] >= MARGIN - 1e-4).all()
