import json
import math
import shutil

import pytest
import torch

from benchmarks import ptb_curve, reconstruction, record
from benchmarks.reconstruction import by_length, came_back, given_back, likelihood, of_twin
from benchmarks.subject import Subject, digest_of_folder
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.diagnostics import summarise
from vaeseq.fitting import FitConfig
from vaeseq.model import SequenceVAE
from vaeseq.priors import MixturePrior
from vaeseq.state import TrainConfig
from vaeseq.tokenizer import Tokenizer
from vaetext.bleu import bleu, pieces
from vaetext.space import SentenceSpace


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


def test_a_sentence_with_an_unknown_symbol_is_a_failure_whatever_the_model(small_bench, tmp_path, monkeypatch):
    letters = {letter for row in small_bench.table for letter in row["text"]} - {"k"}
    tokenizer = Tokenizer.of_symbols(letters, ".")
    config = VAEConfig(tokenizer.size, 4, 8, EncoderConfig(hidden=8), DecoderConfig(hidden=12))
    domain = {"name": "sentences", "max_length": 90, "max_words": 50, "max_characters": 500, "lower": False}
    checkpoint.save(tmp_path, Checkpoint(SequenceVAE.build(config), config, tokenizer, domain), card="")
    subject = Subject.of(tmp_path, small_bench)
    # The best that any model can do gives every symbol back that there is.
    monkeypatch.setattr(
        SentenceSpace, "reconstruct", lambda _, texts: [tokenizer.decode(ids) for ids in tokenizer.encode_batch(texts)]
    )
    rows = subject.corpus.rows("test")
    unknown = sum("k" in small_bench.table[row]["text"] for row in rows)
    assert 0 < unknown < len(rows)
    found = given_back(subject, rows)
    assert found["with_unknown"] == unknown
    assert found["exact"] == pytest.approx(1 - unknown / len(rows))


def test_short_and_long_sentences_are_all_sentences(subject, monkeypatch):
    monkeypatch.setattr(
        SentenceSpace, "reconstruct", lambda _, texts: [text if len(text) <= 40 else "" for text in texts]
    )
    rows = subject.corpus.rows("test")
    found, every = by_length(subject, rows), given_back(subject, rows)
    words = [len(subject.bench.table[row]["text"].split()) for row in rows]
    assert {name: row["exact_of"] for name, row in found.items()} == {
        "1_to_6": sum(count <= 6 for count in words),
        "7_to_9": sum(6 < count < 10 for count in words),
        "10_or_more": sum(count >= 10 for count in words),
    }
    assert 0 < every["exact"] < 1
    right = sum(row["exact"] * row["exact_of"] for row in found.values())
    assert right == pytest.approx(every["exact"] * every["exact_of"])
    assert by_length(subject, rows[:0]) == {}


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
    fitted = SequenceVAE(subject.vae.encoder, subject.vae.decoder, MixturePrior(4, 2), trained_prior=subject.vae.prior)
    found = ptb_curve.figures_of(subject.vae, fitted, subject.corpus, 3.0)
    assert (found["iw_nats"], found["iw_nats_fitted"], found["twin_nats"]) == (2.0, 2.0, 3.0)
    assert found["bleu"] == bleu(*zip(*pairs, strict=True))
    assert found["bleu_valid"] == bleu(*zip(*ptb_curve.came_back(subject.vae, subject.corpus, "valid"), strict=True))
    for name, vae in (("", subject.vae), ("_fitted", fitted)):
        summary = summarise(vae, subject.corpus, subject.corpus.rows("test"), seed=0)
        assert (found[f"elbo_nats{name}"], found[f"kl{name}"]) == (-summary.elbo, summary.kl)
    assert math.isfinite(found["elbo_nats"])
    assert found["kl"] != found["kl_fitted"]


def test_the_best_rate_is_chosen_by_validation_sentences():
    curve = {"rate_5": {"bleu": 0.7, "bleu_valid": 0.5}, "rate_9": {"bleu": 0.6, "bleu_valid": 0.65}}
    assert ptb_curve.best(curve) == {"best": "rate_9", "best_bleu": 0.6}


def test_what_was_measured_is_not_measured_again(subject, model, monkeypatch):
    monkeypatch.setattr(reconstruction.Subject, "of", lambda folder: subject)
    monkeypatch.setattr(reconstruction, "SAMPLES", 3)
    reconstruction.main(model, 20)
    found = (record.RESULTS / "reconstruction_tatoeba.json").read_text(encoding="utf-8")
    assert {"exact", "bleu", "by_length", "iw_nats", "twin_nats", "kl"} < json.loads(found)["figures"].keys()
    assert json.loads(found)["data"]["model"] == subject.digest
    for part in ("given_back", "by_length", "likelihood", "of_twin"):
        monkeypatch.setattr(reconstruction, part, lambda subject, rows: pytest.fail("measured again"))
    reconstruction.main(model, 20)
    assert (record.RESULTS / "reconstruction_tatoeba.json").read_text(encoding="utf-8") == found


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "decoder.safetensors"])
def test_a_result_file_names_the_model_by_all_files_that_decide_what_it_does(subject, model, tmp_path, name):
    assert subject.digest == digest_of_folder(model)
    other = shutil.copytree(model, tmp_path / "other")
    (other / "README.md").write_text("another card")
    assert digest_of_folder(other) == subject.digest
    (other / name).write_bytes((other / name).read_bytes() + b" ")
    assert digest_of_folder(other) != subject.digest


def test_the_curve_has_a_point_for_each_rate_and_the_nats_of_the_language_model_in_each(subject, monkeypatch):
    monkeypatch.setattr(ptb_curve, "ptb", lambda: (subject.corpus, subject.config.vocabulary))
    monkeypatch.setattr(ptb_curve, "ENCODER", EncoderConfig(hidden=4))
    monkeypatch.setattr(ptb_curve, "DECODER", DecoderConfig(hidden=8))
    monkeypatch.setattr(ptb_curve, "TRAIN", TrainConfig(steps=2, batch_size=16, average=0.9, evaluate_rows=20))
    monkeypatch.setattr(ptb_curve, "FITTED", PriorConfig("autoregressive", components=2, hidden=4))
    monkeypatch.setattr(ptb_curve, "PACE", FitConfig(steps=2))
    nats = 60.0  # a sentence of the fitted prior has half of them
    monkeypatch.setattr(
        ptb_curve,
        "weighted_nats",
        lambda vae, corpus, split, samples: nats * (1 + vae.latent) / (2 if vae.trained_prior else 1),
    )
    ptb_curve.main([5.0, 20.0])
    found = json.loads((record.RESULTS / "reconstruction_ptb.json").read_text(encoding="utf-8"))["figures"]
    assert list(found) == ["twin_nats", "rate_5", "rate_20", "best", "best_bleu"]
    drawn = (record.RESULTS / "reconstruction_ptb.svg").read_bytes()
    assert drawn.startswith(b"<?xml")
    ptb_curve.main([5.0, 20.0])
    assert (record.RESULTS / "reconstruction_ptb.svg").read_bytes() == drawn
    assert [found[name]["twin_nats"] for name in ("rate_5", "rate_20")] == [found["twin_nats"]] * 2 == [1.0] * 2
    assert found["rate_5"]["iw_nats"] == 2 * found["rate_5"]["iw_nats_fitted"] == 1 + ptb_curve.LATENT
