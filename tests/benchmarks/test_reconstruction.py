import math

import pytest
import torch

from benchmarks import ptb_curve
from benchmarks.reconstruction import came_back, given_back, likelihood, of_twin
from vaeseq.diagnostics import summarise
from vaetext.bleu import bleu, pieces


def test_a_sentence_that_did_not_come_back_counts():
    found, true = ["Take off the tie.", "I sold it."], ["Take off the tie.", "I sold it, did I?"]
    shares = came_back(found, true)
    assert (shares["exact"], shares["exact_of"]) == (0.5, 2)
    assert shares["bleu"] == bleu(list(map(pieces, found)), list(map(pieces, true)))


def test_all_rows_asked_for_are_read_by_the_model(subject):
    rows = subject.corpus.rows("test")
    found = given_back(subject, rows)
    assert (found["exact_of"], found["with_unknown"]) == (60, 0)
    assert [subject.space.space.tokenizer.decode(subject.corpus.sequence(row)) for row in rows] == [
        subject.bench.table[row]["text"] for row in rows
    ]


def test_bounds_are_in_order_and_of_the_prior_of_training(subject):
    rows = subject.corpus.rows("test")[:20]
    found = likelihood(subject, rows)
    assert found["iw_nats"] < found["elbo_nats"]
    assert found["kl"] == summarise(subject.vae, subject.corpus, rows, seed=0).kl
    assert not any(name.endswith("_fitted") for name in found), "there is one prior"


def test_the_twin_has_no_code_and_the_units_of_the_decoder_and_what_it_corrects(subject):
    assert subject.twin.latent == 0
    assert subject.twin.decoder.lstm.hidden_size == 16
    rows = subject.corpus.rows("test")[:10]
    with torch.no_grad():
        log_p = subject.twin.decoder(torch.empty(10, 0)).log_prob(subject.corpus.batch(rows).tokens)
    assert of_twin(subject, rows)["twin_nats"] == pytest.approx(-float(log_p.mean()), rel=1e-4)


def test_the_curve_gives_the_words_of_each_row_of_the_benchmark(subject, monkeypatch):
    pairs = list(ptb_curve.came_back(subject.vae, subject.corpus, "test"))
    assert sorted(true for _, true in pairs) == sorted(
        subject.corpus.sequence(row)[1:-1].tolist() for row in subject.corpus.rows("test")
    )
    monkeypatch.setattr(ptb_curve, "weighted_nats", lambda vae, corpus, split, samples: 120.0)
    found = ptb_curve.figures_of(subject.vae, subject.corpus, 3.0)
    assert (found["iw_nats"], found["twin_nats"]) == (2.0, 3.0)
    assert found["bleu"] == bleu(*zip(*pairs, strict=True))
    assert math.isfinite(found["elbo_nats"])
