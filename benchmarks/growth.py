"""How time and memory grow with rows, length and hidden size, as figures and as a picture.

Run as ``python -m benchmarks.growth`` after ``python -m benchmarks.preparing``, whose sizes it shows too. Training and
decoding take random texts of one length at base (``benchmarks/training.py``), each point in a process of its own; the
widths of encoder and decoder grow together. Memory is that of the whole process, libraries included.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks import footprint
from benchmarks.record import RESULTS, read, write
from benchmarks.training import SIZES, STEADY
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState
from vaeseq.tokenizer import EOS, Tokenizer
from vaeseq.training import fit

BATCH, STEPS, TEXTS, ROUNDS = 64, 5, 512, 5
BASE_ROWS, BASE_LENGTH, BASE_HIDDEN = 10_000, 40, SIZES["base"][2]
ROWS, LENGTHS, HIDDEN = (10_000, 100_000, 1_000_000), (20, 40, 80, 160, 320), (128, 256, 512, 1_024)
SYMBOLS = [f"[{i}]" for i in range(30)]
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "latentpath"}


def model(hidden: int) -> tuple[SequenceVAE, Tokenizer]:
    """Base at another width, untrained, whose texts never end."""
    tokenizer = Tokenizer.of_symbols(SYMBOLS, r"\[[^\]]*\]")
    embedding, _, _, latent = SIZES["base"]
    config = VAEConfig(
        tokenizer.size, latent, embedding, EncoderConfig(hidden=hidden // 2), DecoderConfig(hidden=hidden)
    )
    torch.manual_seed(0)
    vae = SequenceVAE.build(config)
    with torch.no_grad():
        vae.decoder.bias[EOS] = -1e4
    return vae, tokenizer


def training(rows: int, length: int, hidden: int) -> Iterator[float]:
    """Rounds of some steps within a pass."""
    vae, tokenizer = model(hidden)
    random = np.random.default_rng(0)
    tokens = random.integers(tokenizer.size - len(SYMBOLS), tokenizer.size, rows * length, dtype=np.uint8)
    split = np.full(rows, SPLITS.index("train"), np.uint8)
    split[:BATCH] = SPLITS.index("valid")
    corpus = Corpus(tokens, np.arange(0, rows * length + 1, length), split)
    state = TrainState(vae, TrainConfig(batch_size=BATCH, **STEADY), ObjectiveConfig(), seed=0)
    for _ in fit(state, corpus, record_every=STEPS):
        yield STEPS


def decoding(length: int, hidden: int) -> Iterator[float]:
    """Rounds of texts sampled from the prior."""
    vae, tokenizer = model(hidden)
    space = LatentSpace(vae, tokenizer, {"max_length": length}, latent=SIZES["base"][3], device=torch.device("cpu"))
    while True:
        yield len(space.sample(TEXTS))


def curve(x: Sequence[int], contenders: Sequence[functools.partial[Iterator[float]]]) -> dict[str, Any]:
    """Seconds for each step or text and peak memory at each of ``x``, and the power of ``x`` that time grows with."""
    found = [footprint.of(contender, ROUNDS) for contender in contenders]
    seconds = [each.seconds / each.value for each in found]
    return {"x": list(x), "seconds": seconds, "peak_rss_gb": [e.peak_rss_gb for e in found], "power": power(x, seconds)}


def power(x: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds over log ``x`` between the last two points."""
    return math.log(seconds[-1] / seconds[-2]) / math.log(x[-1] / x[-2])


def main() -> None:
    """Write ``benchmarks/results/growth_cpu.json`` and ``growth_cpu.svg``."""
    preparing = read(RESULTS / "speed_preparing_cpu.json")["figures"]["growth"]
    train, decode = functools.partial(training), functools.partial(decoding)
    figures = {
        "training_rows": curve(ROWS, [functools.partial(train, rows, BASE_LENGTH, BASE_HIDDEN) for rows in ROWS]),
        "training_length": curve(LENGTHS, [functools.partial(train, BASE_ROWS, x, BASE_HIDDEN) for x in LENGTHS]),
        "training_hidden": curve(HIDDEN, [functools.partial(train, BASE_ROWS, BASE_LENGTH, x) for x in HIDDEN]),
        "decoding_length": curve(LENGTHS, [functools.partial(decode, x, BASE_HIDDEN) for x in LENGTHS]),
        "decoding_hidden": curve(HIDDEN, [functools.partial(decode, BASE_LENGTH, x) for x in HIDDEN]),
    }
    write(
        "growth_cpu",
        command="python -m benchmarks.growth",
        data={"name": "random texts"},
        seed=0,
        budget={"rounds": ROUNDS, "steps": STEPS, "batch": BATCH, "texts": TEXTS},
        figures=figures,
    )
    draw(preparing, figures, RESULTS / "growth_cpu.svg")


def draw(preparing: dict[str, Any], figures: dict[str, Any], path: Path) -> None:
    """The picture: time above, memory below, against rows, length and hidden size."""
    by_rows = (
        ("preparing, all rows (s)", preparing),
        ("training, 1,000 steps (s)", _times(figures["training_rows"], 1e3)),
    )
    columns = [
        ("rows", ROWS, by_rows),
        ("symbols of a text", LENGTHS, _by(figures, "length")),
        ("hidden size of the decoder", HIDDEN, _by(figures, "hidden")),
    ]
    with mpl.rc_context(STYLE):
        picture = Figure(figsize=(9.5, 5.2), layout="constrained")
        for (time, memory), (label, ticks, curves) in zip(picture.subplots(2, 3, sharex="col").T, columns, strict=True):
            for name, each in curves:
                time.plot(each["x"], each["seconds"], "o-", markersize=4, label=name)
                memory.plot(each["x"], each["peak_rss_gb"], "o-", markersize=4)
            first = curves[0][1]
            ends = np.array([first["x"][0], first["x"][-1]])
            time.plot(ends, first["seconds"][-1] * ends / ends[-1], "k:", linewidth=1, label="in proportion")
            time.set(xscale="log", yscale="log", ylabel="time")
            time.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            time.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            time.yaxis.set_major_formatter("{x:,g}")
            time.minorticks_off()
            time.legend(frameon=False, fontsize=7.5)
            memory.set(xlabel=label, ylabel="peak memory (GB)", ylim=(0, None))
            for place in (time, memory):
                place.grid(alpha=0.3)
        picture.savefig(path, metadata={"Date": None})


def _by(figures: dict[str, Any], what: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (
        ("training, a step of 64 texts (ms)", _times(figures[f"training_{what}"], 1e3)),
        ("decoding, a text (ms)", _times(figures[f"decoding_{what}"], 1e3)),
    )


def _times(curve: dict[str, Any], factor: float) -> dict[str, Any]:
    return curve | {"seconds": [factor * seconds for seconds in curve["seconds"]]}


if __name__ == "__main__":
    main()
