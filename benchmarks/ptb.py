"""The Penn Treebank: a VAE of its sentences and the language model of the same decoder, by importance weighting.

Run as ``python -m benchmarks.ptb``; killed, it goes on where it was. By running it you accept the licence of the data,
see ``data/README.md``. Perplexity is ``exp(nats / (words + ends))`` over the 3,761 test sentences, each by itself, as
in He et al. (2019) and Li et al. (2019). What was chosen was chosen on the validation sentences: the settings, and with
few samples which prior is tested, the standard normal of training or one fitted to the codes afterwards.

Both go on from one language model, for as many steps of one schedule: the VAE with a code besides, its twin without.
The VAE is asked for a rate, and a little of it in each dimension costs nothing, so that none dies. The decoder of both
has what the literature gives language models: tied embeddings, weight drop, locked dropout, averaging. They are tested
with the averaged weights of the last step.

References:
    He et al. (2019), https://arxiv.org/abs/1901.05534
    Li et al. (2019), https://arxiv.org/abs/1909.00868
    Merity, Keskar and Socher (2018), https://arxiv.org/abs/1708.02182
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

from benchmarks.corpora import ptb
from benchmarks.record import write
from benchmarks.runs import digest_of, trained, with_prior
from pipelines.resume import locked, work_folder
from vaeseq.bounds import iwae
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.device import autocast
from vaeseq.diagnostics import summarise
from vaeseq.fitting import FitConfig
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState

SEED, SAMPLES, CHOOSING, LATENT, ROWS = 0, 500, 5, 32, 256
ENCODER = EncoderConfig(hidden=128, dropout=0.3)
DECODER = DecoderConfig(hidden=512, dropout=0.5, input_dropout=0.3, weight_drop=0.3)
BOTH = TrainConfig(
    steps=8_000, batch_size=64, learning_rate=2e-3, average=0.999, evaluate_every=1_000, evaluate_rows=3_370
)
EACH = replace(BOTH, steps=9_000, learning_rate=1.5e-3)
AIM = ObjectiveConfig(rate=10.0, free_bits=0.12)
FITTED, PACE = PriorConfig("autoregressive", components=4, hidden=256), FitConfig(steps=3_000)


def words_and_ends(corpus: Corpus, rows: np.ndarray) -> int:
    """What perplexity is per."""
    return int((corpus.lengths[rows] - 1).sum())


def last(state: TrainState) -> TrainState:
    """The state with the averaged weights of its end, however near the rate it is there."""
    state.vae.load_state_dict(state.averaged, strict=False)
    return state


def weighted_nats(vae: SequenceVAE, corpus: Corpus, split: str, samples: int) -> float:
    """``-log p(x)`` of all rows of a split together, by the importance-weighted bound, on all cores."""
    vae.eval()
    count = sum(1 for _ in corpus.in_order(corpus.rows(split), ROWS))
    with locked(work_folder("ptb-weighted", f"{digest_of(vae)} {split} {samples}")) as folder:
        kept = folder / "nats.csv"  # a line for each batch
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
        found = {int(i): float(nats) for i, nats in (line.split(",") for line in lines)}
        left = [i for i in reversed(range(count)) if i not in found]  # the longest first
        for i, nats in zip(left, _spread(partial(_nats, vae, corpus, split, samples), left), strict=True):
            found[i] = nats
            with kept.open("a", encoding="utf-8") as file:
                file.write(f"{i},{nats!r}\n")
    return sum(found.values())


def _nats(vae: SequenceVAE, corpus: Corpus, split: str, samples: int, number: int) -> float:
    """Of one batch."""
    device = next(vae.parameters()).device
    rows = list(corpus.in_order(corpus.rows(split), ROWS))[number]
    generator = torch.Generator(device).manual_seed(number)
    with autocast(device, "auto"):
        return -float(iwae(vae, corpus.batch(rows, device), samples=samples, generator=generator).sum())


def _spread(ask: Callable[[int], float], numbers: Sequence[int]) -> Iterator[float]:
    """The answers in order, on a CPU by a process of one thread for each core."""
    if torch.cuda.is_available():
        yield from map(ask, numbers)
        return
    with ProcessPoolExecutor(
        mp_context=get_context("forkserver"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        yield from pool.map(ask, numbers)


def main() -> None:
    """Write ``benchmarks/results/ptb.json``."""
    corpus, vocabulary = ptb()
    config = VAEConfig(vocabulary, LATENT, 256, ENCODER, DECODER)
    no_code = replace(config, latent=0)
    start = last(trained("ptb-start", no_code, BOTH, ObjectiveConfig(), corpus, seed=SEED)).vae
    twin = last(trained("ptb-twin", no_code, EACH, ObjectiveConfig(), corpus, seed=SEED + 1, start=start))
    state = last(trained("ptb", config, EACH, AIM, corpus, seed=SEED, start=start))
    fitted = with_prior(state.vae, config, FITTED, corpus, PACE, seed=SEED)
    candidates = {"standard_normal": state.vae, "fitted": fitted}
    valid = words_and_ends(corpus, corpus.rows("valid"))
    seen = {name: math.exp(weighted_nats(vae, corpus, "valid", CHOOSING) / valid) for name, vae in candidates.items()}
    chosen = min(seen, key=seen.__getitem__)
    test = corpus.rows("test")
    count, summary = words_and_ends(corpus, test), summarise(candidates[chosen], corpus, test, seed=SEED)
    nats, of_twin = (weighted_nats(vae, corpus, "test", n) for vae, n in ((candidates[chosen], SAMPLES), (twin.vae, 1)))
    write(
        "ptb",
        command="python -m benchmarks.ptb",
        data={"name": "ptb", "rows": len(corpus)},
        seed=SEED,
        budget={"steps": BOTH.steps + EACH.steps, "seconds": state.seconds, "twin_seconds": twin.seconds},
        figures={
            "importance_weighted_perplexity": math.exp(nats / count),
            "importance_weighted_nats": nats / len(test),
            "samples": SAMPLES,
            "elbo_nats": -summary.elbo,
            "kl": summary.kl,
            "active_units": round(summary.active_units * LATENT),
            "mutual_information": summary.mutual_information,
            "mutual_information_cap": math.log(len(test)),
            "twin_perplexity": math.exp(of_twin / count),
            "twin_nats": of_twin / len(test),
            "words_and_ends": count,
            "prior": chosen,
            "validation_perplexity": seen,
            "validation_samples": CHOOSING,
            "validation_twin_perplexity": math.exp(weighted_nats(twin.vae, corpus, "valid", 1) / valid),
            "parameters": sum(weight.numel() for weight in candidates[chosen].parameters()),
            "twin_parameters": sum(weight.numel() for weight in twin.vae.parameters()),
        },
    )


if __name__ == "__main__":
    main()
