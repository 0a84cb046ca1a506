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
        evaluate, "iwae_by_row", lambda _, __, some, **___: taken.append(some) or torch.zeros(len(some))
    )
    domain = SimpleNamespace(likelihood_per_unit=lambda _, records: {"of": [record["row"] for record in records]})
    params = EvaluateParams(seed=seed, iwae_rows=3)
    trained = object()
    known = {"trained_prior": None, "discrete": False, "encoder": SimpleNamespace(head=None)}
    vae = SimpleNamespace(as_trained=lambda: trained, **known)
    space = SimpleNamespace(vae=vae, latent=2)
    figures = evaluate._likelihood(space, None, rows, [{"row": int(row)} for row in rows], params, domain)
    assert figures["of"] == taken[0].tolist() == choose(rows, 3, seed=seed).tolist()
    assert "language" not in figures, "there is no language model"


@pytest.mark.parametrize(("fitted", "signal"), [(False, 1.0), (True, 1.0), (True, 0.7)])
def test_figures_of_a_fitted_prior_have_its_name(fitted: bool, signal: float, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = SimpleNamespace(kl=3.0, signal=1.0)
    prior = object() if fitted else None
    known = {"trained_prior": prior, "discrete": False, "encoder": SimpleNamespace(head=None)}
    vae = SimpleNamespace(kl=1.0, signal=signal, as_trained=lambda: trained, **known)
    monkeypatch.setattr(evaluate, "summarise", lambda of, *_, **__: Summary(-of.kl - 2.0, 2.0, of.kl, 1.0, 1.0))
    monkeypatch.setattr(evaluate, "iwae_by_row", lambda of, *_, **__: torch.full((2,), -of.kl))
    domain = SimpleNamespace(likelihood_per_unit=lambda nats, _: {"bits": nats})
    rows = np.arange(2)
    figures = evaluate._likelihood(SimpleNamespace(vae=vae, latent=2), None, rows, [{}, {}], EvaluateParams(), domain)
    assert (figures["elbo"], figures["kl"], figures["iwae"], figures["bits"]) == (-5.0, 3.0, -3.0, 6.0)
    named = {name: value for name, value in figures.items() if name.endswith("_fitted")}
    expected = {"elbo_fitted": -3.0, "kl_fitted": 1.0, "iwae_fitted": -1.0, "bits_fitted": 2.0} if fitted else {}
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
