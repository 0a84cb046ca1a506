"""Does the latent carry what was asked for? Trainings at several rates, all else alike and nothing tuned.

Run as ``python -m benchmarks.rates``, or with the name of one corpus; killed, it goes on where it was.
"""

import math
import sys
from functools import partial

import numpy as np

from benchmarks.corpora import prepared
from benchmarks.parts import Parts, Row
from benchmarks.runs import trained
from pipelines.params import DataParams, MoleculePrepareParams, SentencePrepareParams
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import Corpus, choose
from vaeseq.diagnostics import summarise
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig

SEED, LATENT = 0, 32
ROWS = 2_500  # about all test rows of ZINC; mutual information is too low of few rows and near the cap (LOG.md)
RATES = (5.0, 10.0, 20.0, 40.0)
TRAIN = TrainConfig(steps=2_500, batch_size=128, learning_rate=4e-3, evaluate_every=500, evaluate_rows=1_000)
SETS = {
    "tatoeba": ("sentences", DataParams(source="tatoeba"), SentencePrepareParams(vocabulary=8_000)),
    "zinc": ("molecules", DataParams(source="zinc250k", rows=50_000), MoleculePrepareParams()),
}


def measured(label: str, config: VAEConfig, rate: float, corpus: Corpus, test: np.ndarray) -> Row:
    """Figures of the model that was asked for one rate."""
    state = trained(label, config, TRAIN, ObjectiveConfig(rate=rate), corpus, seed=SEED)
    summary = summarise(state.vae, corpus, test, seed=SEED)
    figures = {
        "kl": summary.kl,
        "mutual_information": summary.mutual_information,
        "active_units_fraction": summary.active_units,
        "reconstruction": summary.reconstruction,
        "elbo": summary.elbo,
        "seconds": round(state.seconds),
    }
    return {f"{name}_{rate:g}": value for name, value in figures.items()}


def main() -> None:
    """Write ``benchmarks/results/rate_tatoeba.json`` and ``rate_zinc.json``."""
    for name in sys.argv[1:] or SETS:
        domain, data, settings = SETS[name]
        corpus, tokenizer, _ = prepared(domain, data, settings)
        config = VAEConfig(tokenizer.size, LATENT, 128, EncoderConfig(hidden=128), DecoderConfig(hidden=256))
        test = choose(corpus.rows("test"), ROWS, seed=SEED)
        parts = Parts(
            f"rate_{name}",
            command="python -m benchmarks.rates",
            data={"name": data.source, "rows": len(corpus)},
            seed=SEED,
            budget={"steps": TRAIN.steps, "batch": TRAIN.batch_size},
        )
        parts.take("mutual_information_cap", f"{len(test)}", partial(math.log, len(test)))
        for rate in RATES:
            run = partial(measured, f"rate-{name}-{rate:g}", config, rate, corpus, test)
            parts.several(f"{rate:g}", f"{data} {settings} {config} {TRAIN} {rate} {SEED} {ROWS}", run)


if __name__ == "__main__":
    main()
