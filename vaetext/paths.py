"""Homotopies: ways from one sentence to another, and how good a way is.

References:
    Bowman et al. (2015), Generating Sentences from a Continuous Space, section 4.3 and table 8,
    https://arxiv.org/abs/1511.06349
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch import Tensor

from vaeseq.paths import PathKind
from vaeseq.steady import steady_walk
from vaeseq.walks import Walk, dense, ends_of, once, prior_ends, walk
from vaetext.evaluation import of_grammar
from vaetext.everyday import LABELS, parse
from vaetext.fluency import Fluency
from vaetext.space import SentenceSpace
from vaetext.words import units

Row = dict[str, Any]

# What the interpolate stage reads; ``vaemol.interpolation`` has the same.
SPACE = SentenceSpace
COLUMN = "text"
random_ends = prior_ends

BEAMS = 32
APART = 1  # word edits between neighbours; beyond it a homotopy is filled


class PathPoint(NamedTuple):
    """One step of a homotopy: its place, 0 to 1, and its sentence."""

    t: float
    text: str


class PathMeasures(NamedTuple):
    """How good a homotopy is.

    Attributes:
        both_ends_exact: Whether it starts and ends with the two sentences asked for.
        distinct: Distinct sentences; higher is richer.
        distinct_of: Number of steps.
        word_edits: Words put in, taken out or exchanged between neighbours, mean; lower is smoother.
    """

    both_ends_exact: bool
    distinct: int
    distinct_of: int
    word_edits: float


class Labelled(NamedTuple):
    """What the grammar of the ``everyday`` set says of one step.

    Attributes:
        parses: Whether it could have written the sentence.
        labels: ``frame``, ``tense``, ``polarity``, ``subject`` and ``topic``; empty where it could not.
        labels_changed: Of these, how many differ from the step before; None at the first step, and where one of the
            two sentences has no labels.
    """

    parses: bool
    labels: Mapping[str, str]
    labels_changed: int | None


def homotopy(
    space: SentenceSpace,
    start: str,
    end: str,
    *,
    steps: int = 9,
    kind: PathKind = "slerp",
    beams: int = BEAMS,
    most: int = 0,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[PathPoint]:
    """The way between two sentences: from and to the codes that decode to them, by sentences that are likely there.

    Args:
        space: A trained model.
        start: The sentence at t = 0.
        end: The sentence at t = 1.
        steps: Points on the path, both ends included.
        kind: As of ``vaeseq.walks.walk``.
        beams: Width of the beam search between the ends, see ``LatentSpace.decode``; 1 is greedy.
        most: Where it is above ``steps``, points are put in between neighbours that are more than one word edit apart,
            up to so many, and no sentence comes twice (``vaeseq.walks.dense``); these are never drawn.
        temperature: Above 0, sentences between the ends are drawn; it takes ``beams=1``.
        seed: Of the draws.

    Raises:
        InputError: A sentence cannot be read, there are fewer than two steps, or beams are to be drawn.
    """
    (ends,) = ends_of(space, [(start, end)])
    points = walk(space, ends, steps=steps, kind=kind, beams=beams, temperature=temperature, seed=seed)
    if most > steps:
        points = once(dense(space, ends, points, word_edits, apart=APART, most=most, kind=kind, beams=beams))
    return [PathPoint(*point) for point in points]


def steady_homotopy(
    space: SentenceSpace, start: str, end: str, *, steps: int = 9, kind: PathKind = "slerp", beams: int = BEAMS
) -> list[PathPoint]:
    """The way between two sentences in small steps, by sentences as fluent as these two; see ``vaeseq.steady``.

    A nat of what a sentence costs (``vaetext.fluency``) weighs as much as a step of one word. Arguments and errors are
    those of ``homotopy``; ``kind`` is of the way that is begun with, and ``beams`` says how many sentences each place
    of it may give.
    """
    (ends,) = ends_of(space, [(start, end)])
    return steady_between(space, ends, steps=steps, kind=kind, beams=beams)


def steady_between(
    space: SentenceSpace, ends: tuple[Tensor, Tensor], *, steps: int, kind: PathKind = "slerp", beams: int = BEAMS
) -> list[PathPoint]:
    """``steady_homotopy`` between two codes, each ``(latent,)``."""
    how = {"steps": steps, "apart": APART, "kind": kind, "beams": beams}
    points = steady_walk(space, ends, all_word_edits, Fluency(space, space.decode(torch.stack(ends))), **how)
    return [PathPoint(*point) for point in points]


def edits_to(space: SentenceSpace, sentence: str, other: str) -> float:
    """Word edits from a sentence to another; infinite where the other is none as the model would write it."""
    return word_edits(sentence, other) if space.is_normal(other) else math.inf


def measures(sentences: Sequence[str], start: str, end: str) -> PathMeasures:
    """Judge a homotopy from ``start`` to ``end``, both as the model reads them."""
    edits = [word_edits(a, b) for a, b in pairwise(sentences)]
    return PathMeasures(
        both_ends_exact=sentences[0] == start and sentences[-1] == end,
        distinct=len(set(sentences)),
        distinct_of=len(sentences),
        word_edits=sum(edits) / len(edits),
    )


def word_edits(a: str, b: str) -> int:
    """Fewest words (``vaetext.words.units``) put in, taken out or exchanged that turn one sentence into the other.

    References:
        Levenshtein (1966), Binary codes capable of correcting deletions, insertions, and reversals
    """
    return Levenshtein.distance(units(a), units(b))


def all_word_edits(texts: Sequence[str]) -> np.ndarray:
    """``word_edits`` between any two of so many sentences, ``(texts, texts)``."""
    words: dict[str, str] = {}  # each as one character, for the sake of speed
    short = ["".join(words.setdefault(word, chr(len(words))) for word in units(text)) for text in texts]
    return cdist(short, short, scorer=Levenshtein.distance, dtype=np.int32)


def labelled(sentences: Sequence[str]) -> list[Labelled]:
    """The labels of each step of a homotopy in a model of the ``everyday`` set, and how many of them change."""
    found = [parse(sentence) or {} for sentence in sentences]
    changes = [_changes(a, b) for a, b in pairwise(found)]
    return [Labelled(bool(labels), labels, change) for labels, change in zip(found, [None, *changes], strict=True)]


def _changes(a: Mapping[str, str], b: Mapping[str, str]) -> int | None:
    return sum(a[name] != b[name] for name in LABELS) if a and b else None


def steady_steps(steps: Sequence[Labelled]) -> tuple[int, int]:
    """Steps on which at most one label changes, and all steps; one next to a sentence without labels is not steady."""
    moves = [step.labels_changed for step in steps[1:]]
    return sum(change is not None and change <= 1 for change in moves), len(moves)


def identity(space: SentenceSpace, sentence: str) -> str:
    """A sentence as the space writes it.

    Raises:
        InputError: The space cannot read it.
    """
    return space.texts([sentence])[0]


def judged(walks: Sequence[Walk], metadata: Row) -> tuple[list[list[Row]], Row]:
    """Columns for every step of every walk, and figures over all walks, each fraction with its denominator."""
    paths = [[text for _, text in its.points] for its in walks]
    found = [measures(path, its.start, its.end) for path, its in zip(paths, walks, strict=True)]
    exact = [measured.both_ends_exact for measured, its in zip(found, walks, strict=True) if its.asked]
    figures = {
        "paths": len(walks),
        "both_ends_exact": fmean(exact) if exact else None,
        "both_ends_exact_of": len(exact),
        "distinct_median": median(measured.distinct for measured in found),
        "distinct_median_of": found[0].distinct_of,
        "word_edits": fmean(measured.word_edits for measured in found),
    }
    rows = [[{"t": t, "text": text} for t, text in its.points] for its in walks]
    if not of_grammar(metadata):
        return rows, figures
    steps = [labelled(path) for path in paths]
    rows = [[row | _columns(step) for row, step in zip(*pair, strict=True)] for pair in zip(rows, steps, strict=True)]
    return rows, figures | _label_figures(steps, [its.asked for its in walks])


def _columns(step: Labelled) -> Row:
    labels = {name: step.labels.get(name, "") for name in LABELS}
    return {"parses": step.parses, **labels, "labels_changed": step.labels_changed}


def _label_figures(paths: Sequence[Sequence[Labelled]], asked: Sequence[bool]) -> Row:
    steady, moves = (sum(part) for part in zip(*map(steady_steps, paths), strict=True))
    between_texts = [path for path, its in zip(paths, asked, strict=True) if its]
    between_draws = [path for path, its in zip(paths, asked, strict=True) if not its]
    return {
        **_parse_figures("parse_fraction", paths),
        **_parse_figures("parse_fraction_between_texts", between_texts),
        **_parse_figures("parse_fraction_between_draws", between_draws),
        "at_most_one_label": steady / moves,
        "at_most_one_label_of": moves,
    }


def _parse_figures(name: str, paths: Sequence[Sequence[Labelled]]) -> Row:
    parsed = [step.parses for path in paths for step in path]
    return {name: fmean(parsed) if parsed else None, f"{name}_of": len(parsed)}
