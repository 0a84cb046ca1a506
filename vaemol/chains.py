"""Chains of molecules: from those that were met between two, the smoothest way from one to the other."""

from collections.abc import Sequence

import numpy as np
from rdkit import DataStructs

from vaemol.molecule import fingerprint, parse

POWER = 2.0  # above 1, so that two short steps are better than one as long as both


def chain(candidates: Sequence[str], start: str, end: str, *, power: float = POWER) -> list[str]:
    """The way of least ``sum (1 - similarity of neighbours) ** power``, on which every step leads on.

    A step leads on where what the molecule has of the end, less what it has of the start, grows: similarity to the end
    less similarity to the start. Tanimoto similarity of Morgan fingerprints (``vaemol.molecule.fingerprint``).

    Args:
        candidates: SMILES of molecules to choose from, in any order; the ends may be among them.
        start: SMILES of the molecule where the chain begins.
        end: SMILES of the molecule where it ends, unlike the start.
        power: See above; with 1 the two ends alone are a shortest way.

    Returns:
        The two ends and the chosen ones between, in order.

    References:
        Dijkstra (1959), https://doi.org/10.1007/BF01386390; without circles as here, one pass in order is enough
    """
    texts = [start, *dict.fromkeys(text for text in candidates if text not in (start, end)), end]
    bits = [fingerprint(parse(text)) for text in texts]
    alike = np.array([DataStructs.BulkTanimotoSimilarity(its, bits) for its in bits])
    progress = alike[-1] - alike[0]
    order = [i for i in np.argsort(progress, kind="stable") if progress[0] < progress[i] < progress[-1]]
    order = [0, *order, len(texts) - 1]
    costs, before = np.zeros(len(texts)), {}
    for place, i in enumerate(order[1:], start=1):
        earlier = [j for j in order[:place] if progress[j] < progress[i] or not j]
        ways = costs[earlier] + (1 - alike[i, earlier]) ** power
        costs[i], before[i] = ways.min(), earlier[int(ways.argmin())]
    way = [len(texts) - 1]
    while way[-1]:
        way.append(before[way[-1]])
    return [texts[i] for i in reversed(way)]
