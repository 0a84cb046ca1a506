"""Can one model give back what an autoencoder does, and write what a VAE of a low rate does?

Models of one size, trained alike and longer than the families: a VAE of a low rate, an autoencoder, a VAE of a high
rate, and one of a high rate with blurred codes (``vaeseq.blurring``), each with its own prior and with one fitted to
its codes, the last to codes of several signals. Run as ``python -m benchmarks.high_rate``, or with names of corpora;
killed, it goes on where it was.
"""

import sys
from functools import partial

import torch

from benchmarks.bench import SEED, SETS, Bench, Row
from benchmarks.families import ENGINE, JUDGES, figures_of, kept
from benchmarks.family import FAMILIES, HIGH, LATENT, LOW, MIXTURES, SIGNAL, sized
from benchmarks.record import write
from benchmarks.runs import trained, with_prior
from pipelines.resume import work_folder
from vaeseq.config import VAEConfig
from vaeseq.fitting import FitConfig
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig

TRAIN = TrainConfig(steps=8_000, batch_size=128, learning_rate=4e-3, evaluate_every=1_000)
PACE = FitConfig(steps=1_500, look_every=250)
AIMS = {
    "rate_low": (ObjectiveConfig(rate=LOW), (1.0,)),
    "autoencoder": (ObjectiveConfig(beta=0.0), (1.0,)),
    "rate_high": (ObjectiveConfig(rate=HIGH), (1.0,)),
    "blurred": (ObjectiveConfig(rate=HIGH, code_noise=0.5), (1.0, 0.9, 0.8, SIGNAL, 0.5)),
}


def main() -> None:
    """Write ``benchmarks/results/high_rate_<corpus>.json``."""
    for name in sys.argv[1:] or SETS:
        bench = Bench.of(name)
        config, parameters = sized(FAMILIES["vae"], bench.tokenizer.size)
        folder = work_folder(f"high-{name}", f"{config} {TRAIN} {AIMS} {PACE} {MIXTURES}", *ENGINE, *JUDGES)
        figures: Row = {}
        seconds = 0.0
        for label, (aim, signals) in AIMS.items():
            state = trained(f"high-{name}-{label}", config, TRAIN, aim, bench.corpus, seed=SEED)
            seconds += state.seconds
            figures[label] = kept(folder / f"{label}.json", partial(figures_of, bench, state.vae, LATENT))
            for signal in signals:
                own = f"{label}_fitted" + (f"_to_{100 * signal:.0f}_percent" if signal < 1 else "")
                figures[own] = kept(folder / f"{own}.json", partial(_fitted, bench, state.vae, config, signal))
        write(
            f"high_rate_{name}",
            command="python -m benchmarks.high_rate",
            data={"name": name, "rows": len(bench.corpus)},
            seed=SEED,
            budget={
                "steps": TRAIN.steps,
                "seconds_of_training": seconds,
                "parameters": parameters,
                "threads": torch.get_num_threads(),
            },
            figures=figures | {"rows_of_the_data": bench.of_data()},
        )


def _fitted(bench: Bench, vae: SequenceVAE, config: VAEConfig, signal: float) -> Row:
    drawing = with_prior(vae, config, MIXTURES, bench.corpus, PACE, seed=SEED, signal=signal)
    return figures_of(bench, drawing, LATENT)


if __name__ == "__main__":
    main()
