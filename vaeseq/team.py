"""Several processes that train one model, as if they were one.

Each takes every n-th row of a batch. Random numbers are drawn for the whole batch by all of them, so that a row gets
its own whoever has it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Team:
    """This process among those that train together, as ``torch.distributed`` has it; alone where it is not started."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> "Team":
        """The team of this process."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    def part(self, number: int, count: int) -> "Team":
        """One of ``count`` parts of this process's share, as if each of them were a process's."""
        return Team(self.rank + self.size * number, self.size * count)

    def share(self, rows: Tensor) -> Tensor:
        """This process's part of what has a row for each of a batch."""
        return rows if self.size == 1 else rows[self.rank :: self.size]

    def total(self, value: Tensor) -> Tensor:
        """Sum over the processes, without a gradient."""
        value = value.detach()
        if self.size > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def whole(self, share: Tensor, rows: int) -> Tensor:
        """What has a row for each of a batch of so many, of each process's part of it, without a gradient."""
        if self.size == 1:
            return share
        padded = share.new_zeros(-(-rows // self.size), *share.shape[1:])
        padded[: len(share)] = share
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        distributed.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:rows]

    def mean(self, value: Tensor) -> Tensor:
        """Mean over the processes, without a gradient."""
        return self.total(value) / self.size


@dataclass(frozen=True)
class Noise:
    """Random numbers for a batch of which a team's processes have a share each.

    Attributes:
        generator: Where they come from, in the same state on every process.
        rows: Of the whole batch.
        team: The processes.
    """

    generator: torch.Generator | None
    rows: int
    team: Team = Team()

    def normal(self, *shape: int, device: torch.device) -> Tensor:
        """Standard normal numbers, ``(rows of this process, *shape)``."""
        return self.team.share(torch.randn(self.rows, *shape, generator=self.generator, device=device))

    def uniform(self, *shape: int, device: torch.device) -> Tensor:
        """Uniform numbers in [0, 1), ``(rows of this process, *shape)``."""
        return self.team.share(torch.rand(self.rows, *shape, generator=self.generator, device=device))

    def some(self, share: float, *, device: torch.device) -> tuple[Tensor, int]:
        """Which of this process's rows are among a random share of the batch, and how many those are in all."""
        order = torch.randperm(self.rows, generator=self.generator, device=device)
        chosen = order[: math.ceil(share * self.rows)]
        if self.team.size == 1:
            return chosen, len(chosen)
        return chosen[chosen % self.team.size == self.team.rank] // self.team.size, len(chosen)
