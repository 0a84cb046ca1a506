"""Can one model give back what an autoencoder does, and write what a VAE of a low rate does?

A VAE of a low rate, an autoencoder, a VAE of a high rate, and one of a high rate whose decoder corrects a language
model and is trained on blurred codes too (``vaeseq.blurring``), all for the same steps; each with its own prior and
with one fitted to its codes, the last to codes of several signals. Run as ``python -m benchmarks.high_rate``, or with
names of corpora; killed, it goes on where it was.
"""

import sys
from dataclasses import dataclass
from functools import cached_property, partial

from benchmarks.bench import DRAWS, ROWS, SEED, SETS, Bench, Row
from benchmarks.families import figures_of
from benchmarks.family import BLURRED, DECODER, FAMILIES, LATENT, MIXTURES, MOST, SIGNAL, at_rate, sized
from benchmarks.parts import Parts
from benchmarks.runs import trained, with_prior
from vaeseq.config import VAEConfig
from vaeseq.fitting import FitConfig
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState

TRAIN = TrainConfig(steps=4_000, batch_size=128, learning_rate=4e-3, evaluate_every=1_000)
PACE = FitConfig(steps=1_500, look_every=250)
MODELS = {
    "rate_low": (FAMILIES["rate_low"], (1.0,)),
    "autoencoder": (FAMILIES["autoencoder"], (1.0,)),
    "rate_high": (at_rate(MOST), (1.0,)),
    "blurred": (at_rate(MOST, code_noise=BLURRED, language=DECODER), (1.0, 0.7, SIGNAL, 0.3, 0.2)),
}


def main() -> None:
    """Write ``benchmarks/results/high_rate_<corpus>.json``."""
    for name in sys.argv[1:] or SETS:
        bench = Bench.of(name)
        models = {label: sized(family, bench.tokenizer.size) for label, (family, _) in MODELS.items()}
        aims = {label: family.aim(TRAIN.steps) for label, (family, _) in MODELS.items()}
        parts = Parts(
            f"high_rate_{name}",
            command="python -m benchmarks.high_rate",
            data={"name": name, "rows": len(bench.corpus)},
            seed=SEED,
            budget={"steps": TRAIN.steps, "batch": TRAIN.batch_size},
        )
        for label, (config, parameters) in models.items():
            run = Run(bench, f"high-{name}-{label}", config, aims[label], parameters)
            settings = f"{config} {TRAIN} {aims[label]} {DRAWS} {ROWS}"
            parts.take(label, settings, run.own)
            for signal in MODELS[label][1]:
                fitted = f"{label}_fitted" + (f"_to_{100 * signal:.0f}_percent" if signal < 1 else "")
                parts.take(fitted, f"{settings} {PACE} {MIXTURES} {signal}", partial(run.fitted, signal))
        parts.take("rows_of_the_data", f"{DRAWS}", bench.of_data)


@dataclass(frozen=True)
class Run:
    """One model.

    Attributes:
        bench: What it learns, and is judged by.
        label: Of its training.
        config: Its modules.
        aim: What it minimises.
        parameters: As many as it has.
    """

    bench: Bench
    label: str
    config: VAEConfig
    aim: ObjectiveConfig
    parameters: int

    @cached_property
    def state(self) -> TrainState:
        """Trained."""
        return trained(self.label, self.config, TRAIN, self.aim, self.bench.corpus, seed=SEED)

    def own(self) -> Row:
        """Figures with the prior of training."""
        told = {"seconds": self.state.seconds, "parameters": self.parameters}
        return figures_of(self.bench, self.state.vae, LATENT) | told

    def fitted(self, signal: float) -> Row:
        """Figures with a prior fitted to codes of a signal."""
        drawing = with_prior(self.state.vae, self.config, MIXTURES, self.bench.corpus, PACE, seed=SEED, signal=signal)
        return figures_of(self.bench, drawing, LATENT)


if __name__ == "__main__":
    main()
