"""The training loop: one serialisable state, and a generator of records.

Order of the data, noise and dropout are functions of ``(seed, step)``, so a run that is killed and resumed gives the
same weights as one that was not.
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vaeseq.bounds import Bound
from vaeseq.corpus import Batch, Corpus, choose
from vaeseq.device import Precision, autocast, keep_freed_memory
from vaeseq.diagnostics import Summary, summarise
from vaeseq.errors import InputError
from vaeseq.history import Record, Window
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, RateController, annealed, objective, rate_at
from vaeseq.team import Noise, Team


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast.

    Attributes:
        steps: Optimiser steps in all.
        batch_size: Rows a step.
        learning_rate: Peak of the schedule.
        warmup: Share of the steps in which the learning rate rises linearly; it then falls to 0 as a cosine.
        weight_decay: Of AdamW.
        clip: Largest norm of the gradient.
        precision: Of the matrix products; the weights are float32.
        evaluate_every: Steps between two looks at held-out rows.
        evaluate_rows: Held-out rows of each look.
    """

    steps: int = 10_000
    batch_size: int = 128
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 5.0
    precision: Precision = "auto"
    evaluate_every: int = 500
    evaluate_rows: int = 1_000


class TrainState:
    """Everything that the rest of a run depends on, besides the data.

    Attributes:
        vae: The model being trained.
        optimizer: AdamW.
        controller: Sets the weight of the KL; None where the objective names no rate.
        step: Steps done.
        seconds: Time they took.
        history: Records so far.
        best_step: Step of the best state, as ``badness`` orders them.
        best: Weights of that state.
    """

    def __init__(self, vae: SequenceVAE, train: TrainConfig, aim: ObjectiveConfig, *, seed: int) -> None:
        self.vae, self.train, self.aim, self.seed = vae, train, aim, seed
        self.optimizer = torch.optim.AdamW(
            vae.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay, betas=(0.9, 0.98), fused=True
        )
        self.controller = RateController(aim.rate, device=self.device) if aim.rate is not None else None
        self.step, self.seconds = 0, 0.0
        self.history: list[Record] = []
        self.best_step, self.best_badness = 0, (math.inf, math.inf)
        self.best: dict[str, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.vae.parameters()).device

    @property
    def rate(self) -> float | None:
        """Nats to aim at in the next step."""
        return rate_at(self.aim, self.step / self.train.steps)

    @property
    def beta(self) -> float | Tensor:
        """Weight of the KL at the next step."""
        if self.controller and self.rate:
            self.controller.rate = self.rate
            return self.controller.beta
        return annealed(self.aim, self.step)

    @property
    def learning_rate(self) -> float:
        """Step size at the next step."""
        warm = max(1.0, self.train.warmup * self.train.steps)
        if self.step < warm:
            return self.train.learning_rate * (self.step + 1) / warm
        done = (self.step - warm) / max(1.0, self.train.steps - warm)
        return self.train.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def save(self, path: Path) -> None:
        """Write the whole state to one file, atomically."""
        tensors = {f"vae.{name}": value for name, value in self.vae.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": value for name, value in moments.items()}
        scalars = {"step": self.step, "seconds": self.seconds, "history": [asdict(record) for record in self.history]}
        scalars |= {"best_step": self.best_step, "best_badness": self.best_badness}
        if self.controller:
            scalars |= {"log_beta": float(self.controller.log_beta), "kl": float(self.controller.kl)}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        # Copies: one tensor may have two names, and the file holds no tensor twice.
        on_cpu = {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
        }
        save_file(on_cpu, partial, {"scalars": json.dumps(scalars)})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Take up a state that ``save`` wrote for the same model and settings."""
        with safe_open(path, framework="pt", device="cpu") as file:
            scalars = json.loads(file.metadata()["scalars"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        self.vae.load_state_dict(_under("vae.", tensors))
        self.best = {name: value.to(self.device) for name, value in _under("best.", tensors).items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            i, moment = name.split(".")
            moments.setdefault(int(i), {})[moment] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.step, self.seconds, self.best_step = scalars["step"], scalars["seconds"], scalars["best_step"]
        self.history = [Record(**record) for record in scalars["history"]]
        self.best_badness = tuple(scalars["best_badness"])
        if self.controller:
            self.controller = RateController(
                self.controller.rate, scalars["log_beta"], scalars["kl"], device=self.device
            )


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def fit(state: TrainState, corpus: Corpus, *, record_every: int = 50) -> Iterator[list[Record]]:
    """Train until ``state.train.steps``, yielding the records of training and of held-out rows as they come.

    The state is whole whenever the generator is suspended: the caller may save it and stop. Where ``torch.distributed``
    is started, its processes share each batch: all begin with the weights of the first, and the first alone looks at
    held-out rows and has a best state. Dropout apart, which each draws for itself, they do what one process would.

    Raises:
        InputError: There are no rows to train on or to look at.
        FloatingPointError: The loss or its gradient is not finite.
    """
    rows, held_out = corpus.rows("train"), held_out_rows(state, corpus)
    if not len(rows) or not len(held_out):
        raise InputError(f"training needs train and valid rows, got {len(rows)} and {len(held_out)}; use more data")
    keep_freed_memory()
    team = Team.here()
    learner = _Learner(state.vae, state.aim)
    learn = DistributedDataParallel(learner) if team.size > 1 else learner
    window = Window(state, team)
    for batch_rows, epoch in _batches(corpus, rows, state):
        window.symbols += int(corpus.lengths[batch_rows].sum())
        _train_step(state, learn, corpus.batch(batch_rows, state.device), window)
        look = state.step == state.train.steps or state.step % state.train.evaluate_every == 0
        if not look and state.step % record_every:
            continue
        records = [window.record(state, epoch)]
        state.seconds = records[0].seconds
        if look and team.rank == 0:
            records.append(_look(state, corpus, held_out, epoch))
        state.history += records
        yield records
        window = Window(state, team)


def held_out_rows(state: TrainState, corpus: Corpus) -> np.ndarray:
    """The rows of each look at held-out data."""
    return choose(corpus.rows("valid"), state.train.evaluate_rows, seed=state.seed)


def _batches(corpus: Corpus, rows: np.ndarray, state: TrainState) -> Iterator[tuple[np.ndarray, float]]:
    """Rows of each batch from the state's step on, with the epochs done after it."""
    first, epoch = 0, 0
    while True:
        batches = list(corpus.epoch(rows, state.train.batch_size, seed=state.seed, epoch=epoch))
        for i in range(state.step - first, len(batches)):
            if state.step >= state.train.steps:
                return
            yield batches[i], epoch + (i + 1) / len(batches)
        first, epoch = first + len(batches), epoch + 1


class _Learner(nn.Module):
    """The objective as a module, which is what ``DistributedDataParallel`` needs to see."""

    def __init__(self, vae: SequenceVAE, aim: ObjectiveConfig) -> None:
        super().__init__()
        self.vae, self.aim = vae, aim

    def forward(self, batch: Batch, beta: float | Tensor, noise: Noise) -> tuple[Tensor, Bound]:
        """As ``objective``."""
        return objective(self.vae, batch, self.aim, beta=beta, noise=noise)


def _train_step(state: TrainState, learn: nn.Module, batch: Batch, window: Window) -> None:
    """One step; nothing in it waits for the device.

    From the first loss or gradient on that is not finite, no step of the window changes a weight.
    """
    seed = int(np.random.SeedSequence([state.seed, state.step]).generate_state(1, np.uint64)[0] >> 1)
    torch.manual_seed(seed + window.team.rank)  # dropout draws from the global generator
    # A batch of fewer rows than processes is for all of them: the mean of equal gradients is what each has.
    team = window.team if len(batch.row) >= window.team.size else Team()
    noise = Noise(torch.Generator(state.device).manual_seed(seed), len(batch.row), team)
    batch = Batch(*map(team.share, (batch.tokens, batch.observed, batch.row)))
    state.vae.train()
    for group in state.optimizer.param_groups:
        group["lr"] = state.learning_rate
    with autocast(state.device, state.train.precision):
        loss, bound = learn(batch, state.beta, noise)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.vae.parameters(), state.train.clip)
    bound = bound.detach()
    loss, kl = window.team.mean(torch.stack([loss.detach(), bound.kl.sum() * team.size / noise.rows]))
    window.add(loss, norm, bound)
    # As torch.amp.GradScaler tells the fused optimizer to let a step be.
    state.optimizer.found_inf = window.broken
    state.optimizer.step()
    if state.controller:
        state.controller.observe(kl)
    state.step += 1


def _look(state: TrainState, corpus: Corpus, rows: np.ndarray, epoch: float) -> Record:
    summary = summarise(state.vae, corpus, rows, seed=state.seed)
    worth = badness(summary, state.aim.rate)
    if worth < state.best_badness:
        state.best_badness, state.best_step = worth, state.step
        state.best = {name: value.detach().clone() for name, value in state.vae.state_dict().items()}
    return Record(state.step, epoch, state.seconds, "valid", rate=state.rate, **summary._asdict())


def badness(summary: Summary, rate: float | None) -> tuple[float, float]:
    """Orders states; lower is better.

    With a rate, a state that misses it by more than a twentieth is worse than one that does not, however good its
    bound: the bound alone would favour the early states whose latent carries little. Then the bound decides.
    """
    miss = 0.0 if rate is None else max(0.0, abs(summary.kl / rate - 1) - 0.05)
    return miss, -summary.elbo
