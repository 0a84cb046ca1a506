"""All that a run of training depends on, besides the data: settings, and one serialisable state."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor

from vaeseq.device import Precision
from vaeseq.errors import InputError, shown
from vaeseq.files import replacing
from vaeseq.history import Record
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, RateController, annealed, rate_at

_COUNTS = ("step", "inner_steps", "halvings", "micro_batches", "best_step")


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
        average: Decay of a running mean of the weights, which then is what held-out rows see and what is kept as the
            best state; 0 takes the weights as they are (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046).
        pretrain_steps: First steps in which the KL costs nothing, after which the decoder starts anew, see
            ``vaeseq.curricula``.
        inner_steps: Most steps of the encoder alone before each step of the rest, while it lags, see there too.
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
    average: float = 0.0
    pretrain_steps: int = 0
    inner_steps: int = 0
    precision: Precision = "auto"
    evaluate_every: int = 500
    evaluate_rows: int = 1_000

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "evaluate_every", "evaluate_rows"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 0 <= self.pretrain_steps < self.steps or self.inner_steps < 0:
            raise InputError(
                "pretrain_steps must be 0 or more and below steps, inner_steps 0 or more, "
                f"got {self.pretrain_steps!r} of {self.steps!r}, {self.inner_steps!r}"
            )
        if not (0 <= self.average < 1 and 0 <= self.warmup <= 1):
            raise InputError(
                f"average must be 0 or more and below 1, warmup within 0 and 1, got {self.average!r}, {self.warmup!r}"
            )
        if not (0 <= self.learning_rate < math.inf and self.clip > 0 and 0 <= self.weight_decay < math.inf):
            raise InputError(
                "learning_rate and weight_decay must be 0 or more, clip positive, "
                f"got {self.learning_rate!r}, {self.weight_decay!r}, {self.clip!r}"
            )


class TrainState:
    """Everything that the rest of a run depends on, besides the data.

    Attributes:
        vae: The model being trained.
        optimizer: AdamW.
        controller: Sets the weight of the KL; None where the objective names no rate.
        step: Steps done.
        inner_steps: Steps of the encoder alone that were done between them.
        halvings: How often the step size was halved, because a loss was not finite.
        micro_batches: In how many a batch is read, because more rows did not fit in memory, see ``accumulation``.
        seconds: Time they took.
        averaged: Running means of the weights by name, if the training has any.
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
        self.step, self.inner_steps, self.halvings, self.micro_batches, self.seconds = 0, 0, 0, 1, 0.0
        self.averaged = {name: w.detach().clone() for name, w in vae.named_parameters()} if train.average else {}
        self.history: list[Record] = []
        self.forget_best()

    def forget_best(self) -> None:
        """As if no look at held-out rows had been taken."""
        self.best_step, self.best_badness = 0, math.inf
        self.best: dict[str, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.vae.parameters()).device

    @property
    def rate(self) -> float | None:
        """Nats to aim at in the next step."""
        before = self.train.pretrain_steps
        return rate_at(self.aim, max(0, self.step - before) / max(1, self.train.steps - before))

    @property
    def beta(self) -> float | Tensor:
        """Weight of the KL at the next step."""
        if self.step < self.train.pretrain_steps:
            return 0.0
        if self.controller and self.rate:
            self.controller.rate = self.rate
            return self.controller.beta
        return annealed(self.aim, self.step - self.train.pretrain_steps)

    @property
    def learning_rate(self) -> float:
        """Step size at the next step."""
        peak, warm = self.train.learning_rate * 0.5**self.halvings, max(1.0, self.train.warmup * self.train.steps)
        if self.step < warm:
            return peak * min(1.0, (self.step + 1) / warm)
        done = (self.step - warm) / max(1.0, self.train.steps - warm)
        return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def save(self, path: Path) -> None:
        """Write the whole state to one file, which is there whole or not at all, and holds its own digest."""
        tensors = {f"vae.{name}": value for name, value in self.vae.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"averaged.{name}": value for name, value in self.averaged.items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": value for name, value in moments.items()}
        scalars = {"step": self.step, "seconds": self.seconds, "history": [asdict(record) for record in self.history]}
        scalars |= {"best_step": self.best_step, "best_badness": self.best_badness, "inner_steps": self.inner_steps}
        scalars |= {"halvings": self.halvings, "micro_batches": self.micro_batches}
        if self.controller:
            scalars |= {"log_beta": float(self.controller.log_beta), "kl": float(self.controller.kl)}
        # Copies: one tensor may have two names, and the file holds no tensor twice.
        on_cpu = {
            name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, value in tensors.items()
        }
        told = json.dumps(scalars)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            # Its ``save_file`` writes to a file of another name first, which a kill would leave for good.
            partial.write_bytes(as_bytes(on_cpu, {"scalars": told, "sha256": _digest(told, on_cpu)}))

    def load(self, path: Path) -> None:
        """Take up a state that ``save`` wrote for the same model and settings.

        Raises:
            InputError: The file is damaged, or of another model; the state is as it was.
        """
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                told = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            if told["sha256"] != _digest(told["scalars"], tensors):
                raise InputError(f"state {str(path)!r} is damaged: its digest is another")
            scalars, moments = json.loads(told["scalars"]), _moments(_under("optimizer.", tensors))
            weights, best, averaged = (_under(part, tensors) for part in ("vae.", "best.", "averaged."))
            self._check(weights, best, averaged, moments)
            counts = {name: _count(scalars[name]) for name in _COUNTS}
            seconds, badness = float(scalars["seconds"]), float(scalars["best_badness"])
            history = [_record(record) for record in scalars["history"]]
            steering = [float(scalars[name]) for name in ("log_beta", "kl") if self.controller]
        except InputError:
            raise
        except (SafetensorError, LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InputError(f"state {str(path)!r} is damaged: {error!r}") from error
        self.vae.load_state_dict(weights)
        self.best = {name: value.to(self.device) for name, value in best.items()}
        self.averaged = {name: value.to(self.device) for name, value in averaged.items()}
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        for name, count in counts.items():
            setattr(self, name, count)
        self.seconds, self.best_badness, self.history = seconds, badness, history
        if self.controller:
            self.controller = RateController(self.controller.rate, *steering, device=self.device)

    def _check(
        self,
        weights: dict[str, Tensor],
        best: dict[str, Tensor],
        averaged: dict[str, Tensor],
        moments: dict[int, dict[str, Tensor]],
    ) -> None:
        own, parameters = self.vae.state_dict(), dict(enumerate(self.vae.parameters()))
        pairs = [(weights, own), (best, own if best else {}), (averaged, self.averaged)]
        pairs += [
            (its, {"step": torch.zeros(()), "exp_avg": parameters[i], "exp_avg_sq": parameters[i]})
            for i, its in moments.items()
        ]
        if any(_kinds(its) != _kinds(wanted) for its, wanted in pairs):
            raise ValueError("its tensors are not those of this model and these settings")


def _digest(scalars: str, tensors: dict[str, Tensor]) -> str:
    """Of all that a file holds."""
    found = hashlib.sha256(scalars.encode())
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def _kinds(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in tensors.items()}


def _moments(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Of each parameter that has any, by its number."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        i, moment = name.split(".")
        moments.setdefault(int(i), {})[moment] = value
    return moments


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"a count must be a whole number, got {shown(value)}")
    return value


def _record(told: dict[str, Any]) -> Record:
    record = Record(**told)
    for field in fields(record):
        if not isinstance(value := getattr(record, field.name), field.type | int):  # JSON has one kind of number
            raise ValueError(f"{field.name} of a record is {shown(value)}")
    return record


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
