"""What a proposal must hold: parts kept, windows of properties and objectives, no alerts.

A constraint is a function from canonical SMILES to whether each holds it; no text that is no molecule holds any.
"""

import functools
import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rdkit.Chem import Mol
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from vaemol.filters import kept_patterns, passes
from vaemol.modifiers import holds, pattern_of
from vaemol.molecule import parse, scaffold, shared
from vaemol.oracles import Oracle, oracle_of, range_of
from vaeseq.asking import in_pieces
from vaeseq.errors import InputError

Constraint = Callable[[Sequence[str]], np.ndarray]

ALERTS = {
    "pains": FilterCatalogParams.FilterCatalogs.PAINS,  # Baell and Holloway, 2010, https://doi.org/10.1021/jm901137j
    "brenk": FilterCatalogParams.FilterCatalogs.BRENK,  # Brenk et al., 2008, https://doi.org/10.1002/cmdc.200700139
}
FORMS = "smarts:PATTERN, scaffold:SMILES, alerts:pains, alerts:brenk, filters:FOLDER, NAME>=NUMBER or NAME<=NUMBER"
_WINDOW = re.compile(r"(.+?)\s*(>=|<=)\s*([^<>=]+)")


class Window(NamedTuple):
    """One side of what a property or objective may be: ``sign * value >= sign * bound``, with a sign of 1 or -1."""

    name: str
    sign: int
    bound: float


def constraint(text: str, *, named: Callable[[str], Oracle] = oracle_of) -> Constraint:
    """The constraint that a command line names.

    Args:
        text: ``smarts:PATTERN`` is in it; ``scaffold:SMILES``, that molecule's Murcko scaffold, is in it;
            ``alerts:pains`` and ``alerts:brenk``, it has none of these alerts; ``filters:FOLDER``, it passes the
            filters of MOSES that a folder of ``vaemol.reference`` holds; ``NAME>=NUMBER`` and ``NAME<=NUMBER``, of a
            property or objective.
        named: The property or objective of a name.

    Raises:
        InputError: It is none of these, or what it names cannot be read.
    """
    if window := _window(text):
        oracle = in_pieces(named(window.name))
        return lambda smiles: window.sign * oracle(smiles) >= window.sign * window.bound  # nan is not
    kind, _, what = text.strip().partition(":")
    match kind:
        case "smarts" if what:
            pattern_of(what)
            return _every(functools.partial(holds, smarts=what))
        case "scaffold":
            core = _scaffold(what)
            return _every(lambda mol: mol.HasSubstructMatch(core))
        case "alerts" if what in ALERTS:
            return _every(lambda mol: not _alerts(what).HasMatch(mol))
        case "filters" if what:
            return _every(functools.partial(passes, patterns=kept_patterns(Path(what))))
    raise InputError(f"constraint must be {FORMS}, got {text!r}")


def all_of(texts: Sequence[str], *, named: Callable[[str], Oracle] = oracle_of) -> Constraint:
    """Holds where every constraint (see ``constraint``) does; without any, of every molecule.

    Raises:
        InputError: One is no constraint, or leaves no room in the range of its values, or two leave none between them.
    """
    windows = [(window, text) for text in texts if (window := _window(text))]
    for window, text in windows:
        low, high = range_of(window.name)
        if window.bound > high if window.sign > 0 else window.bound < low:
            raise InputError(f"constraint must be one that a molecule can hold, {low:g} to {high:g}, got {text!r}")
    for (least, text), (most, other) in itertools.permutations(windows, 2):
        if least.name == most.name and least.sign > most.sign and least.bound > most.bound:
            raise InputError(f"constraints must not exclude each other, got {text!r} and {other!r}")
    found = [_every(lambda _: True), *(constraint(text, named=named) for text in sorted(texts, key=_cost))]

    def held(smiles: Sequence[str]) -> np.ndarray:
        holding = np.ones(len(smiles), dtype=bool)
        for each in found:
            left = np.flatnonzero(holding)
            if left.size:
                holding[left] = each([smiles[i] for i in left])
        return holding

    return held


def kept(smiles: Sequence[str], admits: Constraint | None) -> list[str]:
    """Those that hold a constraint, in order; all without one."""
    if admits is None or not smiles:
        return list(smiles)
    return [text for text, held in zip(smiles, admits(smiles), strict=True) if held]


def _cost(text: str) -> int:
    """How long it takes to see whether a molecule holds it: what is cheap comes first, and spares the rest."""
    slow = text.strip().startswith(("alerts:pains", "filters:"))  # hundreds of patterns; a millisecond and more
    return 2 if "command:" in text else int(slow)


def _window(text: str) -> Window | None:
    if not (found := _WINDOW.fullmatch(text.strip())):
        return None
    name, side, number = found.groups()
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise InputError(f"constraint must end in a number, got {text!r}")
    return Window(name, 1 if side == ">=" else -1, bound)


def _every(holding: Callable[[Mol], float]) -> Constraint:
    return lambda smiles: np.array([mol is not None and holding(mol) for mol in map(shared, smiles)], dtype=bool)


def _scaffold(smiles: str) -> Mol:
    mol = parse(smiles)
    core = scaffold(mol) if mol else ""
    if not core:
        raise InputError(f"scaffold must be that of a molecule with a ring, got {smiles!r}")
    return parse(core)


@functools.cache
def _alerts(name: str) -> FilterCatalog:
    return FilterCatalog(FilterCatalogParams(ALERTS[name]))
