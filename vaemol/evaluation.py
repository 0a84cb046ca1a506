"""How molecules are judged: what the evaluate stage needs to know about them."""

import math
from collections.abc import Sequence
from typing import Any

from vaemol import metrics
from vaemol.molecule import parse, tanimoto
from vaemol.notation import to_smiles
from vaemol.properties import properties

IDENTITY = "smiles"  # the column by which two rows are the same
SIMILARITY = "tanimoto_reconstruction"
COLOURS = ("qed", "log_p", "sa_score", "molecular_weight", "rings")

Row = dict[str, Any]


def readable(texts: Sequence[str], metadata: Row) -> list[str]:
    """Canonical SMILES of texts in the model's notation; empty where a text is no molecule."""
    return [to_smiles(text, metadata["notation"]) for text in texts]


def similarity(original: str, other: str) -> float:
    """Tanimoto similarity of Morgan fingerprints; 0 where there is no molecule."""
    return tanimoto(original, other) if other else 0.0


def likelihood_per_unit(nats: float, records: Sequence[Row]) -> Row:
    """Bits per heavy atom: the same for every notation."""
    return {"bits_per_heavy_atom": nats / math.log(2) / sum(record["heavy_atoms"] for record in records)}


def sample_figures(samples: Sequence[str], training: set[str], metadata: Row) -> Row:
    """The fractions of MOSES over sampled molecules, each with its denominator."""
    fractions = {
        "validity": metrics.validity(samples),
        "uniqueness_1000": metrics.uniqueness(samples, at=1_000),
        "novelty": metrics.novelty(samples, training),
        "internal_diversity_1": metrics.internal_diversity(samples, p=1),
        "internal_diversity_2": metrics.internal_diversity(samples, p=2),
    }
    return {key: part for name, (value, of) in fractions.items() for key, part in ((name, value), (f"{name}_of", of))}


def sample_row(sample: str) -> Row:
    """A sampled molecule as a line of a table; no properties where it is invalid."""
    mol = parse(sample) if sample else None
    values = properties(mol) if mol else {}
    return {"smiles": sample, **{name: round(value, 4) for name, value in values.items()}}
