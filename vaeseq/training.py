"""The training loop: a generator of records.

Order of the data, noise and dropout are functions of ``(seed, step)``, so a run that is killed and resumed gives the
same weights as one that was not.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vaeseq.accumulation import accumulate
from vaeseq.bounds import Bound
from vaeseq.corpus import Batch, Corpus, choose
from vaeseq.curricula import catch_up, lags, own_weights, start_decoder_anew
from vaeseq.device import autocast, keep_freed_memory
from vaeseq.diagnostics import Summary, summarise
from vaeseq.errors import InputError
from vaeseq.history import Record, Window
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, objective
from vaeseq.seeds import mixed_seed
from vaeseq.splicing import spliced
from vaeseq.state import TrainState
from vaeseq.team import Noise, Team

REVIVE_EVERY = 100  # steps between two at which idle entries of codebooks are put elsewhere, in the first half of all
MISSED = 10.0  # nats of reconstruction that a nat too many is worth


def fit(
    state: TrainState, corpus: Corpus, *, record_every: int = 50, stop: Callable[[], bool] = lambda: False
) -> Iterator[list[Record]]:
    """Train until ``state.train.steps``, yielding the records of training and of held-out rows as they come.

    The state is whole whenever the generator is suspended: the caller may save it and stop. Where ``torch.distributed``
    is started, its processes share each batch: all begin with the weights of the first, and the first alone looks at
    held-out rows and has a best state. Dropout apart, which each draws for itself, they do what one process would.

    Args:
        state: Where it begins, and what is changed.
        corpus: The rows.
        record_every: Steps between two records of training.
        stop: Asked after each step whether to end there, with a record.

    Raises:
        InputError: There are no rows to train on or to look at, the settings do not go together, or memory does not
            suffice.
        FloatingPointError: The loss or its gradient is not finite.
    """
    rows, held_out = corpus.rows("train"), held_out_rows(state, corpus)
    if not len(rows) or not len(held_out):
        raise InputError(f"training needs train and valid rows, got {len(rows)} and {len(held_out)}; use more data")
    keep_freed_memory()
    team = Team.here()
    _check(state, corpus, team)
    learner = _Learner(state.vae, state.aim)
    learn = DistributedDataParallel(learner) if team.size > 1 else learner
    window = Window(state, team)
    inner = list(corpus.in_order(rows, state.train.batch_size)) if state.train.inner_steps else []

    def teach(some: np.ndarray, seed: int) -> Tensor:
        batch = corpus.batch(some, state.device)
        return accumulate(state, batch, team, partial(_loss, state, learn, batch, seed), own_weights(state.vae))[0]

    for batch_rows, epoch in _batches(corpus, rows, state):
        if 0 < state.step == state.train.pretrain_steps:
            window.check(state)
            start_decoder_anew(state)
        resting = lags(state)
        if resting:
            catch_up(state, corpus, inner, teach, unless=window.broken)
        window.symbols += int(corpus.lengths[batch_rows].sum())
        _train_step(
            state, learn, corpus.batch(batch_rows, state.device), window, own_weights(state.vae) if resting else []
        )
        look = state.step == state.train.steps or state.step % state.train.evaluate_every == 0
        stopped = stop()
        if not (look or stopped) and state.step % record_every:
            continue
        records = [window.record(state, epoch)]
        state.seconds = records[0].seconds
        if look and team.rank == 0:
            records.append(look_at(state, corpus, held_out, epoch))
        state.history += records
        yield records
        if stopped:
            return
        window = Window(state, team)


def held_out_rows(state: TrainState, corpus: Corpus) -> np.ndarray:
    """The rows of each look at held-out data."""
    return choose(corpus.rows("valid"), state.train.evaluate_rows, seed=state.seed)


def rows_of_step(state: TrainState, corpus: Corpus) -> np.ndarray:
    """The rows of the batch of the state's next step."""
    return next(_batches(corpus, corpus.rows("train"), state))[0]


def _check(state: TrainState, corpus: Corpus, team: Team) -> None:
    """What does not go together."""
    if state.train.inner_steps and (team.size > 1 or not state.vae.latent):
        raise InputError(
            "inner_steps must be 0 where several processes train and for a model without a code, "
            f"got {state.train.inner_steps}"
        )
    if state.train.pretrain_steps and state.aim.samples > 1:
        raise InputError(
            "pretrain_steps must be 0 for the importance-weighted bound, whose KL has no weight, "
            f"got {state.train.pretrain_steps} and samples {state.aim.samples}"
        )
    if state.vae.properties and state.aim.samples > 1:
        raise InputError(
            f"properties must not be learnt by the importance-weighted bound, got {state.aim.samples} samples"
        )
    if corpus.groups and (team.size > 1 or state.aim.samples > 1 or state.aim.splicing):
        raise InputError(
            "rows in groups must be trained on by one process, which takes one sample of each, whole rows, "
            f"got {team.size} processes, samples {state.aim.samples} and splicing {state.aim.splicing}"
        )
    aim = {name: getattr(state.aim, name) for name in ("rate", "free_bits", "code_noise")}
    if state.vae.discrete and any(aim.values()):
        most = state.vae.encoder.head.codebooks.capacity
        raise InputError(
            "rate, free_bits and code_noise must not be set for discrete codes, whose KL has no gradient, got "
            f"{aim}; their slots and codebook bound the rate, here by {most:.1f} nats"
        )


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


def _loss(state: TrainState, learn: nn.Module, batch: Batch, seed: int, team: Team) -> tuple[Tensor, Bound]:
    """The objective of a share of a batch; all that is random in it comes from the seed."""
    # Dropout draws from the global generator, of another seed: equal seeds are one stream on a GPU.
    torch.manual_seed(seed + 1 + team.rank)
    noise = Noise(torch.Generator(state.device).manual_seed(seed), len(batch.row), team)
    if state.aim.splicing > 0:
        batch = spliced(batch, share=state.aim.splicing, generator=noise.generator)
    state.vae.train()
    for group in state.optimizer.param_groups:
        group["lr"] = state.learning_rate
    with autocast(state.device, state.train.precision):
        return learn(batch.each(team.share), state.beta, noise)


def _train_step(
    state: TrainState, learn: nn.Module, batch: Batch, window: Window, resting: Sequence[nn.Parameter]
) -> None:
    """One step of all weights but the resting ones.

    Nothing in it waits for the device where it is of one process and one micro-batch, but splicing, and codebooks when
    idle entries are put elsewhere.

    From the first loss or gradient on that is not finite, no step of the window changes a weight.
    """
    seed = mixed_seed(state.seed, state.step)
    # A batch of fewer rows than processes is for all of them: the mean of equal gradients is what each has.
    team = window.team if len(batch.row) >= window.team.size else Team()
    loss, bound = accumulate(state, batch, team, partial(_loss, state, learn, batch, seed))
    for weight in resting:
        weight.grad = None
    norm = torch.nn.utils.clip_grad_norm_(state.vae.parameters(), state.train.clip)
    loss, kl = window.team.mean(torch.stack([loss, bound.kl.sum() * team.size / len(batch.row)]))
    window.add(loss, norm, bound)
    # As torch.amp.GradScaler tells the fused optimizer to let a step be.
    state.optimizer.found_inf = window.broken
    state.optimizer.step()
    if state.vae.discrete:
        head, young = state.vae.encoder.head, state.step < state.train.steps / 2
        torch.manual_seed(seed)  # all processes put idle entries in the same places
        vectors = team.whole(head.seen, len(batch.row))
        head.codebooks.learn(vectors, revive=young and state.step % REVIVE_EVERY == 0, unless=window.broken)
    if state.controller and state.step >= state.train.pretrain_steps:  # before, the KL was free to be anything
        state.controller.observe(kl)
    state.step += 1
    # A young mean forgets its start sooner.
    taken = (1 - min(state.train.average, state.step / (state.step + 9))) * (1 - window.broken)
    for name, mean in state.averaged.items():
        mean.lerp_(state.vae.get_parameter(name).detach(), taken)


@contextmanager
def _as_averaged(state: TrainState) -> Iterator[None]:
    """The model with its averaged weights, where it has any, for the time of the block."""
    own = {name: state.vae.get_parameter(name).detach().clone() for name in state.averaged}
    state.vae.load_state_dict(state.averaged, strict=False)
    try:
        yield
    finally:
        state.vae.load_state_dict(own, strict=False)


def look_at(state: TrainState, corpus: Corpus, rows: np.ndarray, epoch: float = 0.0) -> Record:
    """What held-out rows say of the state, whose weights become the best where they are."""
    with _as_averaged(state):
        summary = summarise(state.vae, corpus, rows, seed=state.seed)
        worth = badness(summary, state.aim.rate)
        if worth < state.best_badness:
            state.best_badness, state.best_step = worth, state.step
            state.best = {name: value.detach().clone() for name, value in state.vae.state_dict().items()}
    return Record(state.step, epoch, state.seconds, "valid", rate=state.rate, **summary._asdict())


def badness(summary: Summary, rate: float | None) -> float:
    """Orders states; lower is better: minus the bound, nats, or with a rate what is left to say once it is carried.

    The bound alone would favour the early states whose latent carries little, for at the rates that a user asks for a
    nat that is carried gains less than a nat. So of states that carry no more than the rate and a twentieth, by which
    the controller misses it from look to look, the one is best that reconstructs best; each nat beyond counts
    ``MISSED``. A rate that had to be met would keep an early state that happens to have it from a run whose last states
    need less (LOG.md).
    """
    if rate is None:
        return -summary.elbo
    missed = max(0.0, summary.kl - 1.05 * rate)
    return MISSED * missed - summary.elbo - summary.kl
