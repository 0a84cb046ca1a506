"""What a model of one's own file asks of the pipeline: its parameters, from what is asked for and from the rows."""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq

from pipelines.glossary import REQUIREMENTS
from pipelines.params import SentencePrepareParams
from pipelines.prepare import survey
from pipelines.readers import rows
from pipelines.sources import Domain, Raw
from pipelines.start import SHIPPED
from vaeseq import shipped
from vaeseq.errors import InputError, shown

# Of each property that molecules are taught; it asks the model alone, which knows nothing like most draws of the prior.
SEARCH = {"method": "ascent", "start": "training", "budget": 150, "require": list(REQUIREMENTS)}
HELD, LOOKED = 0.1, 1_000  # least share of measured rows that must hold what is required; how many are looked at
WIDE = 100  # the ratio of high values to low ones from which on a model should learn the logarithm
KINDS = ("steady", "slerp", "lerp")
# What differs from the defaults of pipelines.params, as in params.yaml: tests/pipelines/test_fit.py holds it.
SETTINGS: dict[str, dict[str, dict[str, object]]] = {
    "molecules": {
        "model": {"embedding": 128, "encoder_hidden": 128, "decoder_hidden": 256, "language_hidden": 256},
        "train": {"rate": 75.0, "code_noise": 0.1, "batch_size": 64, "learning_rate": 4e-3},
        "prior": {"signal": 0.3, "steps": 1_500},
        "interpolate": {"beams": 1, "pairs": 8, "random": 4, "kinds": KINDS},
    },
    "sentences": {
        "model": {"embedding": 128, "encoder_hidden": 128, "decoder_hidden": 256, "language_hidden": 256},
        "train": {"rate": 50.0, "rate_start": 90.0, "code_noise": 0.1, "learning_rate": 8e-3},
        "prior": {"signal": 0.5, "steps": 700},
        "interpolate": {"beams": 32, "pairs": 16, "random": 8, "kinds": KINDS},
    },
}
# Fewer rows and draws than the pipeline judges by: they are to leave the time to training.
EVALUATION = {"rows": 500, "iwae_rows": 100, "iwae_samples": 10, "gap_rows": 30, "prior_samples": 500}
# Of molecules that have properties or are fewer than that, for validation and for test: the usual .05 would be too few.
HELD_OUT, FEW = 0.1, 1_000
WORDS, COVERED = 8_000, 0.97  # so many words cover so much of a corpus that is cut into words


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        file: Molecules or sentences, as ``data/README.md`` says.
        minutes: In all.
        column: Of the text; None finds it.
        properties: Names of columns that are to be predicted from a code; the report searches for high values of
            each, or after ``min:`` for low ones.
        max_words: Of a sentence; None as in ``pipelines.params``. So many more characters as words are allowed too.
        split: Of molecules, see ``pipelines.records``; None is by scaffold where there are properties, else random.
        start: The model to go on from, see ``pipelines.start``; None starts from scratch.
        seed: Of all that is random.
    """

    file: Path
    minutes: float = 15.0
    column: str | None = None
    properties: tuple[str, ...] = ()
    max_words: int | None = None
    split: Literal["random", "scaffold"] | None = None
    start: str | Path | None = None
    seed: int = 0


def settings_of(domain: Domain, asked: Asked, start: Path | None) -> dict[str, Any]:
    """What follows from what is asked for alone, as in ``params.yaml``."""
    from vaemol.prediction import KIND, LOW

    seed = {"seed": asked.seed}
    model: Mapping[str, object] = SETTINGS[domain]["model"]
    if start:
        model = {"start": shipped.NAME if start == SHIPPED[domain].folder else str(start.resolve())}
    time = min(1.0, asked.minutes / Asked.minutes)
    prior, paths = SETTINGS[domain]["prior"], SETTINGS[domain]["interpolate"]
    prior = prior | {"steps": math.ceil(prior["steps"] * time)}
    paths = paths | {name: math.ceil(paths[name] * time) for name in ("pairs", "random")}
    settings = {
        "data": {"source": f"file:{asked.file.resolve()}", "column": asked.column} | seed,
        "prepare": _read_by(domain, start),
        "model": model,
        "train": SETTINGS[domain]["train"]
        | {"properties": [name.removeprefix(LOW) for name in asked.properties]}
        | seed,
        "prior": prior | seed,
        "evaluate": EVALUATION | seed,
        "interpolate": paths | seed,
    }
    if domain == "molecules":
        settings["prepare"] |= {"split": asked.split or ("scaffold" if asked.properties else "random")} | seed
        sought = [f"{LOW if name.startswith(LOW) else ''}{KIND}{name.removeprefix(LOW)}" for name in asked.properties]
        settings["optimize"] = SEARCH | {"objectives": sought} | seed
    elif asked.max_words:
        usual = SentencePrepareParams()
        characters = math.ceil(asked.max_words * usual.max_characters / usual.max_words)
        settings["prepare"] |= {"max_words": asked.max_words, "max_characters": characters}
    return settings


def _read_by(domain: Domain, start: Path | None) -> dict[str, Any]:
    """How texts are prepared for a model."""
    if start is None:
        return {}
    from vaeseq.checkpoint import load

    told = load(start).domain
    if told.get("name") != domain:
        raise InputError(f"start must be a model of {domain}, got one of {told.get('name')!r}")
    return {name: told[name] for name in ("notation", "lower", "cut", "vocabulary") if name in told}


def read_as(domain: Domain, asked: Asked, start: Path | None, folder: Path) -> dict[str, Any]:
    """How the rows that were fetched are prepared: by how many they are, and by their columns and words.

    Raises:
        InputError: A property is no column of them, and not computed either; or it is asked for twice.
    """
    from vaemol.prediction import LOW
    from vaemol.properties import PROPERTIES

    raw = folder / "data/raw" / domain
    sizes, columns = survey(raw, Raw.load(raw))
    computed = list(PROPERTIES) if domain == "molecules" else ["words", "characters"]
    names = [name.removeprefix(LOW) for name in asked.properties]
    if unknown := [name for name in names if name not in (*columns, *computed)]:
        raise InputError(
            f"property must be a column of {asked.file.name!r}, {', '.join(columns) or 'which has none'}, or one that "
            f"is computed, {', '.join(computed)}; got {', '.join(map(shown, unknown))}"
        )
    if len(set(names)) < len(names):
        raise InputError(f"properties must be asked for once each, got {', '.join(map(shown, names))}")
    if domain == "sentences":
        return {} if start else {"vocabulary": WORDS, "cut": _cut(folder)}
    few = asked.properties or sum(sizes) < FEW
    return {"mean_of": [name for name in names if name in columns]} | (
        dict.fromkeys(("valid_fraction", "test_fraction"), HELD_OUT) if few else {}
    )


def search_of(domain: Domain, settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What the search for better molecules takes from the prepared rows: ``require``, as far as they hold it.

    Says on standard error what is not required, and which properties had better be logarithms.

    Args:
        domain: Of sentences nothing is searched.
        settings: Of that domain, as in ``params.yaml``.
        folder: Of the fit.

    Raises:
        InputError: As ``pipelines.columns.targets_of``.
    """
    from pipelines.columns import targets_of

    names, table = settings["train"]["properties"], folder / "data/prepared" / domain / "rows.parquet"
    if (targets := targets_of(table, names)) is None:
        return {}
    for name, values in zip(names, targets.T, strict=True):
        _say_wide(name, values[~np.isnan(values)])
    return {"require": _held(table, targets, settings["optimize"])} if domain == "molecules" else {}


def _say_wide(name: str, values: np.ndarray) -> None:
    low, high = np.quantile(values, (0.05, 0.95))
    if values.min() >= 0 and high > WIDE * low > 0:
        print(
            f"{shown(name)} is never negative, and from low to high values it grows {high / low:,.0f}-fold: give its "
            "logarithm, such as pIC50 of an IC50, for of the numbers themselves a model predicts some below 0",
            file=sys.stderr,
        )


def _held(table: Path, targets: np.ndarray, search: Mapping[str, Any]) -> list[str]:
    """What is required, as far as a share of the measured train rows of each property hold it and what is before it."""
    from vaemol.constraints import constraint

    rows = pq.read_table(table, columns=["smiles", "split"])
    some = np.flatnonzero((np.asarray(rows["split"]) == "train") & ~np.isnan(targets).all(axis=1))
    some = np.random.default_rng(search["seed"]).permutation(some)[:LOOKED]
    smiles, measured = np.asarray(rows["smiles"])[some].tolist(), ~np.isnan(targets[some])
    kept, holding = [], np.ones(len(some), dtype=bool)
    for text in search["require"]:
        both = holding & constraint(text)(smiles)
        if (measured[both].sum(axis=0) >= HELD * measured.sum(axis=0)).all():
            kept.append(text)
            holding = both
        else:
            print(f"the search for better molecules leaves out {text}: few of the measured hold it", file=sys.stderr)
    return kept


def _cut(folder: Path) -> str:
    """Words where a vocabulary of them covers the text, else pieces of words."""
    raw = Raw.load(folder / "data/raw/sentences")
    texts = (
        row.text for table in raw.tables for row in rows(folder / "data/raw/sentences" / table.file, table, "sentences")
    )
    return "words" if covered(texts) >= COVERED else "bpe"


def covered(texts: Iterable[str]) -> float:
    """Share of the text between spaces of every tenth row that the commonest words of the others are, by characters."""
    learnt, held_out = Counter[str](), Counter[str]()
    for number, text in enumerate(texts, start=1):
        (held_out if number % 10 == 0 else learnt).update(text.split())
    common = {word for word, _ in learnt.most_common(WORDS)}
    size = sum(len(word) * count for word, count in held_out.items())
    return sum(len(word) * count for word, count in held_out.items() if word in common) / size if size else 1.0
