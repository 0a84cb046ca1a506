"""Does the latent carry what was asked for? Trainings at several rates, all else alike and nothing tuned.

Run as ``python -m benchmarks.rates``; killed, it goes on where it was.
"""

import math

import torch

from benchmarks.corpora import prepared
from benchmarks.record import write
from benchmarks.runs import trained
from pipelines.params import DataParams, MoleculePrepareParams, SentencePrepareParams
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import choose
from vaeseq.diagnostics import summarise
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig

SEED, LATENT, ROWS = 0, 32, 1_000
RATES = (5.0, 10.0, 20.0, 40.0)
TRAIN = TrainConfig(steps=2_500, batch_size=128, learning_rate=4e-3, evaluate_every=500, evaluate_rows=ROWS)
SETS = {
    "tatoeba": ("sentences", DataParams(source="tatoeba"), SentencePrepareParams(vocabulary=8_000)),
    "zinc": ("molecules", DataParams(source="zinc250k", rows=50_000), MoleculePrepareParams()),
}


def main() -> None:
    """Write ``benchmarks/results/rate_tatoeba.json`` and ``rate_zinc.json``."""
    for name, (domain, data, settings) in SETS.items():
        corpus, tokenizer, _ = prepared(domain, data, settings)
        config = VAEConfig(tokenizer.size, LATENT, 128, EncoderConfig(hidden=128), DecoderConfig(hidden=256))
        test = choose(corpus.rows("test"), ROWS, seed=SEED)
        figures: dict[str, float] = {"mutual_information_cap": math.log(len(test))}
        seconds = 0.0
        for rate in RATES:
            state = trained(f"rate-{name}-{rate:g}", config, TRAIN, ObjectiveConfig(rate=rate), corpus, seed=SEED)
            summary = summarise(state.vae, corpus, test, seed=SEED)
            seconds += state.seconds
            figures |= {
                f"kl_{rate:g}": summary.kl,
                f"mutual_information_{rate:g}": summary.mutual_information,
                f"active_units_fraction_{rate:g}": summary.active_units,
                f"reconstruction_{rate:g}": summary.reconstruction,
                f"elbo_{rate:g}": summary.elbo,
            }
        write(
            f"rate_{name}",
            command="python -m benchmarks.rates",
            data={"name": data.source, "rows": len(corpus)},
            seed=SEED,
            budget={"steps": TRAIN.steps, "seconds": seconds, "threads": torch.get_num_threads()},
            figures=figures,
        )


if __name__ == "__main__":
    main()
