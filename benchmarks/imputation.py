"""What a VAE puts into the gaps of held-out sentences: can a judge tell it from the truth, and how likely is the truth?

Run as ``python -m benchmarks.imputation MODEL``, a checkpoint folder of a model of Tatoeba's sentences, or with the
most rows of each split to take; killed, it goes on after the last part that was finished.

*Judged*, after Bowman et al. (2015, section 4.2): the last fifth of each sentence of at least six symbols is missing,
and filled by a draw from the joint posterior of code and gap, by the likeliest completion among the same particles, and
by two language models: one beside it (``Subject.twin``), and the one that its own decoder corrects, which has had as
many steps as the VAE; of each the likeliest text of a beam search of their width, and a draw from its posterior. They
compared modes. The judges (``benchmarks.judges``), each filler's own, learn from 20,000 training sentences and four
fifths of the validation sentences, are chosen by the rest of these, and judge all test sentences. The fillers have
learnt from those training sentences, and fill more of them with the truth: told beside it. Theirs learnt from 256,000,
and judged models that write from right to left, so that the end came first and nothing went before it. A control fills
with symbols drawn at random: what the judges make of that says how much they notice.

*Likelihood*: of a gap of three symbols that are at least two whole words, at a random place, given all the rest and
that the gap holds symbols that people can read. For the VAE it is the difference of two estimates, ``log p(x)`` by
importance weighting and ``log p(x_o)`` by sequential Monte Carlo (``vaeseq.imputation``). Each is too low by what its
samples miss: which by more, and so whom that flatters, shows in the same figure of a quarter of the samples, and in how
many gaps have less than no nats, which cannot be. Half of the codes of the latter are drawn from the posterior of the
whole text. That is fair: the estimate of p(x_o), still a sum over all that may stand in the gap, is unbiased whatever
its codes are drawn from. It tells the VAE nothing of the gap. Where the codes that ``log p(x)`` was found with are
missed, ``log p(x_o)`` comes out too low, and the gap seems likelier than it is. Of the language model beside it
``log p(x)`` is exact and ``log p(x_o)`` too low: that flatters it. The opponent is ``benchmarks.gap_model``.

References:
    Bowman et al. (2015), Generating Sentences from a Continuous Space, https://arxiv.org/abs/1511.06349
"""

import json
import math
import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from benchmarks import gap_model, judges
from benchmarks.bench import SEED
from benchmarks.completions import (
    LEAST,
    Fill,
    Pair,
    language_fills,
    long_enough,
    pairs,
    posterior_fills,
    random_fills,
    runs_of_words,
    without_end,
    without_run,
)
from benchmarks.judges import GRID, Kind, judged, less
from benchmarks.parts import Parts, Row
from benchmarks.subject import TRAIN, Subject
from pipelines.resume import code_of, locked, work_folder
from vaeseq.bounds import iwae
from vaeseq.corpus import choose
from vaeseq.diagnostics import batches
from vaeseq.imputation import FILLS, GUESSES, impute, observed_log_prob
from vaeseq.seeds import mixed_seed

LEARNT, SAMPLES, PARTICLES, BEAMS = 20_000, 64, 2, 15  # training sentences for the judges; what fills one sentence
GAP, GAP_WORDS, GAP_ROWS, GAP_SAMPLES, GAP_PARTICLES = 3, 2, 1_000, 128, 16
EFFECTIVE_ROWS = 500


def fooled(name: str, train: list[Pair], valid: list[Pair], test: list[Pair], vocabulary: int) -> Row:
    """Adversarial errors of both judges, and how many of the fills are the true ones; ``name`` goes before all."""
    learnt = train + [pair for i, pair in enumerate(valid) if i % 5]
    row: Row = {"judged": len(test), "judges_learnt_from": len(learnt)}
    for kind in get_args(Kind):
        verdict = judged(kind, learnt, valid[::5], test, vocabulary, seed=SEED)
        row[f"adversarial_error_{kind}"] = verdict.error
        row[f"adversarial_error_{kind}_standard_error"] = verdict.standard_error
        row[f"outcomes_{kind}"] = verdict.outcomes
        row[f"judge_{kind}"] = verdict.setting._asdict()
    for part, its in (("", test), ("_of_learnt", learnt)):
        row[f"filled_with_the_truth{part}"] = sum(true == filled for true, filled in its) / len(its)
    return {name + figure: value for figure, value in row.items()}


class Filler(NamedTuple):
    """What fills gaps.

    Attributes:
        ways: What goes before the figures of each way in which it does.
        fill: Made of a subject.
    """

    ways: tuple[str, ...]
    fill: Callable[[Subject], Fill]


def fillers() -> dict[str, Filler]:
    """All of them, by name."""
    by_language = partial(language_fills, particles=SAMPLES * PARTICLES, beams=BEAMS)
    by_model = partial(posterior_fills, samples=SAMPLES, particles=PARTICLES)
    return {
        "control": Filler(("control_",), lambda subject: random_fills(subject.corpus)),
        "model": Filler(("", "likeliest_"), lambda subject: by_model(subject.vae)),
        "twin": Filler(("twin_drawn_", "twin_"), lambda subject: by_language(subject.twin)),
        "language": Filler(("language_drawn_", "language_"), lambda subject: by_language(subject.language)),
    }


def verdict(subject: Subject, rows: int, name: str, way: int) -> Row:
    """``fooled`` of one way of one filler."""
    filler = fillers()[name]
    return fooled(filler.ways[way], *filled(subject, rows, name)[way], subject.config.vocabulary)


def filled(subject: Subject, rows: int, name: str) -> list[tuple[list[Pair], ...]]:
    """By way of filling, the pairs of training, validation and test sentences; what was filled before is kept."""
    corpus, device, fill = subject.corpus, subject.space.space.device, fillers()[name].fill(subject)
    most = {"train": min(rows, LEARNT), "valid": rows, "test": rows}
    settings = f"{subject.digest} {subject.bench.name} {SEED} {TRAIN} {SAMPLES} {PARTICLES} {BEAMS}"
    found = []
    for number, (split, count) in enumerate(most.items()):
        some = choose(long_enough(corpus, split), count, seed=SEED)
        code = code_of("vaeseq", "benchmarks.completions")
        with locked(work_folder(f"filled-{name}-{split}", f"{settings} {count}", *code)) as folder:
            found.append(pairs(corpus, some, device, fill, seed=mixed_seed(SEED, number), kept=folder / "pairs.jsonl"))
    return list(zip(*found, strict=True))


def differences(verdicts: Row) -> Row:
    """Adversarial errors of the model less those of language models, on the same sentences.

    Of draws less draws, modes less modes, and draws less the text of a beam search: what either is mostly used for.
    """
    row: Row = {}
    others = [name for name in ("twin_", "language_") if f"{name}judged" in verdicts]
    for (ours, theirs), other, kind in product((("", "drawn_"), ("likeliest_", ""), ("", "")), others, get_args(Kind)):
        name = f"{ours}less_{other}{theirs}{kind}"
        row[name], row[f"{name}_standard_error"] = less(
            verdicts[f"{ours}outcomes_{kind}"], verdicts[f"{other}{theirs}outcomes_{kind}"]
        )
    return row


def effective(subject: Subject, rows: int) -> float:
    """How many of the codes of a test sentence without its end weigh anything, in the median."""
    some = choose(long_enough(subject.corpus, "test"), min(rows, EFFECTIVE_ROWS), seed=SEED)
    device = subject.space.space.device
    generator = torch.Generator(device).manual_seed(SEED)
    codes = {"samples": SAMPLES, "particles": PARTICLES, "completions": 1, "generator": generator}
    found = [
        impute(subject.vae, without_end(whole), **codes).effective
        for whole in batches(subject.corpus, some, device, size=64)
    ]
    return float(torch.cat(found).median())


def gaps(subject: Subject, rows: int) -> Row:
    """``-log p(gap | rest)``, nats a gap: of the model, of the language model, and of the model made for gaps."""
    tokenizer, held_out = subject.space.space.tokenizer, long_enough(subject.corpus, "test").tolist()
    every = {row: runs_of_words(tokenizer, subject.corpus.sequence(row), GAP, GAP_WORDS) for row in held_out}
    some = choose(np.array([row for row, runs in every.items() if runs]), min(rows, GAP_ROWS), seed=SEED)
    parameters = sum(weight.numel() for weight in subject.vae.parameters())
    torch.manual_seed(SEED)
    opponent = gap_model.sized(subject.config, parameters, GAP)
    opponent = gap_model.trained(opponent, subject.corpus, f"{subject.digest} {subject.bench.name}", gap=GAP, seed=SEED)
    device = subject.space.space.device
    generator = torch.Generator(device).manual_seed(SEED)
    nats: dict[str, list[Tensor]] = {}
    words: list[int] = []
    for whole in batches(subject.corpus, some, device, size=16):
        runs = [every[row] for row in whole.row.tolist()]
        left, first = without_run(whole, GAP, list(map(list, runs)), generator)
        words += [its[place] for its, place in zip(runs, first.tolist(), strict=True)]
        found = {"masked_lm": opponent.gap_nats(whole.tokens, first, GAP)}
        for name, vae, samples, particles in (
            ("", subject.vae, GAP_SAMPLES, GAP_PARTICLES),
            ("of_a_quarter_of_the_samples", subject.vae, GAP_SAMPLES // 4, GAP_PARTICLES),
            ("twin", subject.twin, 1, GAP_SAMPLES * GAP_PARTICLES // 4),
        ):
            many = {"samples": samples, "particles": particles, "whole": whole.tokens}
            rest = observed_log_prob(vae, left, **many, generator=generator)
            found[name] = rest - iwae(vae, whole, samples=samples, generator=generator)
        for name, values in found.items():
            nats.setdefault(name, []).append(values)
    by_row = {name: torch.cat(values) for name, values in nats.items()}
    row: Row = {"gaps": len(some), "gap_words": sum(words) / len(words), "parameters": parameters}
    row |= {f"gaps_below_0_{name}".removesuffix("_"): float((its < 0).float().mean()) for name, its in by_row.items()}
    row["masked_lm_parameters"] = sum(weight.numel() for weight in opponent.parameters())
    for name, values in (by_row | {"less_masked_lm": by_row[""] - by_row["masked_lm"]}).items():
        figure = f"gap_nats_{name}".removesuffix("_")
        row |= {figure: float(values.mean()), f"{figure}_standard_error": float(values.std()) / math.sqrt(len(values))}
    return row


def main(folder: Path, rows: int) -> None:
    """Write ``benchmarks/results/imputation_tatoeba.json``."""
    subject = Subject.of(folder)
    parts = Parts(
        "imputation_tatoeba",
        command="python -m benchmarks.imputation MODEL",
        data={"name": subject.bench.name, "rows": len(subject.corpus), "model": subject.digest},
        seed=SEED,
        budget={
            "judges_learn_from": LEARNT,
            "samples": SAMPLES,
            "particles": PARTICLES,
            "beams": BEAMS,
            "twin_steps": TRAIN.steps,
            "gaps": GAP_ROWS,
            "gap_samples": GAP_SAMPLES,
            "gap_particles": GAP_PARTICLES,
            "gap_model_steps": gap_model.STEPS,
        },
    )
    settings = f"{subject.digest} {rows} {SEED} {TRAIN}"
    judging = f"{settings} {LEARNT} {LEAST} {SAMPLES} {PARTICLES} {BEAMS} {FILLS} {GUESSES} {GRID} {judges.PACE}"
    verdicts: Row = {}
    for name, filler in fillers().items():
        if name == "language" and not subject.vae.language:
            continue
        for way, figures in enumerate(filler.ways):
            part = f"{figures}judged"
            verdicts |= parts.several(part, judging, partial(verdict, subject, rows, name, way))
    parts.take("effective_codes", f"{judging} {EFFECTIVE_ROWS}", partial(effective, subject, rows))
    parts.several("differences", json.dumps(verdicts), partial(differences, verdicts))
    of_gaps = f"{settings} {GAP} {GAP_WORDS} {GAP_ROWS} {GAP_SAMPLES} {GAP_PARTICLES} {FILLS} {GUESSES}"
    of_opponent = f"{gap_model.STEPS} {gap_model.BATCH} {gap_model.RATE} {gap_model.DROPOUT}"
    parts.several("gaps", f"{of_gaps} {of_opponent}", partial(gaps, subject, rows))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, *rest] if len(rest) < 2:
            main(Path(folder), int(rest[0]) if rest else sys.maxsize)
        case _:
            sys.exit("usage: python -m benchmarks.imputation MODEL [ROWS]")
