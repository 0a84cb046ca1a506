import math
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, Normal

from vaeseq.calls import Run, resumed
from vaeseq.errors import InputError
from vaeseq.rounds import Call, SearchConfig, searched
from vaeseq.search import Bayesian, PriorTexts, _chosen, _drawn, _surrogate, reached, search

LATENT = 4
GOAL = torch.tensor([1.2, -0.8, 0.5, -1.0])


class Rounded:
    """A space whose texts are codes rounded to tenths: many codes share a text."""

    latent = LATENT

    def encode(self, texts):
        mean = torch.tensor([[float(cell) for cell in text.split()] for text in texts]).reshape(-1, LATENT)
        return Independent(Normal(mean, torch.full_like(mean, 0.1)), 1)

    def reads(self, text):
        return True

    def decode(self, z, *, temperature=0.0, seed=0):
        return [" ".join(f"{x:.1f}" for x in (code + 0.0).tolist()) if code[0] < 3 else "" for code in z]

    def prior_sample(self, count, *, seed=0):
        return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))


class Poor(Rounded):
    """A space with five texts."""

    def decode(self, z, *, temperature=0.0, seed=0):
        return super().decode((z * 0).index_fill(1, torch.tensor([0]), 0) + z[:, :1].round().clamp(-2, 2))


def closeness(texts):
    return -np.array([float((Rounded().encode([text]).mean - GOAL).norm()) for text in texts])


def fewer(texts):
    """No value where the first number is negative."""
    return np.where([text.startswith("-") for text in texts], math.nan, closeness(texts))


SMALL = SearchConfig(budget=18, initial=6, batch=4, candidates=16)


def made(space=None, oracle=closeness, config=SMALL, **options):
    return [call for batch in search(space or Rounded(), oracle, config, **options) for call in batch]


def texts_of(calls):
    return [call.text for call in calls]


@pytest.mark.parametrize("method", ["bayesian", "random_prior"])
def test_the_budget_is_spent_on_different_texts(method):
    asked = []

    def oracle(texts):
        asked.extend(texts)
        return closeness(texts)

    calls = made(oracle=oracle, method=method)
    assert texts_of(calls) == asked
    assert len(set(asked)) == len(asked) == SMALL.budget
    assert "" not in asked
    assert [call.value for call in calls] == closeness(asked).tolist()


def test_both_methods_start_alike_and_a_seed_decides():
    bayesian, random = made(), made(method="random_prior")
    assert texts_of(bayesian)[: SMALL.initial] == texts_of(random)[: SMALL.initial]
    assert texts_of(bayesian) == texts_of(made())
    assert texts_of(bayesian) != texts_of(made(seed=1))


def test_it_finds_better_texts_than_chance():
    config = SearchConfig(budget=80, initial=20, batch=10)
    best = {
        method: [max(call.value for call in made(config=config, method=method, seed=seed)) for seed in range(3)]
        for method in ("bayesian", "random_prior")
    }
    assert min(best["bayesian"]) > max(best["random_prior"])


@pytest.mark.parametrize("start", range(SMALL.budget))
def test_a_search_that_stops_anywhere_goes_on_as_if_it_had_not(start):
    whole = made(oracle=fewer)
    rest = made(oracle=fewer, calls=whole[:start])
    assert [call[:1] for call in (*whole[:start], *rest)] == [call[:1] for call in whole]
    assert all(call.seconds >= whole[start - 1].seconds for call in rest if start)


def test_steps_around_the_best_are_of_full_codes_whatever_the_prior_draws():
    class Short(Rounded):
        def prior_sample(self, count, *, seed=0):
            return 0.3 * super().prior_sample(count, seed=seed)

    codes = torch.randn(20, LATENT, generator=torch.Generator().manual_seed(1))
    whole, short = (_drawn(space, codes, codes[:, 0], 100, 0) for space in (Rounded(), Short()))
    assert short[:50].equal(whole[:50])
    torch.testing.assert_close(short[50:], 0.3 * whole[50:])


def test_a_text_that_is_proposed_twice_is_asked_for_once():
    asked = []

    def oracle(texts):
        asked.extend(texts)
        return np.arange(len(texts), dtype=float)

    rounds = searched(
        lambda calls, count: ["a", "a", "b"] if not calls else ["b", "c", "c"], oracle, SearchConfig(4, 2, 1)
    )
    assert [call.text for batch in rounds for call in batch] == asked == ["a", "b", "c"]


def test_the_trust_region_grows_with_better_texts_and_shrinks_without():
    first, better, worse = [1.0, math.nan], [math.inf, 2.0], [0.5]

    def higher(count):
        return [[float(i)] for i in range(2, 2 + count)]

    assert reached([], 2) == reached([first], 2) == reached([first, worse], 2) == 1
    assert reached([first, worse, worse], 2) == reached([first, [1.0], [math.nan]], 2) == 0.5
    assert reached([first, worse, better, worse], 2) == 1, "two in a row"
    assert reached([first, *4 * [worse]], 2) == 0.25
    assert reached([first, *4 * [worse], *higher(2)], 2) == 0.25
    assert reached([first, *4 * [worse], *higher(3)], 2) == 0.5
    assert reached([first, *4 * [worse], *higher(9)], 2) == 1
    assert reached([first, *6 * [worse]], 2) == 0.125
    assert reached([first, *8 * [worse]], 2) == 1, "it is so narrow that it begins anew"


def test_no_step_leaves_the_trust_region():
    codes = torch.zeros(1, LATENT)
    near = _drawn(Rounded(), codes, torch.zeros(1), 4_000, 0, 0.2)[:2_000]
    far = _drawn(Rounded(), codes, torch.zeros(1), 4_000, 0)[:2_000]
    sizes, freely = near.norm(dim=1) / LATENT**0.5, far.norm(dim=1) / LATENT**0.5
    assert 0.1 < sizes.mean() < 0.2 < freely.mean()


def test_the_unit_of_the_values_does_not_matter():
    def texts(unit):
        return [call.text for call in made(oracle=lambda texts: unit * closeness(texts))]

    assert texts(1e-9) == texts(1.0) == texts(1e12)


def test_steps_and_fresh_draws_are_of_two_streams():
    codes = _drawn(Rounded(), torch.zeros(1, LATENT), torch.zeros(1), 2_000, 0)
    assert abs(float(torch.cosine_similarity(codes[:1_000], codes[1_000:]).mean())) < 0.05


@pytest.mark.parametrize("read", [0, 3])
def test_calls_that_the_space_cannot_read_tell_nothing(read):
    class Illiterate(Rounded):
        def reads(self, text):
            return "?" not in text

    def proposed(strange):
        calls = [Call(f"{i}.0 0.5 0.5 0.5", i, 0.0) if i < read else Call("?" * i, strange, 0.0) for i in range(6)]
        return Bayesian(Illiterate(), PriorTexts(Rounded(), 0), SMALL, 0)(calls, 4)

    assert len(proposed(9.0)) == 4
    assert proposed(9.0) == proposed(-9.0)


def test_texts_without_a_value_are_paid_for_but_are_no_best():
    calls = made(oracle=fewer)
    assert len(calls) == SMALL.budget
    assert any(math.isnan(call.value) for call in calls)


@pytest.mark.parametrize("answer", [math.nan, math.inf, -math.inf, 1.0])
def test_an_oracle_that_tells_nothing_leaves_a_random_search(answer):
    calls = made(oracle=lambda texts: np.full(len(texts), answer))
    assert texts_of(calls) == texts_of(made(method="random_prior"))


@pytest.mark.parametrize("method", ["bayesian", "random_prior"])
def test_a_space_with_few_texts_ends_the_search(method):
    calls = made(Poor(), method=method)
    assert sorted(set(texts_of(calls))) == sorted(texts_of(calls))
    assert 0 < len(calls) <= 5
    assert made(Poor(), method=method, calls=calls) == []


def test_a_round_may_be_of_more_texts_than_are_decoded_by_default():
    calls = made(config=SearchConfig(budget=12, initial=3, batch=9, candidates=2))
    assert len(calls) == len(set(texts_of(calls))) == 12


def test_what_an_oracle_must_give_is_said():
    with pytest.raises(InputError, match=r"one number per text, got shape \(6, 1\) for 6 texts"):
        made(oracle=lambda texts: np.zeros((len(texts), 1)))


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"initial": -1}, {"batch": 0}])
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(InputError, match="must be at least"):
        SearchConfig(**wrong)


@given(budget=st.integers(1, 60), initial=st.integers(1, 60), batch=st.integers(1, 60))
def test_rounds_cover_the_budget_without_gaps(budget, initial, batch):
    rounds = list(SearchConfig(budget, initial, batch).rounds())
    assert [start for start, _ in rounds] == [0, *(end for _, end in rounds[:-1])]
    assert rounds[-1][1] == budget
    assert all(start < end for start, end in rounds)


def test_the_caller_keeps_its_threads_and_randomness():
    torch.manual_seed(3)
    before = torch.get_num_threads(), torch.random.get_rng_state()
    made()
    assert torch.get_num_threads() == before[0]
    torch.testing.assert_close(torch.random.get_rng_state(), before[1], rtol=0, atol=0)


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("calls") / "calls.csv"
    calls = run_logged(path)
    return path.read_bytes(), calls


def run_logged(path, oracle=fewer):
    start = partial(lambda calls: search(Rounded(), oracle, SMALL, calls=calls))
    return [call for batch in resumed(path, Run("closeness", "bayesian", 0), start) for call in batch]


@settings(max_examples=10)
@given(data=st.data())
def test_a_file_cut_at_any_byte_loses_and_repeats_no_call(whole_file, tmp_path_factory, data):
    content, calls = whole_file
    path = Path(tmp_path_factory.mktemp("cut")) / "calls.csv"
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    kept = max(0, content[:cut].count(b"\n") - 1)
    asked = []

    def oracle(texts):
        asked.extend(texts)
        return fewer(texts)

    again = run_logged(path, oracle)
    assert asked == texts_of(calls)[kept:]
    assert texts_of(again) == texts_of(calls)
    assert path.read_bytes().count(b"\n") == content.count(b"\n")
    assert run_logged(path, oracle=None) == [
        Call(call.text, pytest.approx(call.value, nan_ok=True, rel=0, abs=0), pytest.approx(call.seconds, abs=1e-3))
        for call in again
    ]


def _known():
    random = torch.Generator().manual_seed(0)
    return torch.randn(8, LATENT, generator=random), torch.randn(8, generator=random).double()


@pytest.mark.filterwarnings("ignore")
def test_of_a_large_batch_the_last_codes_are_pending(monkeypatch):
    from botorch.acquisition import qLogExpectedImprovement

    class Watched(qLogExpectedImprovement):
        def set_X_pending(self, X_pending=None):
            asked.append(0 if X_pending is None else len(X_pending))
            super().set_X_pending(X_pending)

    (codes, values), asked = _known(), []
    model = _surrogate(codes, values)
    monkeypatch.setattr("botorch.acquisition.qLogExpectedImprovement", Watched)
    monkeypatch.setattr("vaeseq.search._PENDING", 3)
    chosen = _chosen(model, torch.randn(20, LATENT, generator=torch.Generator().manual_seed(1)), values, 6, seed=0)
    assert len(set(chosen)) == 6
    assert asked[-6:] == [0, 1, 2, 3, 3, 3]


@pytest.mark.filterwarnings("ignore")
def test_a_process_that_cannot_be_fitted_has_the_likeliest_length_scale(monkeypatch):
    from botorch.exceptions import ModelFittingError

    monkeypatch.setattr("botorch.fit_gpytorch_mll", Mock(side_effect=ModelFittingError))
    scale = _surrogate(*_known()).covar_module.lengthscale
    assert float(scale) == pytest.approx(math.exp(math.sqrt(2) + math.log(LATENT) / 2 - 3), rel=1e-3)
