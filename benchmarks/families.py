"""Every family of this house, measured alike: equal data, equal seconds, equal parameters, one table a corpus.

Run as ``python -m benchmarks.families``, or with names of corpora and families; killed, it goes on where it was, and
what was measured is not measured again (``benchmarks.parts``). How many steps each makes in the seconds is measured
first, when nothing else may run on the machine (``python -m benchmarks.families pace`` does no more); after that
nothing depends on the clock, and the rest may be measured on another machine.
The size of the decoder makes up for what a family brings in parameters.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.bench import DRAWS, ROWS, SEED, SETS, Bench
from benchmarks.family import FAMILIES, LATENT, Row, sized
from benchmarks.pace import BATCH, Paces, paces
from benchmarks.parts import Parts
from benchmarks.runs import trained, with_prior
from vaeseq.config import VAEConfig
from vaeseq.corpus import choose
from vaeseq.device import device_of
from vaeseq.diagnostics import iwae_by_row, summarise
from vaeseq.fitting import FitConfig
from vaeseq.linear import LARGEST, LinearGaussian, factor_analysis, ppca
from vaeseq.model import SequenceVAE
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState

SECONDS, SHARE_OF_FITTING = 300.0, 0.15
WEIGHTED_ROWS, SAMPLES = 500, 50
SEEDS, BEST = (0, 1, 2), 5


class Plan(NamedTuple):
    """What one family does in its seconds.

    Attributes:
        config: The model.
        parameters: All that are trained.
        steps: Of training.
        fitting: Of the prior that is fitted afterwards.
    """

    config: VAEConfig
    parameters: int
    steps: int
    fitting: int


class Comparison:
    """The families on one corpus.

    Attributes:
        bench: The corpus.
        plans: By family.
        parts: What was measured.
        pace: Steps a second, see ``benchmarks.pace``.
    """

    def __init__(self, corpus: str) -> None:
        self.bench = Bench.of(corpus)
        size = self.bench.tokenizer.size
        _, parameters = sized(FAMILIES["vae"], size)
        models = {name: sized(family, size, parameters) for name, family in FAMILIES.items()}
        configs = {name: model for name, (model, _) in models.items()}
        self.parts = Parts(
            f"families_{corpus}",
            command="python -m benchmarks.families",
            data={"name": corpus, "rows": len(self.bench.corpus)},
            seed=SEED,
            budget={"seconds": SECONDS, "seeds": len(SEEDS), "samples": SAMPLES, "draws": DRAWS},
        )
        self.pace: Paces = self.parts.take("pace", f"{configs}", lambda: paces(corpus, configs))
        self.plans = {name: Plan(*model, *self._steps(name)) for name, model in models.items()}

    def figures(self, name: str, seed: int = SEED) -> Row:
        """All figures of one family, from one model."""
        label = name if seed == SEED else f"{name}_of_seed_{seed}"
        plan, family = self.plans[name], FAMILIES[name]
        learning = f"{family.aim(plan.steps)} {family.train(plan.steps)} {family.fitted} {family.signal}"
        return self.parts.take(label, f"{SECONDS} {plan} {learning} {seed}", lambda: self._figures(name, seed))

    def spread(self) -> dict[str, Row]:
        """Of the families of the best bounds on validation rows, each figure over several seeds: mean and ends."""
        coded = [name for name, plan in self.plans.items() if plan.config.latent]
        found = {}
        for name in sorted(coded, key=lambda name: self.figures(name)["iw_nats_of_validation"])[:BEST]:
            seeds = [self.figures(name, seed) for seed in SEEDS]
            of = {figure: [row[figure] for row in seeds] for figure in seeds[0]}
            found[name] = {f: {"mean": sum(v) / len(v), "least": min(v), "most": max(v)} for f, v in of.items()}
        return found

    def _steps(self, name: str) -> tuple[int, int]:
        """Of training, and of fitting a prior, as many as the seconds hold."""
        family, pace = FAMILIES[name], self.pace[name]
        if family.fitted:
            fitting = SHARE_OF_FITTING * SECONDS * self.pace[f"{name}/prior"]
            return int((1 - SHARE_OF_FITTING) * SECONDS * pace), int(fitting)
        inner = family.train(1).get("inner_steps", 0)  # at most
        return int(SECONDS / (1 / pace + inner / self.pace["inner"])), 0

    def _figures(self, name: str, seed: int) -> Row:
        plan, family = self.plans[name], FAMILIES[name]
        state, seconds = self._trained(name, plan.steps, seed), SECONDS
        if state.train.inner_steps:  # how many of them there are shows afterwards alone: once more with what it tells
            state = self._trained(name, int(plan.steps * SECONDS / self._seconds(name, state)), seed)
            seconds = self._seconds(name, state)
        vae = state.vae
        if family.fitted:
            pace = FitConfig(steps=plan.fitting, look_every=max(1, plan.fitting // 10))
            vae = with_prior(vae, plan.config, family.fitted, self.bench.corpus, pace, seed=seed, signal=family.signal)
        told = {"seconds": seconds, "steps": state.step, "parameters": plan.parameters}
        return figures_of(self.bench, vae, plan.config.latent) | told

    def _trained(self, name: str, steps: int, seed: int) -> TrainState:
        """A family after so many steps."""
        family, plan = FAMILIES[name], self.plans[name]
        settings = {"batch_size": BATCH, "learning_rate": 4e-3, "evaluate_every": max(1, steps // 6)}
        train = TrainConfig(steps=steps, **settings, **family.train(steps))
        label = f"{self.bench.name}-{name}-{seed}"
        return trained(label, plan.config, train, family.aim(steps), self.bench.corpus, seed=seed)

    def _seconds(self, name: str, state: TrainState) -> float:
        """What steps take where some are of the encoder alone."""
        return state.step / self.pace[name] + state.inner_steps / self.pace["inner"]


def figures_of(bench: Bench, vae: SequenceVAE, latent: int) -> Row:
    """Bounds, collapse, reconstruction and samples, of test rows; nats a text."""
    test = choose(bench.corpus.rows("test"), ROWS, seed=SEED)
    summary = summarise(vae, bench.corpus, test, seed=SEED)
    valid = bench.corpus.rows("valid")
    weighted = (
        iwae_by_row(vae, bench.corpus, some, samples=SAMPLES if latent else 1, seed=SEED).mean()
        for some in (choose(rows, WEIGHTED_ROWS, seed=SEED) for rows in (test, valid))
    )
    of_test, of_validation = (-float(nats) for nats in weighted)
    longest = int(bench.corpus.lengths.max())
    space = LatentSpace(vae, bench.tokenizer, {"max_length": longest}, latent=latent, device=device_of())
    figures = {
        "iw_nats": of_test,
        "iw_nats_of_validation": of_validation,
        "elbo_nats": -summary.elbo,
        "reconstruction_nats": summary.reconstruction,
        "kl": summary.kl,
        "active_units": summary.active_units,
        "mutual_information": summary.mutual_information,
        **bench.quality(space.sample(DRAWS, seed=SEED)),
    }
    if latent:
        texts = bench.texts("test", ROWS)
        found = space.reconstruct(texts)
        figures["exact_reconstruction"] = sum(map(str.__eq__, found, texts)) / len(texts)
        figures["counts_explained"] = bench.counts_explained(bench.counted(found))
    return figures


def linear(bench: Bench) -> dict[str, Callable[[], Row]]:
    """The linear models of counts: they have no likelihood over texts, and what they have is exact."""

    def made(fitted: Callable[[np.ndarray, int], LinearGaussian]) -> Row:
        learnt = bench.counts("train", len(bench.corpus) if bench.tokenizer.size <= LARGEST else LARGEST)
        latent = min(LATENT, int((learnt.min(axis=0) < learnt.max(axis=0)).sum()) // 2)
        model = fitted(learnt, latent)
        return {
            "latent": latent,
            "rows": len(learnt),
            "mutual_information": model.mutual_information,
            "counts_explained": bench.counts_explained(model.reconstruct(bench.counts("test", ROWS))),
        }

    return {"probabilistic_pca": partial(made, ppca), "factor_analysis": partial(made, factor_analysis)}


def main() -> None:
    """Write ``benchmarks/results/families_<corpus>.json``."""
    names = sys.argv[1:]
    families = [name for name in names if name in FAMILIES] or list(FAMILIES)
    for corpus in [name for name in names if name in SETS] or list(SETS):
        comparison = Comparison(corpus)
        if "pace" in names:
            continue
        for name in families:
            comparison.figures(name)
        if families == list(FAMILIES):
            bench, take = comparison.bench, comparison.parts.take
            for name, made in linear(bench).items():
                take(name, f"{LATENT} {LARGEST}", made)
            take("rows_of_the_data", f"{DRAWS}", bench.of_data)
            take("mutual_information_cap", f"{ROWS}", lambda: float(np.log(ROWS)))
            spread = comparison.spread()
            take("over_seeds", f"{spread}", lambda spread=spread: spread)


if __name__ == "__main__":
    main()
