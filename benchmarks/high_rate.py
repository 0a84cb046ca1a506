"""Can one model give back what an autoencoder does, and write what a VAE of a low rate does?

A VAE of a low rate, an autoencoder, a VAE of a high rate, and one of a high rate whose decoder corrects a language
model and is trained on blurred codes too (``vaeseq.blurring``), all for the same steps; each with its own prior and
with one fitted to its codes, the last to codes of several signals. Run as ``python -m benchmarks.high_rate``, or with
names of corpora; killed, it goes on where it was.
"""

import sys
from functools import partial

import torch

from benchmarks.bench import SEED, SETS, Bench, Row
from benchmarks.families import ENGINE, JUDGES, figures_of, kept
from benchmarks.family import BLURRED, DECODER, FAMILIES, LATENT, MIXTURES, MOST, SIGNAL, at_rate, sized
from benchmarks.record import write
from benchmarks.runs import trained, with_prior
from pipelines.resume import work_folder
from vaeseq.config import VAEConfig
from vaeseq.fitting import FitConfig
from vaeseq.model import SequenceVAE
from vaeseq.state import TrainConfig

TRAIN = TrainConfig(steps=4_000, batch_size=128, learning_rate=4e-3, evaluate_every=1_000)
PACE = FitConfig(steps=1_500, look_every=250)
MODELS = {
    "rate_low": (FAMILIES["rate_low"], (1.0,)),
    "autoencoder": (FAMILIES["autoencoder"], (1.0,)),
    "rate_high": (at_rate(MOST), (1.0,)),
    "blurred": (at_rate(MOST, code_noise=BLURRED, language=DECODER), (1.0, 0.7, SIGNAL, 0.3)),
}


def main() -> None:
    """Write ``benchmarks/results/high_rate_<corpus>.json``."""
    for name in sys.argv[1:] or SETS:
        bench = Bench.of(name)
        models = {label: sized(family, bench.tokenizer.size) for label, (family, _) in MODELS.items()}
        aims = {label: family.aim(TRAIN.steps) for label, (family, _) in MODELS.items()}
        folder = work_folder(f"high-{name}", f"{models} {TRAIN} {aims} {PACE} {MIXTURES}", *ENGINE, *JUDGES)
        figures: Row = {}
        for label, (config, parameters) in models.items():
            state = trained(f"high-{name}-{label}", config, TRAIN, aims[label], bench.corpus, seed=SEED)
            told = {"seconds": state.seconds, "parameters": parameters}
            figures[label] = kept(folder / f"{label}.json", partial(figures_of, bench, state.vae, LATENT)) | told
            for signal in MODELS[label][1]:
                own = f"{label}_fitted" + (f"_to_{100 * signal:.0f}_percent" if signal < 1 else "")
                figures[own] = kept(folder / f"{own}.json", partial(_fitted, bench, state.vae, config, signal))
        write(
            f"high_rate_{name}",
            command="python -m benchmarks.high_rate",
            data={"name": name, "rows": len(bench.corpus)},
            seed=SEED,
            budget={"steps": TRAIN.steps, "batch": TRAIN.batch_size, "threads": torch.get_num_threads()},
            figures=figures | {"rows_of_the_data": bench.of_data()},
        )


def _fitted(bench: Bench, vae: SequenceVAE, config: VAEConfig, signal: float) -> Row:
    drawing = with_prior(vae, config, MIXTURES, bench.corpus, PACE, seed=SEED, signal=signal)
    return figures_of(bench, drawing, LATENT)


if __name__ == "__main__":
    main()
