"""Do held-out sentences come back from their codes, and what do the codes cost?

Run as ``python -m benchmarks.reconstruction MODEL``, a checkpoint folder of a model of Tatoeba's sentences, or with the
most test sentences to take; killed, it goes on after the last part that was finished.

*Exact*: all test sentences, posterior mean, one greedy pass; a sentence that holds a symbol which the model does not
know is among them, and cannot come back. BLEU is over words and punctuation marks (``vaetext.bleu``).

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

SAMPLES = 100


def came_back(found: Sequence[str], true: Sequence[str]) -> Row:
    """Shares of sentences, and BLEU."""
    exact = sum(map(str.__eq__, found, true)) / len(true)
    return {"exact": exact, "exact_of": len(true), "bleu": bleu(list(map(pieces, found)), list(map(pieces, true)))}


def given_back(subject: Subject, rows: np.ndarray) -> Row:
    """Of the sentences as the model reads them."""
    true = subject.space.texts([subject.bench.table[row]["text"] for row in rows])
    unknown = sum(bool((subject.corpus.sequence(row) == UNK).any()) for row in rows)
    return came_back(subject.space.reconstruct(true), true) | {"with_unknown": unknown}


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
    parts.several("likelihood", f"{settings} {SAMPLES}", partial(likelihood, subject, rows))
    parts.several("twin", f"{settings} {TRAIN}", partial(of_twin, subject, rows))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, *rest] if len(rest) < 2:
            main(Path(folder), int(rest[0]) if rest else sys.maxsize)
        case _:
            sys.exit("usage: python -m benchmarks.reconstruction MODEL [ROWS]")
