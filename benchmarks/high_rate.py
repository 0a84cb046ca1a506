"""Can one model give back what an autoencoder does, and write what a VAE of a low rate does?

Three models of one size, trained alike and longer than the families; the one in question has blurred codes
(``vaeseq.blurring``) and a prior fitted to those of each signal. Run as ``python -m benchmarks.high_rate``, or with
names of corpora; killed, it goes on where it was.
"""

import sys
from dataclasses import replace

import torch

from benchmarks.bench import SEED, SETS, Bench, Row
from benchmarks.families import figures_of
from benchmarks.family import DECODER, ENCODER, LATENT, LOW, MIXTURES, SIGNAL
from benchmarks.record import write
from benchmarks.runs import trained, with_prior
from vaeseq.config import VAEConfig
from vaeseq.fitting import FitConfig
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig

HIGH, SIGNALS = 64.0, (1.0, 0.9, 0.8, SIGNAL, 0.5)
TRAIN = TrainConfig(steps=12_000, batch_size=128, learning_rate=4e-3, evaluate_every=1_000)
PACE = FitConfig(steps=1_500, look_every=250)
AIMS = {
    "rate_low": ObjectiveConfig(rate=LOW),
    "autoencoder": ObjectiveConfig(beta=0.0),
    "blurred": ObjectiveConfig(rate=HIGH, code_noise=0.5),
}


def main() -> None:
    """Write ``benchmarks/results/high_rate_<corpus>.json``."""
    for name in sys.argv[1:] or SETS:
        bench = Bench.of(name)
        config = VAEConfig(bench.tokenizer.size, LATENT, 128, ENCODER, DECODER)
        figures: Row = {}
        seconds = 0.0
        for label, aim in AIMS.items():
            state = trained(f"high-{name}-{label}", config, TRAIN, aim, bench.corpus, seed=SEED)
            seconds += state.seconds
            if label == "blurred":
                for signal in SIGNALS:
                    kind = replace(MIXTURES, signal=signal)
                    vae = with_prior(state.vae, config, kind, bench.corpus, PACE, seed=SEED)
                    figures[f"signal_{100 * signal:.0f}_percent"] = figures_of(bench, vae, LATENT)
            else:
                figures[label] = figures_of(bench, state.vae, LATENT)
        write(
            f"high_rate_{name}",
            command="python -m benchmarks.high_rate",
            data={"name": name, "rows": len(bench.corpus)},
            seed=SEED,
            budget={"steps": TRAIN.steps, "seconds": seconds, "threads": torch.get_num_threads()},
            figures=figures | {"rows_of_the_data": bench.of_data()},
        )


if __name__ == "__main__":
    main()
