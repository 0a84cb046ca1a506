import json
import math
from functools import partial

import pytest
import torch

from benchmarks import gap_model, imputation, judges, record
from benchmarks.imputation import differences, fillers, gaps, verdict
from benchmarks.judges import Setting
from vaeseq.imputation import observed_log_prob


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = {"lstm": [Setting(4, 0.0, 1e-2, 0.01)], "bag_of_words": [Setting(0, 0.0, 1e-2, 0.01)]}
    monkeypatch.setattr(judges, "GRID", grid)
    monkeypatch.setattr(judges, "EPOCHS", 2)
    for name in ("SAMPLES", "PARTICLES", "BEAMS", "GAP_SAMPLES", "GAP_PARTICLES"):
        monkeypatch.setattr(imputation, name, 4)
    monkeypatch.setattr(gap_model, "trained", partial(gap_model.trained, steps=2))


def test_each_filler_has_the_errors_of_both_judges(subject):
    ways = [(name, way) for name, filler in fillers().items() for way in range(len(filler.ways))]
    found = {name: value for each in ways for name, value in verdict(subject, 30, *each).items()}
    for name in ("control_", "", "likeliest_", "twin_", "twin_drawn_", "language_", "language_drawn_"):
        for kind in ("lstm", "bag_of_words"):
            assert -0.5 <= found[f"{name}adversarial_error_{kind}"] <= 0.5
        assert (found[f"{name}judged"], found[f"{name}judges_learnt_from"]) == (30, 30 + 24)
        assert 0 <= found[f"{name}filled_with_the_truth"] <= 1
    json.dumps(found)
    compared = set()
    for name, value in differences(found).items():
        ours, _, other = name.removesuffix("_standard_error").partition("less_")
        kind = next(kind for kind in ("bag_of_words", "lstm") if other.endswith(kind))
        errors = [found[f"{of}adversarial_error_{kind}"] for of in (ours, other.removesuffix(kind))]
        assert value >= 0 if name.endswith("error") else value == pytest.approx(errors[0] - errors[1])
        compared.add((ours, "drawn" in other))
    assert compared == {("", True), ("likeliest_", False), ("", False)}, "draws, modes, and draws with beams"


def test_a_model_that_corrects_no_language_model_is_judged_beside_its_twin_alone(subject, model, monkeypatch):
    monkeypatch.setattr(imputation.Subject, "of", lambda folder: subject)
    asked = []
    monkeypatch.setattr(imputation, "verdict", lambda subject, rows, name, way: asked.append((name, way)) or {})
    monkeypatch.setattr(imputation, "gaps", lambda subject, rows: {})
    monkeypatch.setattr(subject.vae, "language", None)
    imputation.main(model, 5)
    assert asked == [("control", 0), ("model", 0), ("model", 1), ("twin", 0), ("twin", 1)]
    found = json.loads((record.RESULTS / "imputation_tatoeba.json").read_text())
    assert 1 <= found["figures"]["effective_codes"] <= imputation.SAMPLES
    assert found["budget"]["judges_learn_from"] == imputation.LEARNT
    monkeypatch.setattr(imputation, "effective", lambda subject, rows: 3.5)
    monkeypatch.setattr(imputation, "EFFECTIVE_ROWS", 4)
    imputation.main(model, 5)
    assert len(asked) == 5, "what was judged is not judged again"
    found = json.loads((record.RESULTS / "imputation_tatoeba.json").read_text())
    assert found["figures"]["effective_codes"] == 3.5, "of other rows"


def test_the_language_model_that_is_corrected_is_one_without_a_code(subject):
    tokens = subject.corpus.batch(subject.corpus.rows("test")[:5]).tokens
    found = subject.language.decoder(torch.empty(5, 0)).log_prob(tokens)
    torch.testing.assert_close(found, subject.vae.language(5).log_prob(tokens))
    assert subject.language.latent == 0


def test_a_gap_costs_as_much_as_all_that_may_stand_there(subject, monkeypatch):
    known = []

    def noted(vae, left, *, whole, **others):
        known.append(whole.equal(left.tokens) and not left.observed.all(dim=1).any())
        return observed_log_prob(vae, left, whole=whole, **others)

    monkeypatch.setattr(imputation, "observed_log_prob", noted)
    found = gaps(subject, 12)
    assert len(known) == 3
    assert all(known)
    assert found["gaps"] == 12
    assert 2 <= found["gap_words"] <= 3
    assert found["masked_lm_parameters"] == pytest.approx(found["parameters"], rel=0.1)
    uniform = 3 * math.log(subject.config.vocabulary - 5)
    for name in ("gap_nats", "gap_nats_masked_lm", "gap_nats_twin"):  # nothing has learnt much yet
        assert found[name] == pytest.approx(uniform, rel=0.2)
    assert found["gaps_below_0"] == 0
    assert found["gap_nats_less_masked_lm"] == pytest.approx(found["gap_nats"] - found["gap_nats_masked_lm"], abs=1e-3)


def test_the_nats_of_a_model_without_a_code_are_those_of_its_chain(subject, monkeypatch):
    # A gap of one symbol has an exact answer: Bayes' rule over the vocabulary.
    monkeypatch.setattr(imputation, "GAP", 1)
    monkeypatch.setattr(imputation, "GAP_WORDS", 1)
    monkeypatch.setattr(imputation, "GAP_PARTICLES", 100)
    seen = []
    real = imputation.without_run

    def noted(whole, length, places, generator):
        left, first = real(whole, length, places, generator)
        seen.append((whole.tokens, first))
        return left, first

    monkeypatch.setattr(imputation, "without_run", noted)
    found = gaps(subject, 4)["gap_nats_twin"]
    nats = []
    for tokens, firsts in seen:
        for row, first in zip(tokens, firsts.tolist(), strict=True):
            ways = row.repeat(subject.config.vocabulary, 1)
            ways[:, first] = torch.arange(len(ways))
            scores = subject.twin.decoder(torch.empty(len(ways), 0)).log_prob(ways).detach().double()
            scores[:5] = -torch.inf
            nats.append(float(scores.logsumexp(0) - scores[row[first]]))
    assert found == pytest.approx(sum(nats) / len(nats), abs=0.05)
