import json

import pytest

from benchmarks import record, samples
from benchmarks.samples import Judge
from vaetext.everyday import sentences
from vaetext.metrics import reverse_perplexity

TEXTS = [row["text"] for row in sentences(900, seed=0)]
TRAINING, HELD_OUT, OTHERS = TEXTS[:500], TEXTS[500:700], TEXTS[700:]


def test_real_sentences_are_as_good_as_real_sentences_and_one_over_and_over_is_bland():
    judge = Judge(TRAINING, HELD_OUT, TRAINING[:200])
    real, bland = judge.of_draws(OTHERS), judge.of_draws([TRAINING[0]] * 200, "_again")
    assert real["reverse_perplexity_ratio"] == pytest.approx(1, abs=0.2)
    assert bland["reverse_perplexity_ratio_again"] > 2
    assert bland["forward_perplexity_again"] < real["forward_perplexity"]
    assert (bland["uniqueness_again"], bland["novelty_again"]) == (1 / 200, 0)


def test_ratios_are_to_what_is_told_of_text():
    judge = Judge(TRAINING, HELD_OUT, TRAINING[:200])
    told, found = judge.of_text(), judge.of_draws(OTHERS)
    assert told["reverse_perplexity_of_text"] == reverse_perplexity(TRAINING[:200], HELD_OUT).value
    ratio = found["reverse_perplexity"] / told["reverse_perplexity_of_text"]
    assert found["reverse_perplexity_ratio"] == pytest.approx(ratio)
    assert told["forward_perplexity_of_text"] == pytest.approx(
        Judge(TRAINING, OTHERS, OTHERS).of_draws(HELD_OUT)["forward_perplexity"]
    )


def test_draws_of_a_model_are_judged_once(subject, model, monkeypatch):
    monkeypatch.setattr(samples.Subject, "of", lambda folder: subject)
    samples.main(model, 30)
    written = (record.RESULTS / "samples_tatoeba.json").read_text(encoding="utf-8")
    found = json.loads(written)
    assert (found["budget"], found["data"]["model"]) == ({"draws": 30}, subject.digest)
    assert list(found["parts"]) == ["text", "prior"], "there is one prior"
    drawn, bench = subject.space.space.sample(30, seed=0), subject.bench
    judge = Judge(*(bench.texts(split, count) for split, count in (("train", 300), ("test", 300), ("train", 30))))
    assert found["figures"] == judge.of_text() | judge.of_draws(drawn)
    monkeypatch.setattr(Judge, "of_draws", lambda *_: pytest.fail("measured again"))
    samples.main(model, 30)
    assert (record.RESULTS / "samples_tatoeba.json").read_text(encoding="utf-8") == written
