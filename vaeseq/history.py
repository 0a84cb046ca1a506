"""What a training run says of itself."""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaeseq.bounds import Bound
from vaeseq.team import Team

if TYPE_CHECKING:
    from vaeseq.state import TrainState


@dataclass(frozen=True)
class Record:
    """One line of the history; nats per sequence, None where not measured."""

    step: int
    epoch: float
    seconds: float
    split: str
    elbo: float
    reconstruction: float
    kl: float
    loss: float | None = None
    beta: float | None = None
    learning_rate: float | None = None
    rate: float | None = None
    active_units: float | None = None
    mutual_information: float | None = None
    language: float | None = None
    symbols_per_second: float | None = None


class Window:
    """What happened in the steps since the last record.

    Attributes:
        broken: 1 from the first step on whose loss or gradient is not finite, else 0.
        symbols: Symbols read.
        team: The processes that train.
    """

    def __init__(self, state: "TrainState", team: Team) -> None:
        self.team = team
        self.losses: list[Tensor] = []
        self.norms: list[Tensor] = []
        self.bounds: list[Bound] = []
        self.first, self.symbols, self.started = state.step, 0, time.monotonic()
        self.broken = torch.zeros((), device=state.device)

    def add(self, loss: Tensor, norm: Tensor, bound: Bound) -> None:
        """Take note of one step: its loss, the norm of its gradient and its bound."""
        self.losses.append(loss)
        self.norms.append(norm)
        self.bounds.append(bound)
        self.broken = torch.maximum(self.broken, (~(loss + norm).isfinite()).float())

    def check(self, state: "TrainState") -> None:
        """None of the steps was broken.

        Raises:
            FloatingPointError: One was; the state is then as it was before that step, but for its controller.
        """
        if bool(self.broken):
            losses, norms = torch.stack(self.losses).tolist(), torch.stack(self.norms).tolist()
            i = next(i for i, pair in enumerate(zip(losses, norms, strict=True)) if not math.isfinite(sum(pair)))
            state.step = self.first + i
            raise FloatingPointError(
                f"loss and gradient norm must be finite, got {losses[i]} and {norms[i]} at step {state.step}"
            )

    def record(self, state: "TrainState", epoch: float) -> Record:
        """Means over the steps, of all processes.

        Raises:
            FloatingPointError: As ``check``.
        """
        self.check(state)
        seconds = time.monotonic() - self.started
        bound = Bound.joined(self.bounds)
        sums = torch.stack(
            [bound.elbo.sum(), bound.reconstruction.sum(), bound.kl.sum(), bound.kl.new_ones(len(bound.kl)).sum()]
        )
        elbo, reconstruction, kl, rows = self.team.total(sums).tolist()
        return Record(
            state.step,
            epoch,
            state.seconds + seconds,
            "train",
            elbo=elbo / rows,
            reconstruction=reconstruction / rows,
            kl=kl / rows,
            loss=float(torch.stack(self.losses).double().mean()),
            beta=float(state.beta),
            learning_rate=state.learning_rate,
            rate=state.rate,
            symbols_per_second=self.symbols / seconds,
        )
