from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vaeseq import decoding
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.decoding import Rows, Steps
from vaeseq.device import autocast
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import BOS, EOS, PAD

CPU = torch.device("cpu")
LONGEST = 60


@pytest.fixture(scope="module")
def base() -> SequenceVAE:
    """Of the size that is shipped, and so sharp that codes have texts of their own."""
    torch.manual_seed(0)
    vae = SequenceVAE.build(VAEConfig(29, 64, 64, EncoderConfig(), DecoderConfig(hidden=512))).eval()
    with torch.no_grad():
        for name, parameter in vae.decoder.named_parameters():
            parameter.mul_(10.0 if name.startswith("embedding") else 4.0)
        vae.decoder.bias[EOS] = 2.0
    return vae


def _texts(drawn: Tensor) -> list[list[int]]:
    return [[i for i in ids if i != PAD] for ids in drawn.tolist()]


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_greedy_text_is_the_same_in_every_batch(precision: str, base: SequenceVAE) -> None:
    z = torch.randn(1_000, 64, generator=torch.Generator().manual_seed(0))
    with autocast(CPU, precision):
        together = _texts(base.decoder(z).draw(LONGEST, temperature=0.0))
        for batch in (1, 7, 64):
            alone = [_texts(base.decoder(part).draw(LONGEST, temperature=0.0)) for part in z[: 3 * batch].split(batch)]
            assert [ids for part in alone for ids in part] == together[: 3 * batch]
        assert _texts(base.decoder(z.flip(0)).draw(LONGEST, temperature=0.0))[::-1] == together
    assert len({tuple(ids) for ids in together}) > 800, "the law says little of texts that are all alike"
    lengths = {len(ids) for ids in together}
    assert min(lengths) < 20
    assert max(lengths) == LONGEST + 1, "some end early and others do not"


@pytest.mark.parametrize("precision", ["auto", "float32"])
@torch.no_grad()
def test_a_row_has_the_same_bits_at_every_place_of_every_width(
    precision: str, base: SequenceVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Texts seldom show it: alone, four of five logits differ from those of a whole block in their last bits.
    widths, step = [], Steps.step

    def noted(steps: Steps, symbols: Tensor, rows: Rows) -> tuple[Tensor, Rows]:
        widths.append(len(symbols))
        return step(steps, symbols, rows)

    tile, block = decoding.TILE["cpu"], decoding.BLOCK["cpu"]
    random = torch.Generator().manual_seed(0)
    z, order = torch.randn(tile, 64, generator=random), torch.randperm(tile, generator=random)
    symbols = torch.randint(5, 29, (tile,), generator=random)
    with autocast(CPU, precision):
        steps = Steps(base.decoder)
        logits, rows = steps.step(symbols, steps.rows(z))
        for some in (order, *(order[:width] for width in range(block, tile, block))):
            again, moved = steps.step(symbols[some], steps.rows(z).take(some))
            assert again.equal(logits[some])
            assert moved.hidden[0].equal(rows.hidden[0][some])
        monkeypatch.setattr(Steps, "step", noted)
        for count in (1, block + 7, 3 * tile):
            widths.clear()
            base.decoder(torch.randn(count, 64, generator=random)).draw(LONGEST, temperature=0.0)
            assert widths[0] == min(tile, -(-count // block) * block)
            assert {width % block for width in widths} == {0}
            assert sorted(widths, reverse=True) == widths
            assert widths[-1] == block, "the last texts do not pay for places without one"


@pytest.mark.parametrize("language", [False, True])
@torch.no_grad()
def test_a_step_is_a_step_of_the_decoder(language: bool, build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae(language=True)
    for each in (vae.decoder, vae.language.decoder):
        torch.nn.init.normal_(each.bias)
    decoder = vae.language.decoder if language else vae.decoder
    z = torch.empty(5, 0) if language else torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    steps, state, symbols = Steps(decoder), decoder.first_state(z), torch.full((5,), BOS)
    rows = steps.rows(z)
    for symbol in (5, 7, 6):
        exact, state = decoder.logits(symbols.unsqueeze(1), z, state)
        logits, rows = steps.step(symbols, rows)
        assert_close(logits, exact[:, 0], rtol=1e-5, atol=1e-5)
        symbols = torch.full((5,), symbol)


@pytest.mark.parametrize("tile", [1, 3, 64])
@pytest.mark.parametrize("look", [1, 4])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_texts_do_not_depend_on_where_they_were_decoded(
    temperature: float, look: int, tile: int, build_vae: Callable[..., SequenceVAE], monkeypatch: pytest.MonkeyPatch
) -> None:
    likelihood = build_vae().decoder(torch.randn(40, 2, generator=torch.Generator().manual_seed(0)))

    def drawn() -> list[list[int]]:
        return _texts(likelihood.draw(9, temperature=temperature, generator=torch.Generator().manual_seed(3)))

    expected = drawn()
    monkeypatch.setitem(decoding.TILE, "cpu", tile)
    monkeypatch.setitem(decoding.LOOK, "cpu", look)
    assert drawn() == expected


def test_the_nucleus_is_what_is_drawn_from(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, z, count = build_vae(), torch.tensor([[1.5, -0.5]]), 20_000
    logits = vae.decoder.logits(torch.tensor([[BOS]]), z, vae.decoder.first_state(z))[0][0, 0].detach().double()
    logits[[3, EOS]] = -torch.inf  # nobody can read <unk>, nor a text of nothing
    shares, order = logits.softmax(dim=0).sort(descending=True)
    top_p = float(shares[:2].sum() - shares[1] / 2)  # within the second
    draw = vae.decoder(z.expand(count, -1)).draw
    first = draw(1, top_p=top_p, generator=torch.Generator().manual_seed(0))[:, 1]
    assert set(first.tolist()) == set(order[:2].tolist())
    exact = float(shares[0] / shares[:2].sum())
    assert (first == order[0]).double().mean().item() == pytest.approx(exact, abs=5 * (0.25 / count) ** 0.5)
    likeliest = draw(9, top_p=1e-9, generator=torch.Generator().manual_seed(0))
    assert _texts(likeliest[:1]) == _texts(vae.decoder(z).draw(9, temperature=0.0))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_text_never_begins_with_its_end(build_vae: Callable[..., SequenceVAE], temperature: float) -> None:
    vae = build_vae()
    with torch.no_grad():
        vae.decoder.bias[EOS] = 50.0  # it would rather say nothing at all
    drawn = vae.decoder(torch.randn(20, vae.latent)).draw(5, temperature=temperature)
    assert drawn[:, 1].ne(EOS).all()
    assert drawn[:, 2].eq(EOS).all()
