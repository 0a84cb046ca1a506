import copy
from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent
from torch.testing import assert_close

from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import pad
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, MASK, PAD

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, EOS], [BOS, 7, 7, 7, 7, 5, EOS], [BOS, 6, EOS]]


def _assert_same(one: Independent, other: Independent) -> None:
    assert_close(one.mean, other.mean, rtol=1e-5, atol=1e-5)
    assert_close(one.stddev, other.stddev, rtol=1e-5, atol=1e-5)


def _rows(posterior: Independent, rows: list[int]) -> Independent:
    return Independent(type(posterior.base_dist)(posterior.mean[rows], posterior.stddev[rows]), 1)


@torch.no_grad()
def test_the_posterior_is_a_gaussian_over_codes(build_vae: Callable[..., SequenceVAE]) -> None:
    posterior = build_vae(latent=3).encoder(pad(ROWS))
    assert (posterior.batch_shape, posterior.event_shape) == ((4,), (3,))
    assert posterior.mean.dtype == torch.float32


@pytest.mark.parametrize("sharpness", [1.0, 30.0, 1_000.0])
@torch.no_grad()
def test_deviations_are_positive_however_large_the_weights(
    sharpness: float, build_vae: Callable[..., SequenceVAE]
) -> None:
    posterior = build_vae(sharpness=sharpness, latent=16).encoder(pad(ROWS))
    assert (posterior.stddev > 0).all()
    assert posterior.log_prob(posterior.mean).isfinite().all()


@torch.no_grad()
def test_training_starts_near_the_scale_of_the_prior(build_vae: Callable[..., SequenceVAE]) -> None:
    posterior = build_vae(sharpness=0.0, latent=16).encoder(pad(ROWS))
    assert_close(posterior.stddev, torch.ones_like(posterior.stddev), rtol=0, atol=2e-3)


@given(extra=st.integers(1, 6))
@torch.no_grad()
def test_padding_changes_no_posterior(extra: int, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, tokens = build_vae(), pad(ROWS)
    whole = vae.encoder(tokens)
    _assert_same(vae.encoder(torch.cat([tokens, torch.full((len(ROWS), extra), PAD)], dim=1)), whole)
    for row, ids in enumerate(ROWS):
        _assert_same(vae.encoder(torch.tensor([ids])), _rows(whole, [row]))


@given(order=st.permutations(range(len(ROWS))))
@torch.no_grad()
def test_the_order_of_the_batch_changes_no_posterior(order: list[int], build_vae: Callable[..., SequenceVAE]) -> None:
    vae, tokens = build_vae(), pad(ROWS)
    _assert_same(vae.encoder(tokens[order]), _rows(vae.encoder(tokens), order))


@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
@torch.no_grad()
def test_the_encoder_reads_every_symbol_and_their_order(place: int, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, ids = build_vae(), [BOS, 5, 6, 7, 5, 6, EOS]
    changed = [*ids[:place], 5 + (ids[place] - 4) % 3, *ids[place + 1 :]]
    swapped = [ids[0], ids[2], ids[1], *ids[3:]]
    means = vae.encoder(pad([ids, changed, swapped])).mean
    assert (means[0] - means[1]).abs().max() > 1e-4
    assert (means[0] - means[2]).abs().max() > 1e-4


@torch.no_grad()
def test_both_ends_are_read_from_close_by(build_vae: Callable[..., SequenceVAE]) -> None:
    # One direction alone forgets the other end: after 60 symbols a small LSTM's state says nothing of the first one.
    vae, middle = build_vae(sharpness=1.0), [5] * 60
    means = vae.encoder(pad([[6, *middle, 6], [7, *middle, 6], [6, *middle, 7]])).mean
    assert (means[0] - means[1]).abs().max() > 1e-4
    assert (means[0] - means[2]).abs().max() > 1e-4


@torch.no_grad()
def test_the_encoder_knows_nothing_of_an_unobserved_symbol(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, tokens = build_vae(), pad(ROWS)
    observed = torch.ones_like(tokens, dtype=torch.bool)
    _assert_same(vae.encoder(tokens, observed), vae.encoder(tokens))
    observed[0, 2] = False
    observed[1, 2:] = False  # padding is neither given nor hidden
    other = tokens.clone()
    other[0, 2] = 7
    _assert_same(vae.encoder(tokens, observed), vae.encoder(other, observed))
    masked = tokens.clone()
    masked[0, 2] = MASK
    _assert_same(vae.encoder(tokens, observed), vae.encoder(masked))
    assert (vae.encoder(tokens, observed).mean - vae.encoder(tokens).mean)[0].abs().max() > 1e-4


@torch.no_grad()
def test_the_decoder_is_given_the_code_at_its_start_and_at_every_step(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, symbols = build_vae(), torch.tensor([[BOS, 5, 6]])
    here, there = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, -1.0]])
    start, other_start = vae.decoder.first_state(here), vae.decoder.first_state(there)
    logits, _ = vae.decoder.logits(symbols, here, start)
    for changed, _ in (vae.decoder.logits(symbols, here, other_start), vae.decoder.logits(symbols, there, start)):
        assert ((changed - logits).abs().nan_to_num(0).amax(dim=2) > 1e-4).all()


@torch.no_grad()
def test_the_prior_is_standard_normal(build_vae: Callable[..., SequenceVAE]) -> None:
    prior = build_vae(latent=3).prior()
    assert prior.event_shape == (3,)
    # -3/2 log(2 pi) - 1/2 |z|^2
    assert_close(prior.log_prob(torch.tensor([1.0, 2.0, -2.0])), torch.tensor(-2.756815599614018 - 4.5))


def test_dropout_acts_in_training_only(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z, tokens = build_vae(dropout=0.5), torch.zeros(1, 2), pad(ROWS[:1])
    assert vae.decoder(z).log_prob(tokens).equal(vae.decoder(z).log_prob(tokens))
    vae.train()
    assert not vae.decoder(z).log_prob(tokens).equal(vae.decoder(z).log_prob(tokens))


def test_sizes_come_from_the_config() -> None:
    small = VAEConfig(9, 3, 4, EncoderConfig(hidden=5), DecoderConfig(hidden=7))
    vae = SequenceVAE.build(small)
    assert vae.encoder(pad(ROWS)).event_shape == (3,)
    hidden, cell = vae.decoder.first_state(torch.zeros(2, 3))
    assert hidden.shape == cell.shape == (1, 2, 7)
    logits, _ = vae.decoder.logits(torch.full((2, 4), BOS), torch.zeros(2, 3), (hidden, cell))
    assert logits.shape == (2, 4, 9)


def test_a_seed_builds_the_same_weights() -> None:
    config = VAEConfig(9, 3, 4, EncoderConfig(hidden=5), DecoderConfig(hidden=7))
    built = []
    for _ in range(2):
        torch.manual_seed(7)
        built.append(SequenceVAE.build(config).state_dict())
    assert all(value.equal(built[1][name]) for name, value in built[0].items())


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        ("gaussian", "vamp"),
        *product(("gaussian", "flow"), ("standard_normal", "mixture", "flow", "autoregressive")),
        ("codes", "codes"),
    ],
)
@pytest.mark.parametrize("sizes", [(1, 2, 1), (7, 12, 3), (40, 16, 9)])
def test_no_model_has_fewer_weights_than_its_config_says(
    sizes: tuple[int, int, int], posterior: str, prior: str
) -> None:
    hidden, latent, count = sizes
    encoder = EncoderConfig("bilstm", hidden, posterior, transforms=count, slots=2, codebook=3 * count)
    priors = [PriorConfig(prior, count, 3 * count, count, 2 * hidden) for _ in range(2)]
    language, decoder = DecoderConfig(hidden=3 * hidden), DecoderConfig(hidden=hidden)
    config = VAEConfig(9, latent, 5, encoder, decoder, priors[0], language, priors[1])
    parts = SequenceVAE.build(config).children()
    weights = sum(weight.numel() for part in parts for weight in part.state_dict().values())
    assert weights / 40 < config.least_weights <= weights


@pytest.mark.usefixtures("bfloat16")
@torch.no_grad()
def test_distributions_stay_in_single_precision_under_autocast(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, tokens = build_vae(), pad(ROWS)
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encoder(tokens)
        scored = vae.decoder(posterior.mean).log_prob(tokens)
    assert posterior.mean.dtype == scored.dtype == torch.float32


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize("kind", ["standard_normal", "mixture", "vamp", "flow", "autoregressive"])
@torch.no_grad()
def test_densities_of_priors_are_those_of_single_precision(kind: str, build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(prior=kind, sharpness=1.0), torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    alone = vae.prior().log_prob(z)
    with torch.autocast("cpu", torch.bfloat16):
        found = vae.prior().log_prob(z)
    torch.testing.assert_close(found, alone, rtol=0, atol=0.05 if kind == "vamp" else 1e-5)  # the encoder's are rounded


def test_a_copy_of_a_vamp_prior_reads_through_the_copied_encoder(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z = build_vae(prior="vamp"), torch.zeros(1, 2)
    copied = copy.deepcopy(vae)
    with torch.no_grad():
        before = copied.prior().log_prob(z)
        for weight in vae.encoder.parameters():
            weight.add_(1)
        assert copied.prior().log_prob(z).equal(before)
        assert not vae.prior().log_prob(z).equal(before)
