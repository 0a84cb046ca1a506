"""What a search found, as tables and figures: its best molecules, how their properties shifted, and what it cost."""

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow.parquet as pq

from pipelines.columns import targets_of
from vaemol.constraints import Constraint, kept
from vaemol.molecule import parse
from vaemol.neighbours import Neighbours
from vaemol.prediction import KIND, LOW
from vaemol.properties import PROPERTIES, properties
from vaemol.space import MoleculeSpace
from vaeseq.calls import best_calls
from vaeseq.errors import InputError
from vaeseq.fronts import beaten_share, on_front
from vaeseq.rounds import Call

NEIGHBOURS = 50_000  # training molecules, chosen at random, that the best are compared with
SHIFTED = ("qed", "log_p", "molecular_weight", "tpsa", "sa_score", "rings")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Row = dict[str, Any]
Searches = Sequence[list[Call]]  # the calls of each seed


class Training(NamedTuple):
    """The training rows of a row table.

    Attributes:
        table: The row table.
        smiles: The molecule of each row.
        neighbours: Each molecule once, at most ``NEIGHBOURS``, chosen by chance.
        properties: The values of all rows, by name of the property.
    """

    table: Path
    smiles: np.ndarray
    neighbours: Neighbours
    properties: dict[str, np.ndarray]

    @classmethod
    def load(cls, table: Path, seed: int) -> Self:
        """Read them."""
        rows = pq.read_table(table, columns=["smiles", *PROPERTIES], filters=[("split", "=", "train")])
        smiles = np.asarray(rows["smiles"])
        chosen = np.random.default_rng(seed).permutation(np.unique(smiles))[:NEIGHBOURS].tolist()
        return cls(table, smiles, Neighbours(chosen), {name: rows[name].to_numpy() for name in PROPERTIES})

    def measured(self, objective: str) -> np.ndarray | None:
        """An objective as it was measured in each row, nan where it was not; None where it is no column of them.

        What is to be low is negated, as it is in a search.
        """
        if objective.startswith(LOW):
            values = self.measured(objective.removeprefix(LOW))
            return None if values is None else -values
        if objective in PROPERTIES:
            return self.properties[objective]
        if objective.startswith(KIND):
            split = np.asarray(pq.read_table(self.table, columns=["split"])["split"])
            return targets_of(self.table, [objective.removeprefix(KIND)])[split == "train", 0]
        return None

    def best(self, objective: str) -> float | None:
        """The highest value that was measured in these rows; None where there is none."""
        values = self.measured(objective)
        return None if values is None else float(np.nanmax(values))

    def first(self, objective: str, count: int, seed: int, admits: Constraint) -> list[str]:
        """Admitted molecules of the best measured values, the best first; by chance where none was measured.

        Raises:
            InputError: No row is admitted.
        """
        values = self.measured(objective)
        if values is None:
            values = np.random.default_rng(seed).random(len(self.smiles))
        order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
        ranked, found = iter(dict.fromkeys(self.smiles[order].tolist())), []
        while len(found) < count and (chunk := list(islice(ranked, 10 * count))):
            found += kept(chunk, admits)
        if not found:
            raise InputError("optimize.require must be held by a training row to start from, none of them does")
        return found[:count]

    def new(self, searches: Searches) -> Searches:
        """The same calls without those for a molecule of these rows."""
        known = set(self.smiles.tolist())
        return [[call for call in calls if call.text not in known] for calls in searches]


def best_found(searches: Searches, count: int) -> list[Call]:
    """The calls of the highest values of all seeds, the best first, each molecule once."""
    return best_calls(list({call.text: call for calls in searches for call in calls}.values()), count)


def front_found(searches: Searches) -> list[Call]:
    """The molecules of all seeds that no other beats, the best of the first objective first."""
    calls = list({call.text: call for its in searches for call in its}.values())
    held = on_front(_values(calls))
    return sorted((call for call, best in zip(calls, held, strict=True) if best), key=lambda call: -call.parts[0])


def _values(calls: Sequence[Call]) -> np.ndarray:
    """Of several objectives, ``(calls, objectives)``."""
    return np.array([call.parts for call in calls]) if calls else np.empty((0, 1))


def described(calls: Sequence[Call], training: Training) -> list[Row]:
    """Of each molecule its properties and the training molecule that is most like it."""
    nearest = [training.neighbours.nearest(call.text) for call in calls]
    return [
        {key: round(value, 4) for key, value in properties(parse(call.text)).items()}
        | {"nearest_training": neighbour, "nearest_training_similarity": round(similarity, 4)}
        for call, (neighbour, similarity) in zip(calls, nearest, strict=True)
    ]


def digits(value: float) -> float:
    """Six of a value of any size: what is measured in moles a litre is small."""
    return float(f"{value:.6g}")


def deviations(space: MoleculeSpace, objective: str, calls: Sequence[Call]) -> list[float | str]:
    """How sure the model is of what it predicts of each molecule; '' where the objective is no prediction."""
    named = objective.removeprefix(LOW)
    if not named.startswith(KIND) or not calls:
        return [""] * len(calls)
    place = space.space.properties.index(named.removeprefix(KIND))
    told = space.space.predict(space.texts([call.text for call in calls]))
    return [digits(each) for each in told.deviation[:, place].tolist()]


def shifts(objective: str, best: Sequence[Call], drawn: Searches, training: Training) -> list[Row]:
    """Quantiles of the usual properties, of training rows, of random draws of the prior, and of the best found."""
    groups = {
        "training": training.properties,
        "random": _properties(call.text for calls in drawn for call in calls),
        "best": _properties(call.text for call in best),
    }
    return [
        {"objective": objective, "property": name, "molecules": group, "count": len(values[name])}
        | {f"q{100 * q:02.0f}": f"{np.quantile(values[name], q):.5g}" for q in QUANTILES}
        for name in SHIFTED
        for group, values in groups.items()
        if len(values[name])
    ]


def _properties(smiles: Iterable[str]) -> dict[str, np.ndarray]:
    mols = [parse(text) for text in smiles]
    return {name: np.array([PROPERTIES[name](mol) for mol in mols], dtype=np.float64) for name in SHIFTED}


def medians(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """The middle of each property by molecules, from rows of ``shifts``."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row["molecules"], {})[row["property"]] = float(row["q50"])
    return found


def figures(searched: Searches, drawn: Searches, new: Searches, initial: int) -> Row:
    """What a search reached and cost, beside random draws on the same budget; ``top_10`` is a mean over seeds.

    Args:
        searched: All its calls.
        drawn: Those of random draws.
        new: Of its calls those that count as found.
        initial: Calls that it learnt from first.
    """
    found: Row = _cost("", searched) | _cost("random_", drawn)
    for prefix, searches in (("", new), ("random_", drawn)):
        tens = [fmean(call.value for call in best) for calls in searches if (best := best_calls(calls, 10))]
        found[f"{prefix}best"] = max((call.value for call in best_found(searches, 1)), default=None)
        found[f"{prefix}top_10"] = fmean(tens) if tens else None
        if len(searches) > 1 and tens:
            found |= {f"{prefix}top_10_least": min(tens), f"{prefix}top_10_most": max(tens)}
    start = best_found([calls[:initial] for calls in searched], 1)
    without = sum(math.isnan(call.value) for calls in searched for call in calls)
    return found | {"best_at_start": start[0].value if start else None, "without_value": without}


def front_figures(searched: Searches, drawn: Searches, new: Searches) -> Row:
    """How much of either front the other beats, and what both cost; arguments as of ``figures``."""
    ours, theirs = (_values([call for calls in its for call in calls]) for its in (new, drawn))
    return {
        "on_front": len(front_found(new)),
        "random_on_front": len(front_found(drawn)),
        "random_front_beaten": beaten_share(theirs, by=ours),
        "front_beaten": beaten_share(ours, by=theirs),
        **_cost("", searched),
        **_cost("random_", drawn),
    }


def _cost(prefix: str, searches: Searches) -> Row:
    seconds = sum(calls[-1].seconds for calls in searches if calls)
    return {f"{prefix}calls": sum(map(len, searches)), f"{prefix}seconds": round(seconds, 1)}
