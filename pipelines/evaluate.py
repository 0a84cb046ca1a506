"""Stage: what the model of one domain is worth, on training and held-out rows and on draws of its prior."""

from pipelines.stage import run

import importlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from pipelines.columns import targets_of
from pipelines.params import EvaluateParams, domain_params
from vaeseq.bounds import log_mean
from vaeseq.calibration import quality
from vaeseq.corpus import SPLITS, Corpus, choose
from vaeseq.diagnostics import information_rows, language_by_row, log_weights_by_row, summarise
from vaeseq.files import write_table, write_whole
from vaeseq.manifold import grid
from vaeseq.model import SequenceVAE
from vaeseq.posteriors import GaussianHead
from vaeseq.priors import StandardNormalPrior
from vaeseq.refinement import gap_by_row
from vaeseq.space import LatentSpace

# Both modules say, for their domain, what a unit of text is, when two texts are equal, and what makes a good sample.
EVALUATION = {"molecules": "vaemol.evaluation", "sentences": "vaetext.evaluation"}
MAP_ROWS = 1_000
# The same whatever the prior, and the same whatever the codes.
_OF_NO_PRIOR = ("reconstruction", "active_units", "mutual_information", "language")
_OF_NO_CODE = ("language",)
SIDE = {"molecules": 10, "sentences": 6}  # of the grid of codes of a plane: a sentence takes more room than a picture

Row = dict[str, Any]


def main(domain: str) -> None:
    """Write ``reports/<domain>/evaluate.json`` and the tables beside it."""
    params: EvaluateParams = domain_params(domain).evaluate
    prepared, out = Path("data/prepared", domain), Path("reports", domain, "evaluate")
    space, corpus = LatentSpace.load(Path("models", domain)), Corpus.load(prepared)
    table = pq.read_table(prepared / "rows.parquet")
    evaluation = importlib.import_module(EVALUATION[domain])
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Row] = {}
    reconstructions: list[Row] = []
    chosen = {split: choose(corpus.rows(split), params.rows, seed=params.seed) for split in SPLITS}
    for split, rows in chosen.items():
        if len(rows):
            records = table.take(rows).to_pylist()
            outcome = _reconstruct(space, records, evaluation)
            figures[split] = (
                _likelihood(space, corpus, rows, records, params, evaluation)
                | _left_behind(space.vae.as_trained(), corpus, rows, params)
                | _fractions(space, outcome, evaluation)
            )
            reconstructions += [{"split": split, **row} for row in outcome]
    training = set(table.column(evaluation.IDENTITY).filter(_is_train(table)).to_pylist())
    samples: list[str] = []
    for suffix, vae in _by_prior(space.vae).items():
        drawn = space.of(vae).sample(params.prior_samples, seed=params.seed)
        samples = evaluation.readable(drawn, space.metadata)
        figures[f"prior{suffix}"] = evaluation.sample_figures(samples, training, space.metadata)
    write_table(out / "samples.csv", [evaluation.sample_row(sample) for sample in samples])
    write_table(out / "reconstructions.csv", reconstructions)
    if space.vae.properties:
        qualities, predictions = _predicted(space, prepared, corpus, params, evaluation)
        write_table(out / "properties.csv", qualities)
        write_table(out / "predictions.csv", predictions)
        figures["properties"] = _nested(qualities)
    write_table(out / "latent_map.csv", _latent_map(space, table, chosen, evaluation))
    # Another prior fills other cells.
    if space.latent == 2 and isinstance(space.vae.as_trained().prior, StandardNormalPrior):
        write_table(out / "manifold.csv", _manifold(space, SIDE[domain], evaluation))
    # Last: it says that all of it is there.
    write_whole(Path("reports", domain, "evaluate.json"), json.dumps(figures, indent=2) + "\n")


def _by_prior(vae: SequenceVAE) -> dict[str, SequenceVAE]:
    """The model with the prior of training, and with the one fitted afterwards if there is one, as it is used."""
    return {"": vae.as_trained()} | ({"_fitted": vae} if vae.trained_prior else {})


def _is_train(table: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    return np.asarray(table.column("split")) == "train"


def _likelihood(
    space: LatentSpace,
    corpus: Corpus,
    rows: np.ndarray,
    records: list[Row],
    params: EvaluateParams,
    evaluation: ModuleType,
) -> Row:
    """Bounds, nats per sequence and per unit of text, and the collapse diagnostics; ``_fitted``: of a fitted prior.

    What the weighted bound is compared with is taken of its own rows, which are fewer than those of the rest.
    """
    weighted = choose(rows, params.iwae_rows, seed=params.seed)
    samples = 1 if space.vae.discrete else params.iwae_samples  # of a discrete code all are one
    texts, figures = [records[i] for i in np.searchsorted(rows, weighted)], {}
    language = language_by_row(space.vae, corpus, weighted) if space.vae.language else None
    for suffix, vae in _by_prior(space.vae).items():
        summary = summarise(vae, corpus, rows, seed=params.seed).figures()
        log_weights = log_weights_by_row(vae, corpus, weighted, samples=samples, seed=params.seed)
        bound = log_mean(log_weights)
        summary |= {"iwae": float(bound.mean()), **evaluation.likelihood_per_unit(-float(bound.sum()), texts)}
        summary["iwae_less_elbo"] = float((bound - log_weights.mean(dim=0)).mean())
        summary |= {} if language is None else _paired("iwae_less_language", bound - language)
        said = _OF_NO_PRIOR if suffix and vae.signal == 1 else _OF_NO_CODE if suffix else ()
        figures |= {f"{name}{suffix}": value for name, value in summary.items() if name not in said}
    return {
        **figures,
        "mutual_information_cap": math.log(information_rows(space.vae, len(rows))),
        "active_units_of": space.latent,
        "rows": len(rows),
        "iwae_samples": samples,
        "iwae_rows": len(weighted),
    }


def _paired(name: str, differences: Tensor) -> Row:
    """The mean of differences, and its standard error, which one row does not have."""
    rows = len(differences)
    error = {f"{name}_standard_error": float(differences.std()) / math.sqrt(rows)} if rows > 1 else {}
    return {name: float(differences.mean()), **error}


def _left_behind(vae: SequenceVAE, corpus: Corpus, rows: np.ndarray, params: EvaluateParams) -> Row:
    """What the encoder leaves of the bound, nats per sequence; only of a Gaussian, which can be refined."""
    if not isinstance(vae.encoder.head, GaussianHead):
        return {}
    gaps = gap_by_row(vae, corpus, choose(rows, params.gap_rows, seed=params.seed), seed=params.seed)
    return {"amortisation_gap": float(gaps.mean()), "amortisation_gap_rows": len(gaps)}


def _reconstruct(space: LatentSpace, records: list[Row], evaluation: ModuleType) -> list[Row]:
    """Posterior mean, one greedy pass."""
    decoded = space.reconstruct([record["text"] for record in records])
    readable = evaluation.readable(decoded, space.metadata)
    return [
        {
            "original": record[evaluation.IDENTITY],
            "reconstruction": text,
            "exact": record[evaluation.IDENTITY] == text,
            "similarity": evaluation.similarity(record[evaluation.IDENTITY], text),
            "symbols": _agreement(*space.tokenizer.encode_batch([record["text"], raw])),
        }
        for record, raw, text in zip(records, decoded, readable, strict=True)
    ]


def _agreement(original: Sequence[int], decoded: Sequence[int]) -> float:
    """Share of the original's symbols, the end included, that stand at the same place in the decoded text."""
    return sum(a == b for a, b in zip(original[1:], decoded[1:], strict=False)) / (len(original) - 1)


def _fractions(space: LatentSpace, outcome: list[Row], evaluation: ModuleType) -> Row:
    def mean(name: str) -> float:
        return sum(float(row[name]) for row in outcome) / len(outcome)

    return {
        "exact_reconstruction": mean("exact"),
        "exact_reconstruction_of": len(outcome),
        "token_reconstruction": mean("symbols"),
        evaluation.SIMILARITY: mean("similarity"),
    }


def _predicted(
    space: LatentSpace, prepared: Path, corpus: Corpus, params: EvaluateParams, evaluation: ModuleType
) -> tuple[list[Row], list[Row]]:
    """How right predicted properties are by split, and each row's that is known, nan where it is not measured."""
    head, table = space.vae.properties, prepared / "rows.parquet"
    targets, texts = targets_of(table, head.names), pq.read_table(table, columns=["text", evaluation.IDENTITY])
    qualities, predictions = [], []
    known = ~np.isnan(targets).all(axis=1)
    for split in SPLITS:
        rows = choose(np.flatnonzero(known & (corpus.split == SPLITS.index(split))), params.rows, seed=params.seed)
        if not len(rows):
            continue
        records = texts.take(rows).to_pylist()
        told = space.predict([record["text"] for record in records])
        measured = torch.from_numpy(targets[rows])
        for i, name in enumerate(head.names):
            found = quality(told.mean[:, i], told.deviation[:, i], measured[:, i])
            qualities.append({"property": name, "split": split, **found._asdict()})
            predictions += [
                {"property": name, "split": split, "text": record[evaluation.IDENTITY], "measured": true}
                | {"predicted": mean, "deviation": deviation, "inside": inside}
                for record, true, mean, deviation, inside in zip(
                    records,
                    measured[:, i].tolist(),
                    told.mean[:, i].tolist(),
                    told.deviation[:, i].tolist(),
                    told.inside.tolist(),
                    strict=True,
                )
                if true == true
            ]
    return qualities, predictions


def _nested(qualities: list[Row]) -> Row:
    """The same figures by property and split, without those that are nan."""
    found: Row = {}
    for row in qualities:
        known = {name: value for name, value in row.items() if name not in ("property", "split") and value == value}
        found.setdefault(row["property"], {})[row["split"]] = known
    return found


def _latent_map(space: LatentSpace, table: Any, chosen: dict[str, np.ndarray], evaluation: ModuleType) -> list[Row]:  # noqa: ANN401 - pyarrow has no types
    """First two principal components of the posterior means."""
    rows = np.concatenate([choose(chosen[split], MAP_ROWS // 2, seed=0) for split in ("train", "valid")])
    records = table.take(rows).to_pylist()
    means = space.encode([record["text"] for record in records]).mean.double().numpy()
    centred = means - means.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    places = np.pad(centred @ directions[:2].T, ((0, 0), (0, max(0, 2 - space.latent))))
    colours = [name for name in evaluation.COLOURS if name in table.column_names]
    return [
        {
            "split": record["split"],
            "text": record[evaluation.IDENTITY],
            "x": round(float(x), 4),
            "y": round(float(y), 4),
            **{name: record[name] for name in colours},
        }
        for record, (x, y) in zip(records, places, strict=True)
    ]


def _manifold(space: LatentSpace, side: int, evaluation: ModuleType) -> list[Row]:
    """What the codes of ``vaeseq.manifold.grid`` decode to greedily."""
    codes = grid(side)
    texts = evaluation.readable(space.decode(codes), space.metadata)
    return [
        {"row": i // side, "column": i % side, "z_1": round(x, 4), "z_2": round(y, 4), "text": text}
        for i, ((x, y), text) in enumerate(zip(codes.tolist(), texts, strict=True))
    ]


if __name__ == "__main__":
    run(main)
