import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from vaeseq.corpus import pad
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, MASK, PAD, UNK

VOCABULARY = 8  # five reserved, three others
CODES = torch.tensor([[0.0, 0.0], [1.5, -0.5], [-3.0, 2.0]])
ROWS = [[BOS, 5, 6, 7, EOS], [BOS, EOS], [BOS, 7, UNK, 7, 7, 5, EOS], [BOS, 6, EOS]]


def _codes(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def _logits(vae: SequenceVAE, ids: list[int], z: Tensor) -> Tensor:
    """The slow, obviously right logits of each symbol after ``<bos>``, one step and one row at a time."""
    state, steps = vae.decoder.first_state(z), []
    for symbol in ids[:-1]:
        logits, state = vae.decoder.logits(torch.tensor([[symbol]]), z, state)
        steps.append(logits[0, 0])
    return torch.stack(steps)


def _step_by_step(vae: SequenceVAE, ids: list[int], z: Tensor) -> Tensor:
    """Log-probability of each symbol after ``<bos>``."""
    return _logits(vae, ids, z).log_softmax(dim=1)[range(len(ids) - 1), ids[1:]]


def _drawable(logits: Tensor) -> Tensor:
    """Logits of the steps of one sequence without what is never drawn: ``<unk>``, and ``<eos>`` at the start."""
    logits = logits.clone()
    logits[:, UNK] = logits[0, EOS] = -math.inf
    return logits


@pytest.mark.parametrize("sharpness", [1.0, 3.0, 5.0])
@pytest.mark.parametrize("z", CODES, ids=["origin", "near", "far"])
@pytest.mark.parametrize("language", [False, True], ids=["alone", "correcting"])
@torch.no_grad()
def test_the_probabilities_of_all_sequences_sum_to_one(
    language: bool,
    z: Tensor,
    sharpness: float,
    build_vae: Callable[..., SequenceVAE],
    all_sequences: Callable[..., list[list[int]]],
) -> None:
    vae, longest = build_vae(vocabulary=VOCABULARY, sharpness=sharpness, language=language), 5
    ended = all_sequences(VOCABULARY, longest)
    # Sequences of more symbols are told apart by their first symbols: a prefix has no <eos>.
    cut_off = [ids[:-1] for ids in all_sequences(VOCABULARY, longest + 1) if len(ids) == longest + 3]
    total = vae.decoder(z.expand(len(ended), -1)).log_prob(pad(ended)).exp().sum(dtype=torch.float64)
    rest = vae.decoder(z.expand(len(cut_off), -1)).log_prob(pad(cut_off)).exp().sum(dtype=torch.float64)
    assert_close(total + rest, torch.tensor(1.0, dtype=torch.float64), rtol=0, atol=1e-5)
    assert 0.01 < total < 0.9999, "the law says little where nearly nothing or everything ends in time"


@torch.no_grad()
def test_a_language_model_is_a_distribution_of_all_texts(
    build_vae: Callable[..., SequenceVAE], all_sequences: Callable[..., list[list[int]]]
) -> None:
    vae = build_vae(vocabulary=VOCABULARY, sharpness=5.0, language=True)
    ended = all_sequences(VOCABULARY, 5)
    cut_off = [ids[:-1] for ids in all_sequences(VOCABULARY, 6) if len(ids) == 8]
    total = sum(vae.language(len(rows)).log_prob(pad(rows)).exp().sum(dtype=torch.float64) for rows in (ended, cut_off))
    assert_close(total, torch.tensor(1.0, dtype=torch.float64), rtol=0, atol=1e-5)


@pytest.mark.parametrize("symbol", [BOS, MASK])
@torch.no_grad()
def test_symbols_that_no_text_holds_have_probability_zero(symbol: int, build_vae: Callable[..., SequenceVAE]) -> None:
    tokens = torch.tensor([[BOS, 5, symbol, EOS]])
    assert build_vae().decoder(CODES[:1]).log_prob(tokens).item() == -math.inf


@given(extra=st.integers(1, 6), seed=st.integers(0, 99))
@torch.no_grad()
def test_padding_changes_nothing(extra: int, seed: int, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, tokens, z = build_vae(), pad(ROWS), _codes(len(ROWS), seed)
    wider = torch.cat([tokens, torch.full((len(ROWS), extra), PAD)], dim=1)
    assert_close(vae.decoder(z).log_prob(wider), vae.decoder(z).log_prob(tokens), rtol=1e-5, atol=1e-5)
    alone = torch.cat(
        [vae.decoder(code[None]).log_prob(torch.tensor([ids])) for code, ids in zip(z, ROWS, strict=True)]
    )
    assert_close(vae.decoder(z).log_prob(tokens), alone, rtol=1e-5, atol=1e-5)


@given(order=st.permutations(range(len(ROWS))))
@torch.no_grad()
def test_the_order_of_the_batch_changes_nothing(order: list[int], build_vae: Callable[..., SequenceVAE]) -> None:
    vae, tokens, z = build_vae(), pad(ROWS), _codes(len(ROWS))
    assert_close(vae.decoder(z[order]).log_prob(tokens[order]), vae.decoder(z).log_prob(tokens)[order])


@torch.no_grad()
def test_step_by_step_is_teacher_forced(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(len(ROWS))
    symbols = vae.decoder(z).symbol_log_prob(pad(ROWS))
    for row, ids in enumerate(ROWS):
        terms = _step_by_step(vae, ids, z[row : row + 1])
        assert_close(symbols[row, : len(terms)], terms, rtol=1e-5, atol=1e-5)
        assert (symbols[row, len(terms) :] == 0).all()
    assert_close(vae.decoder(z).log_prob(pad(ROWS)), symbols.sum(dim=1))


@torch.no_grad()
def test_a_symbol_depends_on_those_before_it_and_on_none_after(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(1)
    one, other = (vae.decoder(z).symbol_log_prob(torch.tensor([ids])) for ids in ([1, 5, 6, 7, 2], [1, 5, 6, 5, 2]))
    assert_close(one[0, :2], other[0, :2])
    assert one[0, 3] != other[0, 3]


@torch.no_grad()
def test_hidden_symbols_are_read_as_unknown_but_scored_as_they_are(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(1)
    tokens = torch.tensor([[BOS, 5, 6, 7, EOS, PAD]])
    visible = torch.tensor([[False, True, False, True, True, False]])
    scored = vae.decoder(z).symbol_log_prob(tokens, visible)
    read = [BOS, 5, UNK, 7]
    state = vae.decoder.first_state(z)
    logits, _ = vae.decoder.logits(torch.tensor([read]), z, state)
    expected = logits[0].log_softmax(dim=1)[range(4), [5, 6, 7, EOS]]
    assert_close(scored[0, :4], expected, rtol=1e-5, atol=1e-5)
    assert scored[0, 4] == 0
    assert_close(vae.decoder(z).log_prob(tokens, visible), scored.sum(dim=1))


@torch.no_grad()
def test_showing_all_is_hiding_nothing(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z, tokens = build_vae(), _codes(len(ROWS)), pad(ROWS)
    shown = vae.decoder(z).log_prob(tokens, torch.ones_like(tokens, dtype=torch.bool))
    assert_close(shown, vae.decoder(z).log_prob(tokens))
    hidden = vae.decoder(z).log_prob(tokens, torch.zeros_like(tokens, dtype=torch.bool))
    assert (hidden[0] - shown[0]).abs() > 1e-3
    assert_close(hidden[1], shown[1])  # only <bos>, which is always seen


def test_the_gradient_reaches_the_code_and_every_weight(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(len(ROWS)).requires_grad_()
    vae.decoder(z).log_prob(pad(ROWS)).sum().backward()
    assert (z.grad.abs().sum(dim=1) > 0).all()
    for name, parameter in vae.decoder.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_gradient_of_a_row_comes_from_its_own_code(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(len(ROWS)).requires_grad_()
    vae.decoder(z).log_prob(pad(ROWS))[2].backward()
    assert z.grad[2].abs().sum() > 0
    assert z.grad[[0, 1, 3]].abs().sum() == 0


def _cut(ids: list[int]) -> tuple[int, ...]:
    return tuple(ids[: ids.index(EOS) + 1]) if EOS in ids else tuple(ids)


def test_draws_come_as_often_as_their_probability(
    build_vae: Callable[..., SequenceVAE], all_sequences: Callable[..., list[list[int]]]
) -> None:
    vae, count, z = build_vae(vocabulary=7, sharpness=3.0), 20_000, CODES[1:2]
    drawn = vae.decoder(z.expand(count, -1)).draw(3, generator=torch.Generator().manual_seed(0))
    seen = Counter(map(_cut, drawn.tolist()))
    every = all_sequences(7, 2) + [ids[:-1] for ids in all_sequences(7, 3) if len(ids) == 5]
    steps = [_drawable(_logits(vae, ids, z)).log_softmax(dim=1)[range(len(ids) - 1), ids[1:]] for ids in every]
    exact = torch.stack([terms.sum() for terms in steps]).exp()
    assert_close(exact.sum(), torch.tensor(1.0))
    assert set(seen) <= set(map(tuple, every))
    _assert_frequencies(torch.tensor([seen[tuple(ids)] / count for ids in every]), exact, count)


def _assert_frequencies(frequency: Tensor, exact: Tensor, count: int) -> None:
    """Each share lies within five standard errors."""
    assert ((frequency - exact).abs() <= 5 * (exact * (1 - exact) / count).sqrt() + 1e-6).all()


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_temperature_divides_the_logits(temperature: float, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, count, z = build_vae(), 20_000, CODES[1:2]
    generator = torch.Generator().manual_seed(1)
    first = vae.decoder(z.expand(count, -1)).draw(1, temperature=temperature, generator=generator)[:, 1]
    exact = (_drawable(_logits(vae, [BOS, EOS], z))[0] / temperature).softmax(dim=0)
    _assert_frequencies(first.bincount(minlength=VOCABULARY) / count, exact, count)


def test_greedy_takes_the_likeliest_symbol_at_every_step(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(20)
    for code, ids in zip(z, vae.decoder(z).draw(9, temperature=0.0).tolist(), strict=True):
        kept = list(_cut(ids))
        assert kept[1:] == _drawable(_logits(vae, kept, code[None])).argmax(dim=1).tolist()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_drawn_row_is_padded_after_its_end_and_never_longer_than_asked(
    temperature: float, build_vae: Callable[..., SequenceVAE]
) -> None:
    vae, z = build_vae(), _codes(200)
    drawn = vae.decoder(z).draw(6, temperature=temperature, generator=torch.Generator().manual_seed(0))
    assert drawn.shape[1] <= 7
    assert (drawn[:, 0] == BOS).all()
    for ids in drawn.tolist():
        kept = _cut(ids)
        assert not {PAD, BOS, MASK, UNK} & set(kept[1:])
        assert kept != (BOS, EOS)
        assert set(ids[len(kept) :]) <= {PAD}


def test_the_seed_decides_a_draw(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(50)
    one, same, other = (vae.decoder(z).draw(9, generator=torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    assert one.equal(same)
    assert not one[:, :2].equal(other[:, :2])


def test_a_drawn_sequence_can_be_scored(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(), _codes(50)
    drawn = vae.decoder(z).draw(9, generator=torch.Generator().manual_seed(0))
    assert vae.decoder(z).log_prob(drawn).isfinite().all()


@given(seed=st.integers(0, 99))
def test_one_beam_is_the_greedy_pass(seed: int, build_vae: Callable[..., SequenceVAE]) -> None:
    likelihood = build_vae(seed=seed).decoder(_codes(5, seed))
    assert likelihood.beams(12, width=1)[0][:, 0].tolist() == likelihood.draw(12, temperature=0.0).tolist()


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("seed", range(5))
@torch.no_grad()
def test_enough_beams_find_the_likeliest_of_all_sequences(
    seed: int, guided: bool, build_vae: Callable[..., SequenceVAE], all_sequences: Callable[..., list[list[int]]]
) -> None:
    vae, longest, codes = build_vae(vocabulary=VOCABULARY, seed=seed, language=guided), 4, _codes(4, seed)
    guide = vae.language(len(codes)) if guided else None
    known = [ids for ids in all_sequences(VOCABULARY, longest) if UNK not in ids and len(ids) > 2]
    # A sequence of the most symbols is cut off before its <eos>.
    whole = [ids[:-1] if len(ids) == longest + 2 else ids for ids in known]
    found, scores = vae.decoder(codes).beams(longest, width=len(known) + 5, guide=guide, weight=1.5)
    assert (scores[:, len(known) :] == -math.inf).all(), "there are no more"
    for z, rows, its in zip(codes, found.tolist(), scores, strict=True):
        alone = 1.5 * vae.language(len(whole)).log_prob(pad(whole)) if guided else 0.0
        chances = (vae.decoder(z.expand(len(whole), -1)).log_prob(pad(whole)) + alone).sort(descending=True)
        assert_close(its[: len(known)], chances.values, rtol=1e-4, atol=1e-4)
        assert [i for i in rows[0] if i != PAD] == whole[int(chances.indices[0])]


@torch.no_grad()
def test_beams_of_one_row_know_nothing_of_the_others(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, codes = build_vae(), _codes(6)
    together = vae.decoder(codes).beams(9, width=3)[0][:, 0].tolist()
    alone = [vae.decoder(code[None]).beams(9, width=3)[0][0, 0].tolist() for code in codes]
    assert [[i for i in ids if i != PAD] for ids in together] == [[i for i in ids if i != PAD] for ids in alone]
    assert vae.decoder(codes[:0]).beams(9, width=3)[0].shape[:2] == (0, 3)
