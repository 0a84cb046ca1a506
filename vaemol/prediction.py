"""What a model predicts of molecules, as an objective."""

import math

import numpy as np

from vaemol.oracles import Oracle, objective
from vaemol.space import MoleculeSpace
from vaeseq.errors import InputError

KIND = "property:"


def objective_in(space: MoleculeSpace, name: str, *, max_heavy_atoms: int = 38) -> Oracle:
    """As ``vaemol.oracles.objective``, or with ``property:NAME`` what the model of a space predicts.

    Raises:
        InputError: There is no such objective or property.
    """
    if name.startswith(KIND):
        return predicted_by(space, name.removeprefix(KIND))
    return objective(name, max_heavy_atoms=max_heavy_atoms)


def predicted_by(space: MoleculeSpace, name: str) -> Oracle:
    """An oracle: the prediction of a property; nan for what the model cannot read or knows nothing like.

    Raises:
        InputError: The model does not predict it.
    """
    names = space.space.properties
    if name not in names:
        raise InputError(f"property must be one that the model predicts: {', '.join(names)}; got {name!r}")
    place = names.index(name)

    def oracle(smiles: list[str]) -> np.ndarray:
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


def climbs(objective_name: str) -> str:
    """The property that predicts an objective, if a model has it: the one of ``property:NAME``, or of the same name."""
    return objective_name.removeprefix(KIND)
