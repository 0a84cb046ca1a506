import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from vaeseq import imputation
from vaeseq.bounds import iwae
from vaeseq.corpus import Batch, batch_of, pad
from vaeseq.encoder import NoEncoder
from vaeseq.errors import InputError
from vaeseq.imputation import impute, observed_log_prob
from vaeseq.model import SequenceVAE
from vaeseq.priors import StandardNormalPrior
from vaeseq.tokenizer import BOS, EOS, MASK, PAD, UNK

READABLE = (5, 6, 7)  # of a vocabulary of eight
ROW = [BOS, 5, 6, 7, 6, EOS]
BLANKS = {"none": [], "first": [1], "inner": [2], "last": [4], "adjacent": [2, 3], "apart": [1, 3], "all": [1, 2, 3, 4]}
LONG = [BOS, 5, 6, 7, 7, 6, 5, 5, 6, EOS]
ROWS = [ROW, [BOS, EOS], [BOS, 7, 7, UNK, 7, 5, 6, EOS], [BOS, 6, EOS], [BOS, 5, 7, 5, EOS]]
THEIRS = [[2, 4], [], [1, 2, 6], [1], [3]]  # places that are missing


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _with_blanks(rows: list[list[int]], blanks: list[list[int]]) -> Batch:
    batch = batch_of(rows)
    for row, places in enumerate(blanks):
        batch.observed[row, places] = False
    return batch


def _completions(ids: list[int], blanks: list[int]) -> list[list[int]]:
    """Every way to fill the blanks."""
    every = []
    for symbols in itertools.product(READABLE, repeat=len(blanks)):
        filled = dict(zip(blanks, symbols, strict=True))
        every.append([filled.get(place, symbol) for place, symbol in enumerate(ids)])
    return every


@pytest.fixture(scope="module")
def codeless(build_vae: Callable[..., SequenceVAE]) -> SequenceVAE:
    """A language model, so that nothing but the particles is random.

    By its seed weights of a few steps are uneven enough for particles to be resampled, as few seeds would have it.
    """
    decoder = build_vae(seed=30, language=True).language.decoder
    with torch.no_grad():
        decoder.embedding.weight.mul_(3)
    return SequenceVAE(NoEncoder(), decoder, StandardNormalPrior(0))


def _exact(vae: SequenceVAE, ids: list[int], blanks: list[int]) -> Tensor:
    """log p of each completion of a model without a code."""
    every = _completions(ids, blanks)
    return vae.decoder(torch.empty(len(every), 0)).log_prob(pad(every)).double()


def _assert_mean(values: Tensor, exact: float, *, error: float) -> None:
    """The mean is within five standard errors, and these are small enough to tell."""
    found = float(values.std()) / len(values) ** 0.5
    assert found < error
    assert float(values.mean()) == pytest.approx(exact, abs=5 * found + 1e-6)


@pytest.mark.parametrize("blanks", BLANKS.values(), ids=BLANKS)
@torch.no_grad()
def test_the_estimate_is_the_sum_over_all_completions_in_expectation(
    blanks: list[int], one_dimensional: SequenceVAE, log_p: Callable[..., Tensor]
) -> None:
    exact = torch.stack([log_p(one_dimensional, ids) for ids in _completions(ROW, blanks)]).logsumexp(dim=0)
    batch = _with_blanks([ROW] * 4_000, [blanks] * 4_000)
    estimates = observed_log_prob(one_dimensional, batch, samples=2, particles=4, generator=_seeded())
    _assert_mean((estimates - exact).exp(), 1.0, error=0.015)


@pytest.mark.parametrize("particles", [3, 8])
@pytest.mark.parametrize("blanks", [[1, 3, 5, 7], [2, 3, 5], [2, 3, 4, 5, 7]], ids=str)
@torch.no_grad()
def test_the_estimate_stays_right_where_particles_are_resampled(
    blanks: list[int], particles: int, codeless: SequenceVAE
) -> None:
    batch = _with_blanks([LONG] * 5_000, [blanks] * 5_000)
    estimates = observed_log_prob(codeless, batch, samples=1, particles=particles, generator=_seeded())
    _assert_mean((estimates - _exact(codeless, LONG, blanks).logsumexp(dim=0)).exp(), 1.0, error=0.03)


@torch.no_grad()
def test_resampling_is_better_than_as_many_draws_without(codeless: SequenceVAE) -> None:
    row = [BOS, *LONG[1:-1], *LONG[1:-1], EOS]
    batch = _with_blanks([row] * 500, [list(range(1, len(row) - 1, 2))] * 500)
    without = observed_log_prob(codeless, batch, samples=32, particles=1, generator=_seeded())
    filtered = observed_log_prob(codeless, batch, samples=1, particles=32, generator=_seeded())
    assert filtered.var() < 0.4 * without.var()
    assert filtered.mean() > without.mean()


@torch.no_grad()
def test_a_row_is_not_resampled_for_the_blanks_of_others(codeless: SequenceVAE) -> None:
    alone = _with_blanks([LONG] * 2_000, [[1, 3]] * 2_000)
    beside = _with_blanks([LONG] * 2_001, [*[[1, 3]] * 2_000, list(range(1, 9))])
    one, other = (
        observed_log_prob(codeless, batch, samples=1, particles=8, generator=_seeded()) for batch in (alone, beside)
    )
    assert other[:-1].var() < 1.2 * one.var()


@torch.no_grad()
def test_the_estimate_rises_to_log_p_with_samples_and_its_variance_falls(
    one_dimensional: SequenceVAE, log_p: Callable[..., Tensor]
) -> None:
    blanks = BLANKS["apart"]
    exact = torch.stack([log_p(one_dimensional, ids) for ids in _completions(ROW, blanks)]).logsumexp(dim=0)
    batch = _with_blanks([ROW] * 500, [blanks] * 500)
    _assert_rising(
        [observed_log_prob(one_dimensional, batch, samples=k, particles=4, generator=_seeded()) for k in (1, 4, 64)],
        float(exact),
    )


@torch.no_grad()
def test_the_estimate_rises_to_log_p_with_particles_and_its_variance_falls(codeless: SequenceVAE) -> None:
    blanks = [1, 3, 5, 7]
    batch = _with_blanks([LONG] * 500, [blanks] * 500)
    _assert_rising(
        [observed_log_prob(codeless, batch, samples=1, particles=n, generator=_seeded()) for n in (1, 4, 64)],
        float(_exact(codeless, LONG, blanks).logsumexp(dim=0)),
    )


def _assert_rising(logs: list[Tensor], exact: float) -> None:
    means, variances = [float(each.mean()) for each in logs], [float(each.var()) for each in logs]
    assert means[0] < means[1] < means[2] < exact + 5 * (variances[2] / len(logs[2])) ** 0.5
    assert variances[0] > variances[1] > variances[2]
    assert means[2] == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("prior", ["standard_normal", "mixture", "vamp", "flow", "autoregressive"])
@pytest.mark.parametrize("posterior", ["gaussian", "flow"])
@torch.no_grad()
def test_with_nothing_missing_it_is_the_iwae_of_every_family(
    posterior: str, prior: str, build_vae: Callable[..., SequenceVAE], monkeypatch: pytest.MonkeyPatch
) -> None:
    if (posterior, prior) == ("flow", "vamp"):
        pytest.skip("a mixture of flows has no cheap density")
    vae, batch = build_vae(posterior=posterior, prior=prior), batch_of(ROWS)
    exact = iwae(vae, batch, samples=5, generator=_seeded())
    for room in (imputation.ROOM, 1, 3 * 2 * (8 + 4 * 6)):  # all side by side, one code at a time, three
        monkeypatch.setattr(imputation, "ROOM", room)
        estimate = observed_log_prob(vae, batch, samples=5, particles=2, generator=_seeded())
        assert_close(estimate, exact, rtol=1e-5, atol=1e-4)
        filled = impute(vae, batch, samples=5, particles=2, completions=2, generator=_seeded())
        assert filled.tokens[:, 0].equal(batch.tokens)
        assert_close(filled.weight, torch.tensor([[1.0, 0.0]]).expand(len(ROWS), -1))


@pytest.mark.parametrize("together", [1, 3, 10**6])
@torch.no_grad()
def test_rows_of_many_shapes_side_by_side_keep_their_own(
    together: int, codeless: SequenceVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, particles = 2, 3_000
    monkeypatch.setattr(imputation, "ROOM", together * particles * (8 + 4 * 6))
    batch = _with_blanks(ROWS, THEIRS)
    exact = [_exact(codeless, ids, blanks) for ids, blanks in zip(ROWS, THEIRS, strict=True)]
    estimates = observed_log_prob(codeless, batch, samples=samples, particles=particles, generator=_seeded())
    assert_close(estimates.double(), torch.stack([each.logsumexp(dim=0) for each in exact]), rtol=0, atol=0.15)
    filled = impute(codeless, batch, samples=samples, particles=particles, completions=30, generator=_seeded())
    for row, log_p in enumerate(exact):
        assert filled.weight[row, : len(log_p)].sum() == pytest.approx(1)
        shares = dict(
            zip(map(tuple, pad(_completions(ROWS[row], THEIRS[row])).tolist()), log_p.softmax(0), strict=True)
        )
        for ids, weight in zip(filled.tokens[row].tolist(), filled.weight[row].tolist(), strict=True):
            if weight:
                assert weight == pytest.approx(float(shares[tuple(ids[: len(ROWS[row])])]), abs=0.06)


@pytest.mark.parametrize("blanks", [[3], [1, 3, 5], [2, 3, 5, 7]], ids=str)
@torch.no_grad()
def test_the_weights_are_those_of_the_posterior_in_expectation(blanks: list[int], codeless: SequenceVAE) -> None:
    """``p_hat(x_o) weight(x_m)`` has the mean ``p(x_o, x_m)``, however few the particles."""
    batch, few = _with_blanks([LONG] * 2_000, [blanks] * 2_000), {"samples": 2, "particles": 5}
    log_p = _exact(codeless, LONG, blanks)
    observed = observed_log_prob(codeless, batch, **few, generator=_seeded())
    scale = (observed - log_p.logsumexp(dim=0)).exp()
    filled = impute(codeless, batch, **few, completions=10, generator=_seeded())
    assert filled.log_observed.equal(observed)
    shares = log_p.softmax(dim=0).tolist()
    likely = [(ids, share) for ids, share in zip(_completions(LONG, blanks), shares, strict=True) if share > 0.01]
    assert len(likely) > 2
    for ids, share in likely:
        its = (filled.tokens == torch.tensor(ids)).all(dim=2)
        _assert_mean(scale * (filled.weight * its).sum(dim=1), share, error=0.03)


@pytest.mark.parametrize("barred", [None, 7])
@torch.no_grad()
def test_the_weights_of_many_samples_are_the_posterior(
    barred: int | None, one_dimensional: SequenceVAE, log_p: Callable[..., Tensor]
) -> None:
    """That of the completions that fit, where one symbol fits no longer at the first place."""
    blanks, fits = BLANKS["adjacent"], torch.ones(len(ROW), 8, dtype=torch.bool)
    fits[blanks[0], [i for i in READABLE if i == barred]] = False
    every = [ids for ids in _completions(ROW, blanks) if ids[blanks[0]] != barred]
    shares = torch.stack([log_p(one_dimensional, ids) for ids in every]).softmax(dim=0)
    assert shares.max() > 3 * shares.min(), "the law says little where all are alike"
    batch, count = _with_blanks([ROW], [blanks]), len(every)
    many = {"samples": 3_000, "particles": 8, "completions": count}
    filled = impute(one_dimensional, batch, **many, fits=fits, generator=_seeded())
    found = dict(zip(map(tuple, filled.tokens[0].tolist()), filled.weight[0].tolist(), strict=True))
    assert_close(torch.tensor([found[tuple(ids)] for ids in every]).double(), shares, rtol=0, atol=0.03)


@given(data=st.data())
def test_completions_are_different_ways_to_read_the_same_row(
    data: st.DataObject, build_vae: Callable[..., SequenceVAE]
) -> None:
    rows = data.draw(st.lists(st.lists(st.sampled_from([UNK, *READABLE]), max_size=6), min_size=1, max_size=4))
    rows = [[BOS, *symbols, EOS] for symbols in rows]
    blanks = [data.draw(st.lists(st.sampled_from(range(1, len(ids) - 1)))) if len(ids) > 2 else [] for ids in rows]
    batch, vae = _with_blanks(rows, blanks), build_vae()
    most = data.draw(st.integers(1, 8))
    many, some = (
        impute(vae, batch, samples=2, particles=3, completions=count, generator=_seeded()) for count in (8, most)
    )
    assert_close(many.weight.sum(dim=1), torch.ones(len(rows)))
    assert (many.weight.diff(dim=1) <= 0).all()
    assert some.tokens.equal(many.tokens[:, :most])
    assert some.weight.equal(many.weight[:, :most])
    for ids, observed, found, weights in zip(batch.tokens, batch.observed, many.tokens, many.weight, strict=True):
        there = found[weights > 0]
        assert (there[:, observed] == ids[observed]).all()
        assert set(there[:, ~observed].flatten().tolist()) <= set(READABLE)
        assert len(there.unique(dim=0)) == len(there)
        assert (found[weights == 0] == PAD).all()


@given(extra=st.integers(1, 6), symbol=st.sampled_from([UNK, MASK, *READABLE]))
def test_neither_padding_nor_what_was_blotted_out_changes_anything(
    extra: int, symbol: int, build_vae: Callable[..., SequenceVAE]
) -> None:
    vae, batch = build_vae(), _with_blanks(ROWS, THEIRS)
    wide = functional.pad(torch.where(batch.observed, batch.tokens, symbol), (0, extra), value=PAD)
    wider = Batch(wide, functional.pad(batch.observed, (0, extra), value=True), batch.row)
    estimates = [observed_log_prob(vae, each, samples=3, particles=4, generator=_seeded()) for each in (batch, wider)]
    assert_close(estimates[0], estimates[1], rtol=1e-5, atol=1e-5)
    one, other = (
        impute(vae, each, samples=3, particles=4, completions=3, generator=_seeded()) for each in (batch, wider)
    )
    assert functional.pad(one.tokens, (0, extra), value=PAD).equal(other.tokens)
    assert_close(one.weight, other.weight, rtol=1e-4, atol=1e-5)


def test_the_generator_decides(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch, few = build_vae(), _with_blanks(ROWS, THEIRS), {"samples": 2, "particles": 3}
    one, same, other = (observed_log_prob(vae, batch, **few, generator=_seeded(seed)) for seed in (1, 1, 2))
    assert one.equal(same)
    assert (one != other).all()
    one, same, other = (impute(vae, batch, **few, completions=4, generator=_seeded(seed)) for seed in (1, 1, 2))
    assert one.tokens.equal(same.tokens)
    assert one.weight.equal(same.weight)
    assert not one.weight.equal(other.weight)


@pytest.mark.parametrize(
    ("ids", "blank", "message"),
    [
        ([BOS, 5, EOS, PAD], 0, "missing symbols must be inside their text, got '<bos>' at place 0 of row 1"),
        ([MASK, 5, EOS, PAD], 0, "missing symbols must be inside their text, got '<mask>' at place 0 of row 1"),
        ([BOS, 5, EOS, PAD], 2, "missing symbols must be inside their text, got '<eos>' at place 2 of row 1"),
        ([BOS, 5, EOS, PAD], 3, "missing symbols must be inside their text, got '<pad>' at place 3 of row 1"),
        ([BOS, MASK, 5, EOS], 2, "observed symbols must be such as a text holds, got '<mask>' at place 1 of row 1"),
        ([BOS, 5, BOS, EOS], 1, "observed symbols must be such as a text holds, got '<bos>' at place 2 of row 1"),
    ],
)
def test_a_blank_has_to_be_inside_its_text(
    ids: list[int], blank: int, message: str, build_vae: Callable[..., SequenceVAE]
) -> None:
    batch = _with_blanks([[BOS, 5, 6, EOS], ids], [[1], [blank]])
    with pytest.raises(InputError, match=message):
        observed_log_prob(build_vae(), batch, samples=1, particles=1)


@pytest.mark.parametrize("name", ["samples", "particles", "completions"])
def test_there_is_at_least_one_of_each(name: str, build_vae: Callable[..., SequenceVAE]) -> None:
    counts = {"samples": 1, "particles": 1, "completions": 1, name: 0}
    with pytest.raises(InputError, match=f"{name} must be at least 1, got 0"):
        impute(build_vae(), batch_of(ROWS), **counts)
