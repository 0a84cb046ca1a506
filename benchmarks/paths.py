"""Paths between sentences that are unlike: do they begin and end where they are asked to, and what lies between?

Run as ``python -m benchmarks.paths MODEL``, a checkpoint folder of a model of Tatoeba's sentences. The pairs are
500 of its held-out sentences of at most 20 words whose ends differ by at least 8 word edits; each path has 11 points.

The rows: *steady*, between codes that decode to the sentences, a chain of small steps by sentences on the way that
are as fluent (``vaetext.paths.steady_homotopy``); *plain*, on the same way what each of 11 codes decodes to by beam
search; *straight line*, greedy texts between the means of the posteriors, as Bowman et al. (2015,
https://arxiv.org/abs/1511.06349) walk.

Perplexity is by a 5-gram model of the training sentences, over words and ends, of the sentences between the ends.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench import Bench
from benchmarks.parts import Parts
from benchmarks.subject import digest_of_folder
from vaeseq import steady
from vaeseq.paths import path
from vaeseq.tokenizer import RESERVED, UNK
from vaetext.metrics import ORDER
from vaetext.ngram import NgramModel
from vaetext.paths import APART, BEAMS, homotopy, steady_homotopy, word_edits
from vaetext.sentence import word_count
from vaetext.space import SentenceSpace

PAIRS, SEED, STEPS = 500, 0, 11
MOST_WORDS, LEAST_EDITS = 20, 8
Pair = tuple[str, str]
SEARCHED = {  # what the texts of a row depend on besides the points
    "steady": f" {BEAMS} {APART} {steady.PLACES} {steady.BETWEEN} {steady.ROUNDS} {steady.WIDEST}",
    "plain": f" {BEAMS}",
    "straight_line": "",
}


def pairs(held_out: Sequence[str], count: int = PAIRS) -> Iterator[Pair]:
    """Sentences that are not long, and unlike, at random; none is in two pairs."""
    short = [text for text in held_out if word_count(text) <= MOST_WORDS]
    order = np.random.default_rng(SEED).permutation(len(short)).tolist()
    while count and len(order) > 1:
        start = short[order.pop()]
        place = next((i for i in order if word_edits(start, short[i]) >= LEAST_EDITS), None)
        if place is not None:
            order.remove(place)
            yield start, short[place]
            count -= 1


def ways(space: SentenceSpace) -> dict[str, Callable[[Pair], list[str]]]:
    """What makes the path of each row."""
    return {
        "steady": lambda pair: [point.text for point in steady_homotopy(space, *pair, steps=STEPS)],
        "plain": lambda pair: [point.text for point in homotopy(space, *pair, steps=STEPS)],
        "straight_line": lambda pair: space.decode(path(*space.encode(pair).mean, STEPS, "lerp")),
    }


def figures_of(
    paths: Sequence[Sequence[str]], some: Sequence[Pair], language: NgramModel, real: float
) -> dict[str, Any]:
    """Shares and medians over the paths.

    Args:
        paths: Sentences of the points of each.
        some: The two sentences that each was to join, as the model writes them.
        language: Judges what lies between.
        real: Perplexity of held-out sentences under it.
    """
    exact = [(its[0], its[-1]) == pair for its, pair in zip(paths, some, strict=True)]
    lengths = [
        sum(word_edits(a, b) for a, b in pairwise(its)) / word_edits(*pair)
        for its, pair in zip(paths, some, strict=True)
    ]
    between = [text for its in paths for text in its[1:-1]]
    fluency = language.perplexity(between)
    return {
        "both_ends_exact": sum(exact) / len(exact),
        "distinct_median": median(len(set(its)) for its in paths),
        "paths_of_8_distinct": sum(len(set(its)) >= 8 for its in paths) / len(paths),
        "length_ratio_median": median(lengths),
        "perplexity_ratio": fluency.value / real,
        "unseen_words": fluency.unseen / fluency.of,
        "empty": sum(not text for text in between) / len(between),
        "with_unknown": sum(RESERVED[UNK] in text for its in paths for text in its),
    }


def main(folder: Path) -> None:
    """Write ``benchmarks/results/paths_tatoeba.json``."""
    space, bench = SentenceSpace.load(folder), Bench.of("tatoeba")
    held_out = bench.texts("test", len(bench.corpus))
    language = NgramModel(bench.texts("train", len(bench.corpus)), order=ORDER)
    real = language.perplexity(held_out).value
    some = [tuple(space.texts(pair)) for pair in pairs(held_out)]
    told = {"both_ends_exact_unrefined": sum(tuple(space.reconstruct(pair)) == pair for pair in some) / len(some)}
    model = digest_of_folder(folder)
    parts = Parts(
        "paths_tatoeba",
        command="python -m benchmarks.paths MODEL",
        data={"name": "tatoeba", "rows": len(some), "model": model},
        seed=SEED,
        budget={"pairs": len(some), "steps": STEPS, "beams": BEAMS},
    )

    def judged(way: Callable[[Pair], list[str]]) -> dict[str, Any]:
        return figures_of([way(pair) for pair in some], some, language, real) | told

    for name, way in ways(space).items():
        settings = f"{name} {len(some)} {STEPS} {MOST_WORDS} {LEAST_EDITS} {SEED} {model}{SEARCHED[name]}"
        parts.take(name, settings, partial(judged, way))
    parts.take("perplexity_of_text", f"{len(some)}", lambda: real)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder]:
            main(Path(folder))
        case _:
            sys.exit("usage: python -m benchmarks.paths MODEL")
