import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import batch_of
from vaeseq.device import autocast
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import Tokenizer

TOKENIZER = Tokenizer.of_symbols("CNOP", ".")
TEXTS = ["CNO", "", "OOOOOOOOOOO", "C", "NPQ", "PPCC"]
LATENT = 3


def _space(
    max_length: int | None = 12, language: DecoderConfig | None = None, posterior: str = "gaussian"
) -> LatentSpace:
    torch.manual_seed(0)
    encoder, decoder = EncoderConfig("bilstm", 5, posterior=posterior), DecoderConfig("lstm", 6)
    config = VAEConfig(TOKENIZER.size, LATENT, 4, encoder, decoder, language=language)
    vae = SequenceVAE.build(config)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(4.0)
    domain = {} if max_length is None else {"max_length": max_length}
    return LatentSpace(vae, TOKENIZER, domain, latent=LATENT, device=torch.device("cpu"))


SPACE = _space()
texts = st.lists(st.text("CNOPQ", max_size=15), max_size=8)


def _codes(count: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))


def test_a_prior_of_blurred_codes_is_asked_about_such_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    space, way = _space(), _codes(4)
    space.vae.signal = 0.5
    monkeypatch.setattr("vaeseq.space.lifted", lambda codes, log_prob: log_prob(codes))
    assert_close(space.denser(way), space.vae.prior().log_prob(way / 4))


def test_symbols_are_drawn_independently_of_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    space, seeds = _space(), []
    monkeypatch.setattr(space, "decode", lambda z, seed, **_: seeds.append(seed))
    for seed in (0, 7):
        space.sample(2, seed=seed)
    assert len({0, 7, *seeds}) == 4, "equal seeds are one stream"


@given(order=st.permutations(range(len(TEXTS))), others=texts)
def test_a_code_depends_on_its_own_text_only(order: list[int], others: list[str]) -> None:
    alone = torch.cat([SPACE.encode([TEXTS[i]]).mean for i in order])
    together = SPACE.encode([TEXTS[i] for i in order] + others)
    assert_close(together.mean[: len(TEXTS)], alone, rtol=1e-5, atol=1e-5)
    assert (together.batch_shape, together.event_shape) == ((len(TEXTS) + len(others),), (LATENT,))


def test_codes_come_in_the_order_of_their_texts_through_many_batches() -> None:
    many = [("CNOP" * 5)[i % 4 : i % 4 + 1 + i % 13] for i in range(600)]
    posterior = SPACE.encode(many)
    with torch.no_grad():
        exact = SPACE.vae.encoder(batch_of(TOKENIZER.encode_batch(many)).tokens)
    assert_close(posterior.mean, exact.mean, rtol=1e-5, atol=1e-5)
    assert_close(posterior.stddev, exact.stddev, rtol=1e-5, atol=1e-5)


def test_a_posterior_is_plain_numbers_on_the_cpu() -> None:
    posterior = SPACE.encode(TEXTS)
    assert not posterior.mean.requires_grad
    assert posterior.mean.device.type == "cpu"
    assert posterior.sample().shape == (len(TEXTS), LATENT)


@given(count=st.integers(0, 9), seed=st.integers(0, 99))
def test_the_greedy_text_of_a_code_depends_on_that_code_only(count: int, seed: int) -> None:
    z = _codes(count, seed)
    decoded = SPACE.decode(z)
    assert decoded == [SPACE.decode(code[None])[0] for code in z]
    assert decoded == SPACE.decode(z, seed=5)
    assert decoded[::-1] == SPACE.decode(z.flip(0))


def test_many_batches_of_codes_keep_their_order() -> None:
    z = _codes(600)
    assert SPACE.decode(z)[-5:] == SPACE.decode(z[-5:])
    assert len(set(SPACE.decode(z))) > 20


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_no_codes_give_no_texts(temperature: float) -> None:
    assert SPACE.decode(torch.empty(0, LATENT), temperature=temperature) == []
    assert SPACE.encode([]).mean.shape == (0, LATENT)
    assert SPACE.reconstruct([]) == []
    assert SPACE.sample(0) == []


@pytest.mark.parametrize("shape", [(LATENT,), (1, LATENT + 1), (1, 1), (2, 1, LATENT), ()])
def test_codes_of_another_shape_are_an_input_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=rf"\(count, {LATENT}\)"):
        SPACE.decode(torch.zeros(shape))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_codes_that_are_not_finite_are_counted(broken: float) -> None:
    z = _codes(5)
    z[1, 0] = z[3, 2] = broken
    with pytest.raises(InputError, match="2 of 5"):
        SPACE.decode(z)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_codes_far_outside_still_give_texts(temperature: float) -> None:
    decoded = SPACE.decode(torch.full((2, LATENT), 1e30), temperature=temperature)
    assert all(isinstance(text, str) and len(text) <= 12 * len("<unk>") for text in decoded)


def test_double_precision_codes_that_single_cannot_hold_are_an_input_error() -> None:
    with pytest.raises(InputError, match="finite"):
        SPACE.decode(torch.full((1, LATENT), 1e200, dtype=torch.float64))


@pytest.mark.parametrize("top_p", [0.0, -1.0, 1.5, math.nan])
def test_a_nucleus_that_is_none_is_an_input_error(top_p: float) -> None:
    with pytest.raises(InputError, match="top_p"):
        SPACE.decode(_codes(1), temperature=1.0, top_p=top_p)


@pytest.mark.parametrize("temperature", [-1.0, math.nan])
def test_a_temperature_that_is_none_is_an_input_error(temperature: float) -> None:
    with pytest.raises(InputError, match="temperature"):
        SPACE.decode(_codes(1), temperature=temperature)


def test_the_seed_decides_what_is_sampled() -> None:
    assert SPACE.sample(20, seed=1) == SPACE.sample(20, seed=1)
    assert SPACE.sample(20, seed=1) != SPACE.sample(20, seed=2)
    assert SPACE.decode(_codes(20), temperature=1.0, seed=1) != SPACE.decode(_codes(20), temperature=1.0, seed=2)
    state = torch.get_rng_state()
    SPACE.sample(3)
    assert torch.get_rng_state().equal(state)


def test_prior_samples_are_standard_normal() -> None:
    z = SPACE.prior_sample(20_000, seed=3)
    assert z.shape == (20_000, LATENT)
    assert_close(z.mean(dim=0), torch.zeros(LATENT), rtol=0, atol=0.04)
    assert_close(z.T.cov(), torch.eye(LATENT), rtol=0, atol=0.05)
    assert z.equal(SPACE.prior_sample(20_000, seed=3))


def test_a_reconstruction_is_the_greedy_text_of_the_posterior_mean() -> None:
    assert SPACE.reconstruct(TEXTS) == SPACE.decode(SPACE.encode(TEXTS).mean)


@pytest.mark.parametrize("longest", [1, 3, 12])
def test_texts_are_cut_at_the_longest_length_of_the_model(longest: int) -> None:
    space = _space(longest)
    assert max(len(text.replace("<unk>", "?")) for text in space.decode(_codes(100))) == longest


def test_unknown_symbols_stay_visible() -> None:
    unknown = TOKENIZER.decode(TOKENIZER.encode("CQ"))
    assert unknown == "C<unk>"
    assert SPACE.encode(["CQ"]).mean.equal(SPACE.encode(["CX"]).mean)


def test_a_space_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    config = VAEConfig(TOKENIZER.size, LATENT, 4, EncoderConfig("bilstm", 5), DecoderConfig("lstm", 6))
    stored = Checkpoint(SPACE.vae, config, TOKENIZER, {"max_length": 12, "name": "letters"})
    checkpoint.save(tmp_path / "model", stored, card="")
    for place in (tmp_path / "model", str(tmp_path / "model")):
        loaded = LatentSpace.load(place)
        assert loaded.metadata == {"max_length": 12, "name": "letters"}
        assert (loaded.latent, loaded.max_length) == (LATENT, 12)
        assert_close(loaded.encode(TEXTS).mean.cpu(), SPACE.encode(TEXTS).mean)


def test_a_missing_model_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        LatentSpace.load(tmp_path / "nowhere")


@pytest.mark.parametrize("language", [None, DecoderConfig("lstm", 6)])
@torch.no_grad()
def test_several_beams_take_the_likeliest_text_that_they_find(language: DecoderConfig | None) -> None:
    space, z = _space(language=language), _codes(90)
    guide = space.vae.language(len(z)) if language else None
    with autocast(torch.device("cpu"), "auto"):
        found, scores = space.vae.decoder(z).beams(12, width=3, guide=guide, weight=3.0)
    assert (scores[:, :1] >= scores).all()
    assert space.decode(z, beams=3) == [TOKENIZER.decode(ids) for ids in found[:, 0].tolist()]


@pytest.mark.parametrize(("beams", "temperature"), [(0, 0.0), (65, 0.0), (2, 0.5)])
def test_beams_out_of_range_are_refused(beams: int, temperature: float) -> None:
    with pytest.raises(InputError, match="beams must be 1 to 64"):
        SPACE.decode(_codes(2), beams=beams, temperature=temperature)


@pytest.mark.parametrize("language", [None, DecoderConfig("lstm", 6)])
@torch.no_grad()
def test_likely_texts_are_all_that_the_beams_end_with(language: DecoderConfig | None) -> None:
    space, z = _space(language=language), _codes(400)  # more than are decoded at once
    guide = space.vae.language(len(z)) if language else None
    with autocast(torch.device("cpu"), "auto"):
        found, _ = space.vae.decoder(z).beams(12, width=3, guide=guide, weight=1.0)
    assert space.likely(z, beams=3) == [[TOKENIZER.decode(ids) for ids in its] for its in found.tolist()]
    for codes, beams, message in (
        (z, 0, "beams must"),
        (z, 65, "beams must"),
        (z[:, :2], 3, "codes"),
        (z / 0, 3, "finite"),
    ):
        with pytest.raises(InputError, match=message):
            space.likely(codes, beams)


@torch.no_grad()
def test_a_language_model_says_how_likely_each_text_is() -> None:
    space, many = _space(language=DecoderConfig("lstm", 6)), 60 * TEXTS  # more than a batch, of many lengths
    alone = [space.vae.language(1).log_prob(batch_of([TOKENIZER.encode(text)]).tokens)[0] for text in TEXTS]
    assert_close(space.language_log_prob(many), torch.stack(60 * alone))
    with pytest.raises(InputError, match="must have a language model"):
        SPACE.language_log_prob(TEXTS)


def test_codes_of_a_flow_posterior_are_pinned_too() -> None:
    space = _space(posterior="flow")
    written = [text for text in space.decode(_codes(12)) if text]
    codes, exact = space.pinned(written)
    assert not codes.requires_grad
    assert [a == b for a, b in zip(space.decode(codes), written, strict=True)] == exact.tolist()


def test_a_language_model_writes_texts_without_codes() -> None:
    torch.manual_seed(0)
    vae = SequenceVAE.build(VAEConfig(TOKENIZER.size, 0, 4, decoder=DecoderConfig("lstm", 6)))
    space = LatentSpace(vae, TOKENIZER, {"max_length": 12}, latent=0, device=torch.device("cpu"))
    assert space.encode(TEXTS).mean.shape == (len(TEXTS), 0)
    assert len(set(space.sample(20, seed=0))) > 10
    assert len(set(space.reconstruct(TEXTS))) == 1


def test_pinned_codes_decode_to_their_texts():
    written = [
        text for text in SPACE.decode(torch.randn(40, LATENT, generator=torch.Generator().manual_seed(3))) if text
    ]
    codes, exact = SPACE.pinned(written)
    assert [a == b for a, b in zip(SPACE.decode(codes), written, strict=True)] == exact.tolist()
    before = [a == b for a, b in zip(SPACE.reconstruct(written), written, strict=True)]
    assert sum(before) < int(exact.sum())
    means = SPACE.encode(written).mean
    kept = torch.tensor(before) | ~exact
    assert_close(codes[kept], means[kept], rtol=0, atol=0)


def test_nothing_and_unknown_texts_are_pinned_to_their_means():
    codes, exact = SPACE.pinned(["NPQ"])
    assert not exact.any()
    assert_close(codes, SPACE.encode(["NPQ"]).mean)
    assert SPACE.pinned([]).codes.shape == (0, LATENT)
