"""How fast molecules are sampled: ours, MOSES' own VAE, and the limit of the machine.

Run as ``python -m benchmarks.decoding``, with ``--moses FOLDER`` where a copy of github.com/molecularsets/moses is at
hand. Ours is trained for some hundred steps before, so that its molecules are as long as molecules are; from codes to
strings all is counted. MOSES' sampler takes a hundred steps whatever it is trained to.
"""

import functools
import statistics
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks import flops, moses, rounds
from benchmarks.record import write
from benchmarks.training import HELD_OUT, MOLECULES, STEADY, config, precision
from vaeseq.device import device_of
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

ROUNDS, STEPS, MAX_LENGTH = 7, 500, 100
TEMPERATURES = {"sampled": 1.0, "greedy": 0.0}


def trained() -> LatentSpace:
    """A space of molecules at base."""
    corpus, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    torch.manual_seed(0)
    vae = SequenceVAE.build(config("base", tokenizer.size)).to(device_of())
    state = TrainState(vae, TrainConfig(batch_size=128, **STEADY), ObjectiveConfig(), seed=0)
    next(fit(state, corpus, record_every=STEPS))
    return LatentSpace(vae, tokenizer, {"max_length": MAX_LENGTH}, latent=64, device=device_of())


def ours(temperature: float, count: int) -> Iterator[float]:
    """Molecules of each round."""
    space, seed = trained(), 0
    while True:
        seed += 1
        yield len(space.sample(count, temperature=temperature, seed=seed))


def symbols(count: int) -> Iterator[float]:
    """How many symbols such a molecule has, ``<eos>`` included."""
    space = trained()
    while True:
        texts = space.sample(count)
        yield statistics.mean(len(ids) - 1 for ids in space.tokenizer.encode_batch(texts))


def of_moses(repository: Path, count: int) -> Iterator[float]:
    """Molecules of each round of MOSES' sampler, in batches of 512."""
    vae, _ = moses.peer(repository, moses.molecules(MOLECULES), device_of())
    vae.eval()
    while True:
        yield sum(len(vae.sample(512, max_len=MAX_LENGTH)) for _ in range(count // 512))


def main() -> None:
    """Write ``benchmarks/results/speed_decoding_<device>.json``."""
    repository = moses.repository(__doc__)
    device = device_of()
    count = 30_000 if device.type == "cuda" else 4_096
    contenders: dict[str, rounds.Contender] = {
        "limit": functools.partial(flops.limit, precision(device), device),
        "length": functools.partial(symbols, 1_024),
        **{name: functools.partial(ours, temperature, count) for name, temperature in TEMPERATURES.items()},
    }
    if repository:
        contenders["moses"] = functools.partial(of_moses, repository, count if device.type == "cuda" else 1_024)
    found = rounds.measured(contenders, ROUNDS)
    length = found["length"][0].value
    _, tokenizer = moses.corpus(MOLECULES, HELD_OUT)
    work = flops.decoding(config("base", tokenizer.size), length)
    figures: dict[str, object] = {
        "molecules_per_second": rounds.rate(found["sampled"]),
        "greedy_molecules_per_second": rounds.rate(found["greedy"]),
        "fraction_of_limit": rounds.ratio(found["sampled"], found["limit"]) * work,
        "symbols": length,
        "megaflops_per_molecule": work / 1e6,
        "limit_gflops": rounds.rate(found["limit"]) / 1e9,
        "precision": str(precision(device)).removeprefix("torch."),
    }
    if repository:
        figures["moses"] = {"molecules_per_second": rounds.rate(found["moses"])}
        figures["ratio_to_moses"] = rounds.ratio(found["sampled"], found["moses"])
    write(
        f"speed_decoding_{'gpu' if device.type == 'cuda' else 'cpu'}",
        command=f"python -m benchmarks.decoding{' --moses FOLDER' if repository else ''}",
        data={"name": "moses", "rows": MOLECULES},
        seed=moses.SEED,
        budget={"rounds": ROUNDS, "molecules": count, "steps": STEPS},
        figures=figures,
    )


if __name__ == "__main__":
    main()
