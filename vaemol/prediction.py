"""Objectives as a search takes them: what a model predicts of molecules, what is to be low, and several together."""

import math
from collections.abc import Sequence

import numpy as np

from vaemol.commanded import SECONDS
from vaemol.oracles import PROGRAM, Oracle, oracle_of
from vaemol.properties import PROPERTIES
from vaemol.space import MoleculeSpace
from vaeseq.calls import Answers
from vaeseq.errors import InputError

KIND, LOW = "property:", "min:"


def objective_in(
    space: MoleculeSpace,
    name: str,
    *,
    max_heavy_atoms: int = 38,
    seconds: float = SECONDS,
    answers: Answers | None = None,
) -> Oracle:
    """The oracle that a command line or ``params.yaml`` names.

    Args:
        space: A model.
        name: As ``vaemol.oracles.oracle_of`` takes it; ``property:NAME``, what the model predicts; or, after ``min:``,
            any of these that is to be low.
        max_heavy_atoms: Of ``penalised_log_p``.
        seconds: That a program may take for each molecule.
        answers: What programs said before, and now say; the others cost little, and may say something else: of another
            model or size.

    Raises:
        InputError: There is no such objective or property.
    """
    if name.startswith(LOW):
        settings = {"max_heavy_atoms": max_heavy_atoms, "seconds": seconds, "answers": answers}
        high = objective_in(space, name.removeprefix(LOW), **settings)
        return lambda smiles: -high(smiles)
    if name.startswith(KIND):
        return predicted_by(space, name.removeprefix(KIND))
    if name not in PROPERTIES and (head := space.space.vae.properties) and name in head.names:
        raise InputError(f"objective must be a property of molecules, {KIND}{name} is what the model predicts of them")
    oracle = oracle_of(name, max_heavy_atoms=max_heavy_atoms, seconds=seconds)
    return answers.of(name, oracle) if answers and name.startswith(PROGRAM) else oracle


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
