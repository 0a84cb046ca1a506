"""Against an encoder that is ignored: what is done between the plain steps of training.

References:
    He et al. (2019), Lagging Inference Networks and Posterior Collapse in Variational Autoencoders, algorithm 1,
    https://arxiv.org/abs/1901.05534
    Li et al. (2019), A Surprisingly Effective Fix for Deep Latent Variable Modeling of Text, section 3 (an autoencoder
    first, then a new decoder), https://arxiv.org/abs/1909.00868
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from vaeseq.corpus import Corpus
from vaeseq.model import SequenceVAE
from vaeseq.state import TrainState

LOOK = 10  # steps of the encoder between two looks at whether it still gains


def own_weights(vae: SequenceVAE) -> list[nn.Parameter]:
    """Weights of the encoder that no other part has."""
    shared = {id(weight) for part in (vae.decoder, vae.prior) for weight in part.parameters()}
    return [weight for weight in vae.encoder.parameters() if id(weight) not in shared]


def lags(state: TrainState) -> bool:
    """Whether the encoder is to catch up before each step: until the mutual information no longer rises."""
    if not state.train.inner_steps:
        return False
    young = state.train.pretrain_steps  # looks before this step were at an autoencoder
    looks = [record for record in state.history if record.split == "valid" and record.step > young]
    seen = [record.mutual_information for record in looks]
    return all(later > earlier for earlier, later in pairwise(seen))


def catch_up(
    state: TrainState,
    corpus: Corpus,
    batches: Sequence[np.ndarray],
    teach: Callable[[np.ndarray, int], Tensor],
    *,
    unless: Tensor,
) -> None:
    """Train the encoder alone, on random batches, for as long as it gains and at most ``inner_steps``.

    What it gains is seen in the loss of a symbol, as in the authors' code: rows of a batch are of one length, and the
    loss of a row says how long they were.

    Args:
        state: Model and optimiser.
        corpus: What the rows are of.
        batches: Rows of each batch to choose from.
        teach: Gives the encoder's own weights the gradient of the mean loss of some rows, by a seed; returns that loss.
        unless: 1 where a step before was broken, so that no weight may change any more; else 0.
    """
    random, own, before = np.random.default_rng([state.seed, state.step]), own_weights(state.vae), np.inf
    for done in range(0, state.train.inner_steps, LOOK):
        total, symbols = torch.zeros((), device=state.device), 0
        for _ in range(min(LOOK, state.train.inner_steps - done)):
            rows = batches[random.integers(len(batches))]
            loss = teach(rows, int(random.integers(2**62)))
            norm = nn.utils.clip_grad_norm_(own, state.train.clip)
            state.optimizer.found_inf = torch.maximum(unless, (~(loss + norm).isfinite()).float())
            state.optimizer.step()
            state.inner_steps += 1
            total += loss * len(rows)
            symbols += int(corpus.lengths[rows].sum()) - len(rows)  # each but the first is foretold
        now = float(total) / symbols
        if not now < before:
            return
        before = now


def start_decoder_anew(state: TrainState) -> None:
    """Forget what the decoder learnt, and which state was best; the embedding, which the encoder reads, stays."""
    torch.manual_seed(int(np.random.SeedSequence([state.seed, state.step]).generate_state(1)[0]))
    kept = {id(weight) for weight in state.vae.encoder.parameters()}
    state.vae.decoder.reset_parameters()
    for name, weight in state.vae.named_parameters():
        if name.startswith("decoder.") and id(weight) not in kept:
            state.optimizer.state.pop(weight, None)
            if name in state.averaged:
                state.averaged[name].copy_(weight.detach())
    state.forget_best()
