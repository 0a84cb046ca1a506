"""Chains of molecules: from those that were met between two, the smoothest way from one to the other."""

import numpy as np

POWER = 4.0  # above 1, so that two short steps are better than one as long as both; of 2, jumps are left (LOG.md)


def smoothest(alike: np.ndarray, costs: np.ndarray, *, power: float = POWER) -> list[int]:
    """The way of least ``sum (1 - similarity of neighbours) ** power + cost``, on which every step leads on.

    A step leads on where what the molecule has of the end, less what it has of the start, grows: similarity to the end
    less similarity to the start.

    Args:
        alike: Similarities of any two molecules, ``(molecules, molecules)``; the first is the start, the second the
            end, unlike the start.
        costs: Of going by each molecule, ``(molecules,)``; those of the ends do not matter.
        power: See above; with 1 the two ends alone are a shortest way where nothing costs less than nothing.

    Returns:
        The places of the two ends and of the chosen ones between, in order.

    References:
        Dijkstra (1959), https://doi.org/10.1007/BF01386390; without circles as here, one pass in order is enough
    """
    progress = alike[1] - alike[0]
    between = [i for i in np.argsort(progress, kind="stable") if progress[0] < progress[i] < progress[1]]
    order = np.array([0, *between, 1])
    paid = costs[order]
    paid[[0, -1]] = 0
    steps = (1 - alike[np.ix_(order, order)]) ** power + paid
    leads_on = progress[order][:, None] < progress[order]
    steps[~leads_on] = np.inf
    total, before = np.zeros(len(order)), np.zeros(len(order), int)
    for place in range(1, len(order)):
        ways = total[:place] + steps[:place, place]
        before[place] = ways.argmin()
        total[place] = ways[before[place]]
    way = [len(order) - 1]
    while way[-1]:
        way.append(int(before[way[-1]]))
    return order[way[::-1]].tolist()
