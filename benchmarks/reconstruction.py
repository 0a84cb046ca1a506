"""Do held-out sentences come back from their codes, and what do the codes cost?

Run as ``python -m benchmarks.reconstruction MODEL``, a checkpoint folder of a model of Tatoeba's sentences, or with the
most test sentences to take; killed, it goes on after the last part that was finished.

*Exact*: all test sentences, posterior mean, one greedy pass; a sentence that holds a symbol which the model does not
know is among them, and cannot come back. BLEU is over words and punctuation marks (``vaetext.bleu``). The same of
short, middling and long ones is a part of its own.

Beside it, of the same sentences: the KL and ``-log p(x)`` by importance weighting, with the codes and the prior of
training, which are what sentences come back from; where a prior was fitted afterwards, the same of the codes as drawn;
and the exact ``-log p(x)`` of a language model of as many units (``Subject.twin``).
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bench import SEED
from benchmarks.parts import Parts, Row
from benchmarks.subject import TRAIN, Subject
from vaeseq.corpus import choose
from vaeseq.diagnostics import iwae_by_row, summarise
from vaeseq.tokenizer import UNK
from vaetext.bleu import bleu, pieces
from vaetext.sentence import word_count

SAMPLES = 100
LENGTHS = {"1_to_6": range(1, 7), "7_to_9": range(7, 10), "10_or_more": range(10, sys.maxsize)}  # words


def came_back(found: Sequence[str], true: Sequence[str]) -> Row:
    """Shares of sentences, and BLEU."""
    exact = sum(map(str.__eq__, found, true)) / len(true)
    return {"exact": exact, "exact_of": len(true), "bleu": bleu(list(map(pieces, found)), list(map(pieces, true)))}


def given_back(subject: Subject, rows: np.ndarray) -> Row:
    """Of the sentences as the model reads them."""
    unknown = sum(bool((subject.corpus.sequence(row) == UNK).any()) for row in rows)
    return came_back(*_reconstructed(subject, rows)) | {"with_unknown": unknown}


def by_length(subject: Subject, rows: np.ndarray) -> Row:
    """The same by how many words there are, pieces between white space."""
    row: Row = {}
    every = list(zip(*_reconstructed(subject, rows), strict=True))
    for name, words in LENGTHS.items():
        if some := [pair for pair in every if word_count(pair[1]) in words]:
            row[name] = came_back(*zip(*some, strict=True))
    return row


def _reconstructed(subject: Subject, rows: np.ndarray) -> tuple[list[str], list[str]]:
    """What came back, and what was to."""
    true = subject.space.texts([subject.bench.table[row]["text"] for row in rows])
    return subject.space.reconstruct(true), true


def likelihood(subject: Subject, rows: np.ndarray) -> Row:
    """Nats a sentence."""
    models = {"": subject.vae.as_trained()} | ({"_fitted": subject.vae} if subject.vae.trained_prior else {})
    row: Row = {"samples": SAMPLES}
    for suffix, vae in models.items():
        summary = summarise(vae, subject.corpus, rows, seed=SEED)
        weighted = iwae_by_row(vae, subject.corpus, rows, samples=SAMPLES, seed=SEED)
        row |= {f"iw_nats{suffix}": -float(weighted.mean()), f"elbo_nats{suffix}": -summary.elbo}
        row[f"kl{suffix}"] = summary.kl
    return row


def of_twin(subject: Subject, rows: np.ndarray) -> Row:
    """Nats a sentence, exactly."""
    return {"twin_nats": -float(iwae_by_row(subject.twin, subject.corpus, rows, samples=1, seed=SEED).mean())}


def main(folder: Path, most: int) -> None:
    """Write ``benchmarks/results/reconstruction_tatoeba.json``."""
    subject = Subject.of(folder)
    rows = choose(subject.corpus.rows("test"), most, seed=SEED)
    parts = Parts(
        "reconstruction_tatoeba",
        command="python -m benchmarks.reconstruction MODEL",
        data={"name": subject.bench.name, "rows": len(subject.corpus), "model": subject.digest},
        seed=SEED,
        budget={"rows": len(rows), "samples": SAMPLES, "twin_steps": TRAIN.steps},
    )
    settings = f"{subject.digest} {len(rows)} {SEED}"
    parts.several("reconstruction", settings, partial(given_back, subject, rows))
    parts.take("by_length", f"{settings} {LENGTHS}", partial(by_length, subject, rows))
    parts.several("likelihood", f"{settings} {SAMPLES}", partial(likelihood, subject, rows))
    parts.several("twin", f"{settings} {TRAIN}", partial(of_twin, subject, rows))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, *rest] if len(rest) < 2:
            main(Path(folder), int(rest[0]) if rest else sys.maxsize)
        case _:
            sys.exit("usage: python -m benchmarks.reconstruction MODEL [ROWS]")
