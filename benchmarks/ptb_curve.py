"""What giving the Penn Treebank back costs: BLEU of reconstructions against nats of a sentence, over rates.

Run as ``python -m benchmarks.ptb_curve``, or with some of the rates; killed, it goes on where it was. By running it you
accept the licence of the data, see ``data/README.md``. Models have the sizes of ``benchmarks.ptb`` but for the latent,
which is wide enough for the highest rate, and are trained otherwise: from scratch, where those go on from a trained
language model, without free bits, and for half of the steps which those begin with. They are tested with the averaged
weights of their last step: all test sentences, posterior mean, one greedy pass, BLEU over the words of the benchmark,
``<unk>`` and ``N`` among them; the best rate is that of the highest BLEU of validation sentences. Importance-weighted
nats are of fewer samples than there, and the higher the rate the more of them it would take. They are told of both
priors, the standard normal of training and one fitted to the codes of each model afterwards, as there; what comes back
does not depend on it. The curve is drawn in ``benchmarks/results/reconstruction_ptb.svg``.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.figure import Figure

from benchmarks import record
from benchmarks.corpora import ptb
from benchmarks.growth import STYLE
from benchmarks.parts import Parts, Row
from benchmarks.ptb import BOTH, DECODER, ENCODER, FITTED, PACE, SEED, last, weighted_nats
from benchmarks.runs import trained, with_prior
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


def figures_of(vae: SequenceVAE, fitted: SequenceVAE, corpus: Corpus, twin_nats: float, samples: int = SAMPLES) -> Row:
    """Of all test sentences, nats of a sentence; ``fitted`` is the model with the prior that was fitted afterwards."""
    rows = corpus.rows("test")
    found, true = zip(*came_back(vae, corpus, "test"), strict=True)
    row = {
        "exact": sum(map(list.__eq__, found, true)) / len(true),
        "bleu": bleu(found, true),
        "bleu_valid": bleu(*zip(*came_back(vae, corpus, "valid"), strict=True)),
        "twin_nats": twin_nats,
    }
    for suffix, each in (("", vae), ("_fitted", fitted)):
        summary = summarise(each, corpus, rows, seed=SEED)
        row[f"iw_nats{suffix}"] = weighted_nats(each, corpus, "test", samples) / len(rows)
        row |= {f"elbo_nats{suffix}": -summary.elbo, f"kl{suffix}": summary.kl}
    return row


def best(curve: dict[str, Row]) -> Row:
    """The point of the highest BLEU of validation sentences, and what it has of test sentences."""
    name = max(curve, key=lambda name: curve[name]["bleu_valid"])
    return {"best": name, "best_bleu": curve[name]["bleu"]}


def draw(curve: dict[str, Row], path: Path) -> None:
    """BLEU over nats, a line for each prior, its points the rates; and where the language model is."""
    points = list(curve.values())
    with mpl.rc_context(STYLE):
        picture = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = picture.subplots()
        for name, label in (("iw_nats", "prior of training"), ("iw_nats_fitted", "prior fitted afterwards")):
            nats, scores = [point[name] for point in points], [point["bleu"] for point in points]
            axes.plot(nats, scores, "o-", markersize=4, label=label)
            for x, y, rate in zip(nats, scores, curve, strict=True):
                axes.annotate(rate.removeprefix("rate_"), (x, y), (4, -9), textcoords="offset points", fontsize=7.5)
        axes.axvline(points[0]["twin_nats"], color="k", linestyle=":", linewidth=1, label="language model")
        axes.set(
            xlabel="importance-weighted, nats of a test sentence, lower is better", ylabel="BLEU, higher is better"
        )
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7.5)
        picture.savefig(path, metadata={"Date": None})


def main(rates: list[float]) -> None:
    """Write ``benchmarks/results/reconstruction_ptb.json`` and ``reconstruction_ptb.svg``."""
    corpus, vocabulary = ptb()
    config = VAEConfig(vocabulary, LATENT, 256, ENCODER, DECODER)
    parts = Parts(
        "reconstruction_ptb",
        command="python -m benchmarks.ptb_curve",
        data={"name": "ptb", "rows": len(corpus)},
        seed=SEED,
        budget={
            "steps": TRAIN.steps,
            "batch": TRAIN.batch_size,
            "samples": SAMPLES,
            "prior_steps": PACE.steps,
        },
    )

    def at(name: str, config: VAEConfig, aim: ObjectiveConfig) -> SequenceVAE:
        return last(trained(name, config, TRAIN, aim, corpus, seed=SEED)).vae

    def of_twin() -> float:
        vae = at("ptb-curve-twin", replace(config, latent=0), ObjectiveConfig())
        return weighted_nats(vae, corpus, "test", 1) / len(corpus.rows("test"))

    def of_rate(rate: float) -> Row:
        vae = at(f"ptb-curve-{rate:g}", config, ObjectiveConfig(rate=rate))
        return figures_of(vae, with_prior(vae, config, FITTED, corpus, PACE, seed=SEED), corpus, twin)

    twin = parts.take("twin_nats", f"{config} {TRAIN} {SEED}", of_twin)
    curve: dict[str, Row] = {}
    for rate in rates:
        name, settings = f"rate_{rate:g}", f"{config} {TRAIN} {SEED} {rate} {SAMPLES} {FITTED} {PACE}"
        curve[name] = parts.take(name, settings, partial(of_rate, rate))
    parts.several("best", json.dumps(curve), partial(best, curve))
    draw(curve, record.RESULTS / "reconstruction_ptb.svg")


if __name__ == "__main__":
    main(list(map(float, sys.argv[1:])) or list(RATES))
