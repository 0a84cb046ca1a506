from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from vaeseq.corpus import pad
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, UNK

CODES = torch.tensor([[0.0, 0.0], [1.5, -0.5], [-3.0, 2.0]])
TOKENS = pad([[BOS, 5, 6, 7, EOS], [BOS, 7, UNK, 7, 7, 5, EOS], [BOS, 6, EOS]])


@pytest.fixture
def vae(build_vae: Callable[..., SequenceVAE]) -> SequenceVAE:
    """One whose decoder corrects a language model; both lean to some symbols."""
    vae = build_vae(language=True)
    for decoder in (vae.decoder, vae.language.decoder):
        torch.nn.init.normal_(decoder.bias)
    return vae


@torch.no_grad()
def test_a_decoder_with_nothing_to_correct_is_the_language_model(vae: SequenceVAE) -> None:
    told, corrected = vae.language(3).symbol_log_prob(TOKENS), vae.decoder(CODES).symbol_log_prob(TOKENS)
    assert (corrected[:, 0] != told[:, 0]).all()
    for layer in (vae.decoder.head.weight, vae.decoder.head.bias, vae.decoder.bias):
        layer.zero_()
    assert_close(vae.decoder(CODES).symbol_log_prob(TOKENS), told)


@torch.no_grad()
def test_what_is_expected_is_the_sum(vae: SequenceVAE, build_vae: Callable[..., SequenceVAE]) -> None:
    alone = build_vae().decoder
    alone.load_state_dict(vae.decoder.state_dict())
    own, _ = alone.expected(TOKENS, CODES, alone.first_state(CODES))
    nothing = CODES[:, :0]
    given, _ = vae.language.decoder.expected(TOKENS, nothing, vae.language.decoder.first_state(nothing))
    both, _ = vae.decoder.expected(TOKENS, CODES, vae.decoder.first_state(CODES))
    assert_close(both, own + given)
    assert_close(vae.decoder.given(TOKENS), given)


@torch.no_grad()
@pytest.mark.parametrize("correcting", [True, False])
def test_what_no_code_moves_is_found_once_for_many(
    correcting: bool, vae: SequenceVAE, build_vae: Callable[..., SequenceVAE]
) -> None:
    decoder = (vae if correcting else build_vae()).decoder
    given = decoder.given(TOKENS[:, :-1])
    for z in (CODES, -CODES):
        assert decoder(z).log_prob(TOKENS, given=given).equal(decoder(z).log_prob(TOKENS))
    assert correcting == (not decoder(CODES).log_prob(TOKENS, given=given + 1).equal(decoder(CODES).log_prob(TOKENS)))


@torch.no_grad()
def test_reading_in_pieces_is_reading_at_once(vae: SequenceVAE) -> None:
    whole, end = vae.decoder.logits(TOKENS, CODES, vae.decoder.first_state(CODES))
    first, state = vae.decoder.logits(TOKENS[:, :3], CODES, vae.decoder.first_state(CODES))
    rest, again = vae.decoder.logits(TOKENS[:, 3:], CODES, state)
    assert_close(torch.cat([first, rest], dim=1), whole)
    assert_close(again, end)


def test_corrections_do_not_move_the_language_model(vae: SequenceVAE) -> None:
    z = CODES.clone().requires_grad_()
    vae.decoder(z).log_prob(TOKENS).sum().backward()
    moved = {name for name, weight in vae.named_parameters() if weight.grad is not None and weight.grad.abs().sum()}
    assert {name for name in moved if name.startswith("language.")} == set()
    assert {"encoder.embedding.weight", "decoder.bias", "decoder.head.weight", "decoder.lstm.weight_hh_l0"} <= moved
    assert (z.grad.abs().sum(dim=1) > 0).all()


def test_the_language_model_is_saved_once(vae: SequenceVAE, build_vae: Callable[..., SequenceVAE]) -> None:
    assert vae.decoder.state_dict().keys() == build_vae().decoder.state_dict().keys()
    assert vae.decoder.language is vae.language.decoder
