"""Objectives as a search takes them: what a model predicts of molecules, what is to be low, and several together."""

import math
from collections.abc import Sequence

import numpy as np

from vaemol.oracles import Oracle, oracle_of
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError

KIND, LOW = "property:", "min:"


def objective_in(space: MoleculeSpace, name: str, *, max_heavy_atoms: int = 38) -> Oracle:
    """The oracle that a command line or ``params.yaml`` names.

    Args:
        space: A model.
        name: As ``vaemol.oracles.oracle_of`` takes it; ``property:NAME``, what the model predicts; or, after ``min:``,
            any of these that is to be low.
        max_heavy_atoms: Of ``penalised_log_p``.

    Raises:
        InputError: There is no such objective or property.
    """
    if name.startswith(LOW):
        high = objective_in(space, name.removeprefix(LOW), max_heavy_atoms=max_heavy_atoms)
        return lambda smiles: -high(smiles)
    if name.startswith(KIND):
        return predicted_by(space, name.removeprefix(KIND))
    return oracle_of(name, max_heavy_atoms=max_heavy_atoms)


def together(oracles: Sequence[Oracle]) -> Oracle:
    """Of several objectives the values of all, ``(molecules, objectives)``."""
    return lambda smiles: np.stack([each(smiles) for each in oracles], axis=1)


def predicted_by(space: MoleculeSpace, name: str) -> Oracle:
    """An oracle: the prediction of a property; nan for what the model cannot read or knows nothing like.

    Raises:
        InputError: The model does not predict it.
    """
    names = space.space.properties
    if name not in names:
        raise InputError(f"property must be one that the model predicts: {', '.join(names)}; got {name!r}")
    place = names.index(name)

    def oracle(smiles: Sequence[str]) -> np.ndarray:
        texts, found = {}, np.full(len(smiles), math.nan)
        for i, entry in enumerate(smiles):
            try:
                (texts[i],) = space.texts([entry])
            except InputError:
                continue
        if texts:
            told = space.space.predict(list(texts.values()))
            found[list(texts)] = np.where(told.inside, told.mean[:, place], math.nan)
        return found

    return oracle
