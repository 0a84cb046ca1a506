"""How many steps of each family fit into the seconds that all get, measured side by side.

Families that do the same work have one pace: a clock would tell them apart by the noise of the machine alone.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import torch

from benchmarks import rounds
from benchmarks.bench import SEED, Bench
from benchmarks.family import FAMILIES
from vaeseq.config import VAEConfig
from vaeseq.device import device_of
from vaeseq.fitting import FitConfig, fit_prior
from vaeseq.model import SequenceVAE, prior_of
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

ROUNDS, STEPS, INNER, BATCH, NEVER = 7, 20, 10, 128, 10**9
Paces = dict[str, float]


def paces(corpus: str, configs: Mapping[str, VAEConfig]) -> Paces:
    """Steps a second of each family; ``<family>/prior``, of the fit of its prior; ``inner``, of an encoder alone."""
    work = {name: _work(name, config) for name, config in configs.items()}
    first = {kind: name for name, kind in reversed(work.items())}
    contenders = {name: partial(_training, corpus, name, configs[name]) for name in first.values()}
    contenders |= {f"{name}/prior": partial(_fitting, name, configs[name]) for name in configs if FAMILIES[name].fitted}
    lagging = next(name for name in configs if "inner_steps" in FAMILIES[name].train(1))
    contenders["inner"] = partial(_training, corpus, lagging, configs[lagging], INNER)
    found = {name: rounds.rate(some) for name, some in rounds.measured(contenders, ROUNDS).items()}
    found |= {name: found[first[kind]] for name, kind in work.items()}
    # A step with its inner ones takes so much longer than one without.
    return found | {"inner": INNER / (1 / found["inner"] - 1 / found[lagging])}


def _work(name: str, config: VAEConfig) -> tuple[VAEConfig, int]:
    """What decides how long a step takes."""
    return config, FAMILIES[name].aim(1_000).samples


def _training(corpus: str, name: str, config: VAEConfig, inner_steps: int = 0) -> Iterator[float]:
    bench, family = Bench.of(corpus), FAMILIES[name]
    settings = family.train(NEVER) | {"inner_steps": inner_steps}
    train = TrainConfig(steps=NEVER, batch_size=BATCH, evaluate_every=NEVER, **settings)
    torch.manual_seed(SEED)
    state = TrainState(SequenceVAE.build(config).to(device_of()), train, family.aim(NEVER), seed=SEED)
    steps = STEPS // INNER if inner_steps else STEPS
    for _ in fit(state, bench.corpus, record_every=steps):
        yield float(steps)


def _fitting(name: str, config: VAEConfig) -> Iterator[float]:
    prior = prior_of(config, torch.nn.Identity(), FAMILIES[name].fitted).to(device_of())
    some = torch.randn(4_096, config.latent, device=device_of())
    for _ in fit_prior(prior, some, some[:1], FitConfig(steps=NEVER, look_every=STEPS), seed=SEED):
        yield float(STEPS)
