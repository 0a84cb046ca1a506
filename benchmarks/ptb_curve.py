"""What giving the Penn Treebank back costs: BLEU of reconstructions against nats of a sentence, over rates.

Run as ``python -m benchmarks.ptb_curve``, or with some of the rates; killed, it goes on where it was. By running it you
accept the licence of the data, see ``data/README.md``. Models have the sizes of ``benchmarks.ptb`` but for the latent,
which is wide enough for the highest rate, and are trained otherwise: from scratch, where those go on from a trained
language model, without free bits, and for half of the steps which those begin with. They are tested with the averaged
weights of their last step: all test sentences, posterior mean, one greedy pass, BLEU over the words of the benchmark,
``<unk>`` and ``N`` among them. Importance-weighted nats are of fewer samples than there, and the higher the rate the
more of them it would take.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from benchmarks.corpora import ptb
from benchmarks.parts import Parts, Row
from benchmarks.ptb import BOTH, DECODER, ENCODER, SEED, last, weighted_nats
from benchmarks.runs import trained
from vaeseq.config import VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.diagnostics import batches, summarise
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.tokenizer import EOS, PAD
from vaetext.bleu import bleu

RATES, LATENT, SAMPLES = (10.0, 20.0, 40.0, 80.0, 160.0), 128, 50
TRAIN = replace(BOTH, steps=4_000)
Ids = list[int]


@torch.no_grad()
def came_back(vae: SequenceVAE, corpus: Corpus, split: str) -> Iterator[tuple[Ids, Ids]]:
    """The words of each sentence of a split as they came back, and as they were."""
    vae.eval()
    longest = int(corpus.lengths.max())
    for batch in batches(corpus, corpus.rows(split), next(vae.parameters()).device):
        found = vae.decoder(vae.posterior(batch.tokens).mean).draw(longest, temperature=0.0)
        yield from zip(_words(found), _words(batch.tokens), strict=True)


def _words(tokens: torch.Tensor) -> list[Ids]:
    return [[i for i in ids[1:] if i not in (EOS, PAD)] for ids in tokens.tolist()]


def figures_of(vae: SequenceVAE, corpus: Corpus, twin_nats: float, samples: int = SAMPLES) -> Row:
    """Of all test sentences, nats of a sentence."""
    rows = corpus.rows("test")
    found, true = zip(*came_back(vae, corpus, "test"), strict=True)
    summary = summarise(vae, corpus, rows, seed=SEED)
    return {
        "exact": sum(map(list.__eq__, found, true)) / len(true),
        "bleu": bleu(found, true),
        "iw_nats": weighted_nats(vae, corpus, "test", samples) / len(rows),
        "twin_nats": twin_nats,
        "elbo_nats": -summary.elbo,
        "kl": summary.kl,
    }


def main(rates: list[float]) -> None:
    """Write ``benchmarks/results/reconstruction_ptb.json``."""
    corpus, vocabulary = ptb()
    config = VAEConfig(vocabulary, LATENT, 256, ENCODER, DECODER)
    parts = Parts(
        "reconstruction_ptb",
        command="python -m benchmarks.ptb_curve",
        data={"name": "ptb", "rows": len(corpus)},
        seed=SEED,
        budget={"steps": TRAIN.steps, "batch": TRAIN.batch_size, "samples": SAMPLES},
    )

    def at(name: str, config: VAEConfig, aim: ObjectiveConfig) -> SequenceVAE:
        return last(trained(name, config, TRAIN, aim, corpus, seed=SEED)).vae

    def of_twin() -> float:
        vae = at("ptb-curve-twin", replace(config, latent=0), ObjectiveConfig())
        return weighted_nats(vae, corpus, "test", 1) / len(corpus.rows("test"))

    def of_rate(rate: float) -> Row:
        return figures_of(at(f"ptb-curve-{rate:g}", config, ObjectiveConfig(rate=rate)), corpus, twin)

    twin = parts.take("twin_nats", f"{config} {TRAIN} {SEED}", of_twin)
    for rate in rates:
        parts.take(f"rate_{rate:g}", f"{config} {TRAIN} {SEED} {rate} {SAMPLES}", partial(of_rate, rate))


if __name__ == "__main__":
    main(list(map(float, sys.argv[1:])) or list(RATES))
