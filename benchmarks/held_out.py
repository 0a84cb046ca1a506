"""What a held-out molecule costs after equal seconds of training: ours, and the plain eager loop at the same sizes.

Run as ``python -m benchmarks.held_out``. Both minimise the negative evidence lower bound as it is, in batches of 128
with the same steady learning rate, half a minute of each after the other.
"""

import functools
import time
from collections.abc import Iterator

import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks import moses, rounds
from benchmarks.eager import EagerVAE, train
from benchmarks.record import write
from benchmarks.training import HELD_OUT, MOLECULES, SIZES, STEADY, config, sequences
from vaeseq.device import device_of
from vaeseq.diagnostics import summarise
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.tokenizer import PAD
from vaeseq.training import fit, held_out_rows

BATCH, SECONDS, ROUNDS = 128, 30.0, 10


def ours(seconds: float) -> Iterator[float]:
    """Nats of a held-out molecule after each round of training."""
    corpus, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    torch.manual_seed(0)
    vae = SequenceVAE.build(config("base", tokenizer.size)).to(device_of())
    state = TrainState(vae, TrainConfig(batch_size=BATCH, **STEADY), ObjectiveConfig(), seed=0)
    started = time.perf_counter()
    for _ in fit(state, corpus, record_every=1):
        if time.perf_counter() - started >= seconds:
            yield -summarise(vae, corpus, held_out_rows(state, corpus), seed=0).elbo
            started = time.perf_counter()


@torch.no_grad()
def nats(vae: EagerVAE, rows: list[torch.Tensor]) -> float:
    """Negative evidence lower bound, the mean over the rows."""
    device = next(vae.parameters()).device
    total = 0.0
    for start in range(0, len(rows), 256):
        tokens = pad_sequence(rows[start : start + 256], batch_first=True, padding_value=PAD).to(device)
        total += float(sum(vae(tokens)).sum())
    return total / len(rows)


def eager(seconds: float) -> Iterator[float]:
    """The same of the plain loop."""
    corpus, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    torch.manual_seed(0)
    vae = EagerVAE(tokenizer.size, *SIZES["base"]).to(device_of())
    rows = sequences(corpus, "valid")
    started = time.perf_counter()
    for _ in train(vae, sequences(corpus, "train"), BATCH, STEADY["learning_rate"]):
        if time.perf_counter() - started >= seconds:
            yield nats(vae, rows)
            started = time.perf_counter()


def main() -> None:
    """Write ``benchmarks/results/held_out_<device>.json``."""
    contenders = {"ours": functools.partial(ours, SECONDS), "eager": functools.partial(eager, SECONDS)}
    found = rounds.measured(contenders, ROUNDS, warmup=0)
    curves = {name: [each.value for each in of] for name, of in found.items()}
    write(
        f"held_out_{'gpu' if torch.cuda.is_available() else 'cpu'}",
        command="python -m benchmarks.held_out",
        data={"name": "moses", "rows": MOLECULES},
        seed=moses.SEED,
        budget={"seconds": SECONDS * ROUNDS, "batch": BATCH},
        figures={
            "nats": curves["ours"][-1],
            "nats_eager_fp32": curves["eager"][-1],
            "seconds": [SECONDS * (i + 1) for i in range(ROUNDS)],
            "curves": curves,
        },
    )


if __name__ == "__main__":
    main()
