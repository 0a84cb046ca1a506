"""Every family of this house, measured alike: equal data, equal seconds, equal parameters, one table a corpus.

Run as ``python -m benchmarks.families``, or with names of corpora and families; killed, it goes on where it was, and
what was measured is not measured again. How many steps each makes in the seconds is measured first, when nothing else
may run on the machine; after that nothing depends on the clock. The size of the decoder makes up for what a family
brings in parameters.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.bench import DRAWS, ROWS, SEED, SETS, Bench
from benchmarks.record import write
from benchmarks.runs import trained, with_prior
from pipelines.resume import work_folder
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, choose
from vaeseq.device import device_of
from vaeseq.diagnostics import iwae_by_row, summarise
from vaeseq.fitting import FitConfig, fit_prior
from vaeseq.linear import factor_analysis, ppca
from vaeseq.model import SequenceVAE, prior_of
from vaeseq.objectives import ObjectiveConfig
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

Row = dict[str, Any]
SECONDS, LATENT, BATCH = 300.0, 32, 128
WEIGHTED_ROWS, SAMPLES, LINEAR_ROWS = 500, 50, 5_000
SEEDS, BEST = (0, 1, 2), 5
LOW, HIGH, SHARE_OF_FITTING = 10.0, 40.0, 0.15
ENCODER, DECODER, NORMAL = EncoderConfig(hidden=128), DecoderConfig(hidden=256), PriorConfig()
FLOW = PriorConfig("flow", transforms=3, hidden=64)
MIXTURES = PriorConfig("autoregressive", components=10, hidden=128)
CODES = replace(ENCODER, posterior="codes", slots=8, codebook=64)
DROPPING = replace(DECODER, dropout=0.2, input_dropout=0.1, weight_drop=0.2)


@dataclass(frozen=True)
class Family:
    """What is not as in the plain VAE.

    Attributes:
        aim: What is minimised, from the number of steps.
        train: Settings of training, from the number of steps.
        encoder: With its posterior.
        decoder: With what it loses in training.
        prior: Learnt with the rest.
        fitted: A prior fitted afterwards, within the same seconds.
        latent: Dimension of a code.
    """

    aim: Callable[[int], ObjectiveConfig] = lambda _: ObjectiveConfig()
    train: Callable[[int], Row] = lambda _: {}
    encoder: EncoderConfig = ENCODER
    decoder: DecoderConfig = DECODER
    prior: PriorConfig = NORMAL
    fitted: PriorConfig | None = None
    latent: int = LATENT


def at_rate(rate: float, **settings: Any) -> Family:  # noqa: ANN401 - fields of Family
    """A family that is asked for nats."""
    return Family(aim=lambda _: ObjectiveConfig(rate=rate), **settings)


FAMILIES = {
    "language_model": Family(latent=0),
    "vae": Family(),
    "autoencoder": Family(lambda _: ObjectiveConfig(beta=0.0)),
    "beta": Family(lambda _: ObjectiveConfig(beta=0.2)),
    "linear_annealing": Family(lambda steps: ObjectiveConfig(annealing="linear", annealing_steps=steps // 2)),
    "cyclical_annealing": Family(lambda steps: ObjectiveConfig(annealing="cyclical", annealing_steps=steps)),
    "free_bits": Family(lambda _: ObjectiveConfig(free_bits=LOW / LATENT)),
    "pretrained": Family(lambda _: ObjectiveConfig(free_bits=LOW / LATENT), lambda n: {"pretrain_steps": n // 8}),
    "lagging": Family(train=lambda _: {"inner_steps": 50}),
    "importance_weighted": Family(lambda _: ObjectiveConfig(samples=5)),
    "rate_low": at_rate(LOW),
    "rate_high": at_rate(HIGH),
    "flow_posterior": at_rate(LOW, encoder=replace(ENCODER, posterior="flow")),
    "mixture_prior": at_rate(LOW, prior=PriorConfig("mixture")),
    "vamp_prior": at_rate(LOW, prior=PriorConfig("vamp", components=32, length=10)),
    "flow_prior": at_rate(LOW, prior=FLOW),
    "autoregressive_prior": at_rate(LOW, prior=MIXTURES),
    "dropping": at_rate(LOW, decoder=DROPPING, train=lambda _: {"average": 0.998}),
    "fitted_flow": at_rate(HIGH, fitted=FLOW),
    "fitted_autoregressive": at_rate(HIGH, fitted=MIXTURES),
    "codes": Family(encoder=CODES, prior=PriorConfig("codes")),
    "codes_on_two_levels": Family(encoder=replace(CODES, levels=2), prior=PriorConfig("codes")),
}


def sized(family: Family, vocabulary: int, parameters: int | None = None) -> tuple[VAEConfig, int]:
    """The config of a family with a decoder of such a size that all its parameters are as many as asked for."""
    embedding = 128 if vocabulary > 1_000 else 64

    def counted(hidden: int) -> tuple[VAEConfig, int]:
        decoder = replace(family.decoder, hidden=hidden)
        config = VAEConfig(vocabulary, family.latent, embedding, family.encoder, decoder, family.prior)
        torch.manual_seed(SEED)
        vae = SequenceVAE.build(config)
        later = prior_of(config, vae.encoder, family.fitted) if family.fitted else torch.nn.Identity()
        return config, sum(weight.numel() for part in (vae, later) for weight in part.parameters())

    if parameters is None:
        return counted(family.decoder.hidden)
    return min((counted(hidden) for hidden in range(64, 513, 8)), key=lambda found: abs(found[1] - parameters))


class Plan(NamedTuple):
    """What one family does: its model, and how many steps fit into the seconds.

    Attributes:
        config: The model.
        parameters: All that are trained.
        folder: Where its steps and its figures are kept.
        steps: Of training.
        fitting: Of the prior that is fitted afterwards.
    """

    config: VAEConfig
    parameters: int
    folder: Path
    steps: int
    fitting: int


def planned(bench: Bench, name: str, parameters: int) -> Plan:
    """The plan of a family; its steps are measured where they have not been."""
    family = FAMILIES[name]
    config, count = sized(family, bench.tokenizer.size, parameters)
    settings = f"{config} {family.fitted} {family.aim(960)} {family.train(960)} {SECONDS}"
    folder = work_folder(f"family-{bench.name}-{name}", settings)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "steps.json"
    if not kept.exists():
        share = SHARE_OF_FITTING if family.fitted else 0.0
        training = (1 - share) * SECONDS / seconds_a_step(config, family, bench.corpus)
        fitting = share * SECONDS / seconds_a_fit(config, family) if family.fitted else 0
        kept.write_text(json.dumps([int(training), int(fitting)]), encoding="utf-8")
    return Plan(config, count, folder, *json.loads(kept.read_text(encoding="utf-8")))


def seconds_a_step(config: VAEConfig, family: Family, corpus: Corpus) -> float:
    """Of training, over eighty steps after the first twenty; of an encoder that lags first, over a small training."""
    torch.manual_seed(SEED)
    lagging = "inner_steps" in family.train(960)
    pace = {"steps": 60, "evaluate_every": 10} if lagging else {"steps": 120, "evaluate_every": 10_000}
    train = TrainConfig(batch_size=BATCH, **pace, **family.train(960))
    state = TrainState(SequenceVAE.build(config).to(device_of()), train, family.aim(960), seed=SEED)
    marks = [time.perf_counter() for _ in fit(state, corpus, record_every=20)]
    if lagging:
        return state.seconds / train.steps
    return (marks[-2] - marks[0]) / 80  # the last of them looks at held-out rows too


def seconds_a_fit(config: VAEConfig, family: Family) -> float:
    """Of fitting a prior, over eighty steps after the first twenty."""
    prior = prior_of(config, torch.nn.Identity(), family.fitted).to(device_of())
    some = torch.randn(4_096, config.latent, device=device_of())
    steps = fit_prior(prior, some, some[:1], FitConfig(steps=100, look_every=20), seed=SEED)
    marks = [time.perf_counter() for _ in steps]
    return (marks[-1] - marks[0]) / 80


def measured(bench: Bench, name: str, plan: Plan, seed: int) -> Row:
    """All figures of one family, from one model."""
    family, kept = FAMILIES[name], plan.folder / f"figures-{seed}.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    settings = {"batch_size": BATCH, "learning_rate": 4e-3, "evaluate_every": max(1, plan.steps // 6)}
    train = TrainConfig(steps=plan.steps, **settings, **family.train(plan.steps))
    label = f"{bench.name}-{name}-{seed}"
    state = trained(label, plan.config, train, family.aim(plan.steps), bench.corpus, seed=seed)
    vae = state.vae
    if family.fitted:
        pace = FitConfig(steps=plan.fitting, look_every=max(1, plan.fitting // 10))
        vae = with_prior(vae, plan.config, family.fitted, bench.corpus, pace, seed=SEED)
    figures = figures_of(bench, vae, plan.config.latent)
    figures |= {"seconds": SECONDS, "steps": plan.steps, "parameters": plan.parameters}
    kept.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def figures_of(bench: Bench, vae: SequenceVAE, latent: int) -> Row:
    """Bounds, collapse, reconstruction and samples, of test rows; nats a text."""
    test = choose(bench.corpus.rows("test"), ROWS, seed=SEED)
    summary = summarise(vae, bench.corpus, test, seed=SEED)
    weighted = choose(test, WEIGHTED_ROWS, seed=SEED)
    bound = iwae_by_row(vae, bench.corpus, weighted, samples=SAMPLES if latent else 1, seed=SEED)
    longest = int(bench.corpus.lengths.max())
    space = LatentSpace(vae, bench.tokenizer, {"max_length": longest}, latent=latent, device=device_of())
    figures = {
        "iw_nats": -float(bound.mean()),
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


def linear(bench: Bench) -> dict[str, Row]:
    """The linear models of counts: they have no likelihood over texts, and what they have is exact."""
    learnt, test = bench.counts("train", LINEAR_ROWS), bench.counts("test", ROWS)
    latent = min(LATENT, int((learnt.min(axis=0) < learnt.max(axis=0)).sum()) // 2)
    models = {"probabilistic_pca": ppca(learnt, latent), "factor_analysis": factor_analysis(learnt, latent)}
    return {
        name: {
            "latent": latent,
            "mutual_information": model.mutual_information,
            "counts_explained": bench.counts_explained(model.reconstruct(test)),
        }
        for name, model in models.items()
    }


def spread(bench: Bench, plans: dict[str, Plan], rows: dict[str, Row]) -> dict[str, Row]:
    """Of the families of the best importance-weighted bounds, each figure over several seeds: its mean and its ends."""
    best = sorted((name for name in plans if plans[name].config.latent), key=lambda name: rows[name]["iw_nats"])[:BEST]
    found = {}
    for name in best:
        seeds = [measured(bench, name, plans[name], seed) for seed in SEEDS]
        of = {figure: [row[figure] for row in seeds] for figure in seeds[0]}
        found[name] = {f: {"mean": sum(v) / len(v), "least": min(v), "most": max(v)} for f, v in of.items()}
    return found


def chosen() -> Iterator[tuple[str, list[str]]]:
    """The corpora and families that the command line names; all where it names none."""
    names = sys.argv[1:]
    families = [name for name in names if name in FAMILIES] or list(FAMILIES)
    for corpus in [name for name in names if name in SETS] or list(SETS):
        yield corpus, families


def main() -> None:
    """Write ``benchmarks/results/families_<corpus>.json``."""
    for corpus, families in chosen():
        bench = Bench.of(corpus)
        _, parameters = sized(FAMILIES["vae"], bench.tokenizer.size)
        plans = {name: planned(bench, name, parameters) for name in families}
        figures: Row = {name: measured(bench, name, plan, SEED) for name, plan in plans.items()}
        if families == list(FAMILIES):
            figures |= linear(bench) | {"training_rows": bench.quality(bench.texts("train", DRAWS))}
            figures |= {"over_seeds": spread(bench, plans, figures), "mutual_information_cap": float(np.log(ROWS))}
            write(
                f"families_{corpus}",
                command="python -m benchmarks.families",
                data={"name": corpus, "rows": len(bench.corpus)},
                seed=SEED,
                budget={
                    "seconds": SECONDS,
                    "seeds": len(SEEDS),
                    "threads": torch.get_num_threads(),
                    "samples": SAMPLES,
                    "draws": DRAWS,
                },
                figures=figures,
            )


if __name__ == "__main__":
    main()
