import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from pipelines import evaluate
from pipelines.params import EvaluateParams
from vaeseq.corpus import choose
from vaeseq.diagnostics import Summary
from vaeseq.flows import FlowHead
from vaeseq.posteriors import GaussianHead


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_spread_over_the_rows_that_it_was_taken_of(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, taken = np.array([3, 5, 8, 13, 21, 34]), []
    monkeypatch.setattr(evaluate, "summarise", lambda *_, **__: Summary(-3.0, 2.0, 1.0, 1.0, 1.0))
    monkeypatch.setattr(
        evaluate, "log_weights_by_row", lambda _, __, some, **___: taken.append(some) or torch.zeros(2, len(some))
    )
    domain = SimpleNamespace(likelihood_per_unit=lambda _, records: {"of": [record["row"] for record in records]})
    params = EvaluateParams(seed=seed, iwae_rows=3)
    trained = object()
    known = {"trained_prior": None, "discrete": False, "language": None, "encoder": SimpleNamespace(head=None)}
    vae = SimpleNamespace(as_trained=lambda: trained, **known)
    space = SimpleNamespace(vae=vae, latent=2)
    figures = evaluate._likelihood(space, None, rows, [{"row": int(row)} for row in rows], params, domain)
    assert figures["of"] == taken[0].tolist() == choose(rows, 3, seed=seed).tolist()
    assert not [name for name in figures if "language" in name], "there is no language model"


def test_what_the_bound_is_compared_with_is_of_its_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(50)
    monkeypatch.setattr(evaluate, "summarise", lambda *_, **__: Summary(-3.0, 2.0, 1.0, 1.0, 1.0, 40.0))
    # Of row i the weights are e^-i and e^-(i + 2), and the language model says it with i + i / 10 nats.
    weights = torch.tensor([[0.0], [-2.0]])
    monkeypatch.setattr(evaluate, "log_weights_by_row", lambda _, __, some, **___: weights - torch.as_tensor(some))
    monkeypatch.setattr(evaluate, "language_by_row", lambda _, __, some: -1.1 * torch.as_tensor(some))
    known = {"trained_prior": None, "discrete": False, "language": object(), "encoder": SimpleNamespace(head=None)}
    space = SimpleNamespace(vae=SimpleNamespace(as_trained=lambda: space.vae, **known), latent=2)
    domain = SimpleNamespace(likelihood_per_unit=lambda *_: {})

    def figures(few: int) -> dict[str, float]:
        return evaluate._likelihood(space, None, rows, [{}] * 50, EvaluateParams(iwae_rows=few), domain)

    found, weighted = figures(5), choose(rows, 5, seed=0)
    above = math.log((1 + math.exp(-2)) / 2)
    assert found["iwae"] == pytest.approx(above - weighted.mean())
    assert found["iwae_less_elbo"] == pytest.approx(above + 1)
    assert found["iwae_less_language"] == pytest.approx(above + weighted.mean() / 10)
    assert found["iwae_less_language_standard_error"] == pytest.approx(weighted.std(ddof=1) / 10 / math.sqrt(5))
    assert found["language"] == 40.0, "of all rows"
    assert "iwae_less_language_standard_error" not in figures(1), "one row has none"


@pytest.mark.parametrize(("fitted", "signal"), [(False, 1.0), (True, 1.0), (True, 0.7)])
def test_figures_of_a_fitted_prior_have_its_name(fitted: bool, signal: float, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = SimpleNamespace(kl=3.0, signal=1.0)
    prior = object() if fitted else None
    known = {"trained_prior": prior, "discrete": False, "language": object(), "encoder": SimpleNamespace(head=None)}
    vae = SimpleNamespace(kl=1.0, signal=signal, as_trained=lambda: trained, **known)
    monkeypatch.setattr(evaluate, "summarise", lambda of, *_, **__: Summary(-of.kl - 2.0, 2.0, of.kl, 1.0, 1.0))
    monkeypatch.setattr(evaluate, "log_weights_by_row", lambda of, *_, **__: torch.full((1, 2), -of.kl))
    monkeypatch.setattr(evaluate, "language_by_row", lambda *_: torch.tensor([-3.0, -4.0]))
    domain = SimpleNamespace(likelihood_per_unit=lambda nats, _: {"bits": nats})
    rows = np.arange(2)
    figures = evaluate._likelihood(SimpleNamespace(vae=vae, latent=2), None, rows, [{}, {}], EvaluateParams(), domain)
    assert (figures["elbo"], figures["kl"], figures["iwae"], figures["bits"]) == (-5.0, 3.0, -3.0, 6.0)
    named = {name: value for name, value in figures.items() if name.endswith("_fitted")}
    assert (figures["iwae_less_language"], figures["iwae_less_language_standard_error"]) == (0.5, pytest.approx(0.5))
    expected = {"elbo_fitted": -3.0, "kl_fitted": 1.0, "iwae_fitted": -1.0, "bits_fitted": 2.0} if fitted else {}
    if fitted:
        expected |= {"iwae_less_elbo_fitted": 0.0, "iwae_less_language_fitted": 2.5}
        expected |= {"iwae_less_language_standard_error_fitted": pytest.approx(0.5)}
    if signal < 1:  # of other codes, so these are others too, and said even if the values are the same
        expected |= {"reconstruction_fitted": 2.0, "active_units_fitted": 1.0, "mutual_information_fitted": 1.0}
    assert named == expected


@pytest.mark.parametrize(("head", "figures"), [(GaussianHead, 2), (FlowHead, 0)])
def test_only_a_gaussian_posterior_has_an_amortisation_gap(
    head: type, figures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "gap_by_row", lambda _, __, rows, **___: torch.arange(float(len(rows))))
    vae = SimpleNamespace(encoder=SimpleNamespace(head=head.__new__(head)))
    found = evaluate._left_behind(vae, None, np.arange(9), EvaluateParams(gap_rows=3))
    assert found == dict(list({"amortisation_gap": 1.0, "amortisation_gap_rows": 3}.items())[:figures])


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_the_map_has_two_coordinates_whatever_the_dimension(latent: int) -> None:
    table = pa.table({"split": ["train"] * 4 + ["valid"] * 3, "text": list("abcdefg")})
    means = torch.randn(7, latent, generator=torch.Generator().manual_seed(0))
    space = SimpleNamespace(latent=latent, encode=lambda texts: SimpleNamespace(mean=means[: len(texts)]))
    chosen = {"train": np.arange(4), "valid": np.arange(4, 7)}
    found = evaluate._latent_map(space, table, chosen, SimpleNamespace(COLOURS=(), IDENTITY="text"))
    assert [row["text"] for row in found] == list("abcdefg")
    places = torch.tensor([[row["x"], row["y"]] for row in found])
    assert (places[:, 1] == 0).all() == (latent == 1)
    if latent == 2:
        assert torch.pdist(places).allclose(torch.pdist(means), atol=1e-3)
