"""How fast a sequence VAE trains on MOSES: ours, the plain eager loop, MOSES' own VAE, and the limit of the machine.

Run as ``python -m benchmarks.training``, with ``--moses FOLDER`` where a copy of github.com/molecularsets/moses is at
hand. All take batches of 512, as MOSES does; each runs in a process of its own, a round of each after the other.
"""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks import flops, moses, rounds
from benchmarks.eager import EagerVAE, train
from benchmarks.record import write
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.device import autocast, device_of
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

BATCH, MOLECULES, HELD_OUT, ROUNDS = 512, 200_000, 2_000, 7
STEADY = {"steps": 10**9, "warmup": 0.0, "evaluate_every": 10**9, "evaluate_rows": HELD_OUT, "learning_rate": 1e-3}
SIZES = {  # embedding, encoder (each direction), decoder, latent
    "base": (64, 256, 512, 64),
    "small": (64, 128, 256, 32),
    "equal": (64, 384, 768, 64),  # as many parameters as MOSES' VAE, 4.5 million
}


def config(size: str, vocabulary: int) -> VAEConfig:
    """Our model at one of the sizes."""
    embedding, encoder, decoder, latent = SIZES[size]
    return VAEConfig(vocabulary, latent, embedding, EncoderConfig(hidden=encoder), DecoderConfig(hidden=decoder))


def ours(size: str, steps: int) -> Iterator[float]:
    """Molecules of each round of so many steps."""
    corpus, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    torch.manual_seed(0)
    vae = SequenceVAE.build(config(size, tokenizer.size)).to(device_of())
    state = TrainState(vae, TrainConfig(batch_size=BATCH, **STEADY), ObjectiveConfig(), seed=0)
    for _ in fit(state, corpus, record_every=steps):
        yield steps * BATCH


def eager(steps: int) -> Iterator[float]:
    """The same of the plain loop at base."""
    corpus, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    torch.manual_seed(0)
    vae = EagerVAE(tokenizer.size, *SIZES["base"]).to(device_of())
    taken = train(vae, sequences(corpus, "train"), BATCH, STEADY["learning_rate"])
    while True:
        yield sum(itertools.islice(taken, steps))


def sequences(corpus: Corpus, split: str) -> list[torch.Tensor]:
    """The rows as the plain loop takes them."""
    return [torch.from_numpy(corpus.sequence(row).astype("int64")) for row in corpus.rows(split)]


def of_moses(repository: Path, steps: int) -> Iterator[float]:
    """The same of MOSES' VAE under its own trainer."""
    texts = moses.molecules(MOLECULES)
    vae, trainer = moses.peer(repository, texts, device_of())
    for i in itertools.count():
        chosen = texts[i * steps * BATCH :][: steps * BATCH]
        trainer.fit(vae, chosen)
        yield len(chosen)


def precision(device: torch.device) -> torch.dtype:
    """What ``auto`` trains in here."""
    with autocast(device, "auto"):
        return torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32


def main() -> None:
    """Write ``benchmarks/results/speed_training_<device>.json``."""
    repository = moses.repository(__doc__)
    device = device_of()
    more = 20 if device.type == "cuda" else 1
    contenders: dict[str, rounds.Contender] = {
        "limit": functools.partial(flops.limit, precision(device), device),
        "base": functools.partial(ours, "base", 6 * more),
        "small": functools.partial(ours, "small", 16 * more),
        "equal": functools.partial(ours, "equal", 3 * more),
        "eager": functools.partial(eager, 3 * more),
    }
    if repository:
        contenders["moses"] = functools.partial(of_moses, repository, more)
    found = rounds.measured(contenders, ROUNDS)
    corpus, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    symbols = float(corpus.lengths.mean())
    each = {size: flops.training(config(size, tokenizer.size), symbols) for size in SIZES}
    base = rounds.rate(found["base"])
    figures: dict[str, object] = {
        "molecules_per_second": base,
        "tokens_per_second": base * symbols,
        "fraction_of_limit": rounds.ratio(found["base"], found["limit"]) * each["base"],
        "ratio_to_eager_fp32": rounds.ratio(found["base"], found["eager"]),
        "moses_epoch_seconds": moses.TRAIN / base,
        "limit_gflops": rounds.rate(found["limit"]) / 1e9,
        "precision": str(precision(device)).removeprefix("torch."),
        "eager": {"molecules_per_second": rounds.rate(found["eager"])},
    }
    for size in SIZES:
        vae = SequenceVAE.build(config(size, tokenizer.size))
        figures[size] = {
            "molecules_per_second": rounds.rate(found[size]),
            "fraction_of_limit": rounds.ratio(found[size], found["limit"]) * each[size],
            "parameters": sum(weight.numel() for weight in vae.parameters()),
            "megaflops_per_molecule": each[size] / 1e6,
        }
    if repository:
        vae, _ = moses.peer(repository, moses.molecules(MOLECULES), torch.device("cpu"))
        figures["moses"] = {
            "molecules_per_second": rounds.rate(found["moses"]),
            "parameters": sum(weight.numel() for weight in vae.vae.parameters()),
            "megaflops_per_molecule": flops.moses_training(len(vae.vocabulary), symbols) / 1e6,
        }
        figures |= {
            "ratio_to_moses": rounds.ratio(found["base"], found["moses"]),
            "ratio_to_moses_equal_parameters": rounds.ratio(found["equal"], found["moses"]),
            "ratio_to_moses_small": rounds.ratio(found["small"], found["moses"]),
        }
    write(
        f"speed_training_{'gpu' if device.type == 'cuda' else 'cpu'}",
        command=f"python -m benchmarks.training{' --moses FOLDER' if repository else ''}",
        data={"name": "moses", "rows": MOLECULES},
        seed=moses.SEED,
        budget={"rounds": ROUNDS, "batch": BATCH},
        figures=figures,
    )


if __name__ == "__main__":
    main()
