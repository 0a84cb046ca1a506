from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipelines import evaluate
from pipelines.params import EvaluateParams
from vaeseq.corpus import choose
from vaeseq.diagnostics import Summary


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_spread_over_the_rows_that_it_was_taken_of(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, taken = np.array([3, 5, 8, 13, 21, 34]), []
    monkeypatch.setattr(evaluate, "summarise", lambda *_, **__: Summary(-3.0, 2.0, 1.0, 1.0, 1.0))
    monkeypatch.setattr(
        evaluate, "iwae_by_row", lambda _, __, some, **___: taken.append(some) or torch.zeros(len(some))
    )
    domain = SimpleNamespace(likelihood_per_unit=lambda _, records: {"of": [record["row"] for record in records]})
    params = EvaluateParams(seed=seed, iwae_rows=3)
    space = SimpleNamespace(vae=None, latent=2)
    figures = evaluate._likelihood(space, None, rows, [{"row": int(row)} for row in rows], params, domain)
    assert figures["of"] == taken[0].tolist() == choose(rows, 3, seed=seed).tolist()
    assert "language" not in figures, "there is no language model"
