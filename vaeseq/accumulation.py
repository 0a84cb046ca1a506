"""The gradient of a batch, read in as few micro-batches as memory lets it be.

A batch that does not fit is read again in twice as many, and so is every batch after it. Rows, noise and weights of the
loss are those of the whole batch, as where processes share it (``vaeseq.team``), so the gradients of the micro-batches
add up to its own. Only dropout is drawn by each for itself, from the seed of the step and its number.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from vaeseq.bounds import Bound
from vaeseq.corpus import Batch
from vaeseq.errors import InputError, shortage
from vaeseq.state import TrainState
from vaeseq.team import Team


def accumulate(
    state: TrainState,
    batch: Batch,
    team: Team,
    loss_of: Callable[[Team], tuple[Tensor, Bound]],
    inputs: Sequence[nn.Parameter] | None = None,
) -> tuple[Tensor, Bound]:
    """Put the gradient of a batch's loss in the place of what the weights have.

    Args:
        state: Whose weights; ``micro_batches`` grows where memory does not suffice.
        batch: All rows, of all processes.
        team: Who shares them.
        loss_of: From a part of a batch to its loss, as ``vaeseq.objectives.objective``, which it can be asked again.
        inputs: Weights that get a gradient; all where there are none.

    Returns:
        The loss of this process's rows and their bound, by micro-batch, without a graph.

    Raises:
        InputError: A row by itself does not fit, or the batch does not and cannot be split.
    """
    rows = len(batch.row) // team.size
    while True:
        count = max(1, min(state.micro_batches, rows))
        try:
            return _passes(state, team, count, loss_of, inputs)
        except (RuntimeError, MemoryError) as error:
            if shortage(error) != "memory":
                raise
            told = str(error).partition("\n")[0]
        # Only here, where the error is gone, is what its traceback held: the graph.
        if count >= rows:
            raise InputError(f"memory must hold a training step of one row, got {told!r}; ask for a smaller model")
        if why := _whole(state, batch):
            raise InputError(f"memory must hold a whole batch that {why}, got {told!r}; ask for a smaller batch_size")
        state.micro_batches = 2 * count
        state.optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()


def _whole(state: TrainState, batch: Batch) -> str | None:
    """Why a batch cannot be split, if it cannot."""
    if Team.here().size > 1:
        return "several processes share"  # the others would have to split it too
    if batch.group is not None:
        return "holds rows in groups"
    return "free_bits weighs" if state.aim.free_bits else None


def _passes(
    state: TrainState,
    team: Team,
    count: int,
    loss_of: Callable[[Team], tuple[Tensor, Bound]],
    inputs: Sequence[nn.Parameter] | None,
) -> tuple[Tensor, Bound]:
    state.optimizer.zero_grad(set_to_none=True)
    losses, bounds, seen = [], [], []
    for part in (team.part(number, count) for number in range(count)):
        loss, bound = loss_of(part)
        (loss / count).backward(inputs=inputs)
        losses.append(loss.detach())
        bounds.append(bound.detach())
        if state.vae.discrete:
            seen.append(state.vae.encoder.head.seen)
    if count == 1:
        return losses[0], bounds[0]
    if seen:
        whole = seen[0].new_empty(sum(map(len, seen)), seen[0].shape[1])
        for number, vectors in enumerate(seen):
            whole[number::count] = vectors
        state.vae.encoder.head.seen = whole
    return torch.stack(losses).mean(), Bound.joined(bounds)
