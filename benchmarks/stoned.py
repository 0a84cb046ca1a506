"""Paths between molecules without any training, as in STONED: symbols of SELFIES exchanged one by one.

References:
    Nigam et al. (2021), Beyond generative models: superfast traversal, optimization, novelty, exploration and discovery
    (STONED) algorithm for molecules using SELFIES, section "chemical paths", https://doi.org/10.1039/D1SC00231G
"""

from itertools import zip_longest

import numpy as np

from vaemol.notation import symbols, to_smiles, to_text

NOTHING = "[nop]"


def stoned_path(start: str, end: str, *, seed: int = 0) -> list[str]:
    """Canonical SMILES from one molecule to another, neighbours that are one molecule once.

    Both are written in SELFIES, the shorter filled with symbols that say nothing, and where they differ the symbol of
    the start is exchanged for that of the end, in random order.
    """
    pair = [symbols(to_text(smiles, "selfies"), "selfies") for smiles in (start, end)]
    now, wanted = (list(side) for side in zip(*zip_longest(*pair, fillvalue=NOTHING), strict=True))
    path = [start]
    for place in np.random.default_rng(seed).permutation(len(now)):
        now[place] = wanted[place]
        smiles = to_smiles("".join(now), "selfies")
        if smiles != path[-1]:
            path.append(smiles)
    return path
