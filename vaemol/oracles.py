"""What optimisation asks: functions from a list of SMILES to an array of one value each.

Higher is better; nan where a molecule has no value, as for one that does not parse.
"""

import functools
import math
from collections.abc import Callable, Sequence
from difflib import get_close_matches

import numpy as np
from rdkit.Chem import Mol

from vaemol import modifiers, properties
from vaemol.commanded import SECONDS, CommandOracle
from vaemol.commanded import FunctionOracle as FunctionOracle  # where whoever has a function looks for it
from vaemol.molecule import fingerprint, shared
from vaemol.pmo import TASKS
from vaeseq.asking import Oracle
from vaeseq.errors import InputError

# Mean and standard deviation of logP, SA score and ring penalty over ZINC250k, as published penalised logP uses them:
# You et al., 2018, https://github.com/bowenliu16/rl_graph_generation/blob/030b3f46bd372667fdc5314b57a1afa7462623dc
# /gym-molecule/gym_molecule/envs/molecule.py (reward_penalized_log_p)
LOG_P_ZINC = (2.4570953396190123, 1.434324401111988)
SA_SCORE_ZINC = (3.0525811293166134, 0.8335207024513095)
RING_PENALTY_ZINC = (0.0485696876403053, 0.2860212110245455)
PROGRAM = "command:"  # what the name of a program's oracle begins with


def qed(smiles: Sequence[str]) -> np.ndarray:
    """Drug-likeness, 0 to 1 (``vaemol.properties.qed``); nan for an invalid molecule. Shape (molecules,)."""
    return values(properties.qed, smiles)


def penalised_log_p(smiles: Sequence[str], max_heavy_atoms: int = 38) -> np.ndarray:
    """The logP less the SA score less what the largest ring has above six atoms, each in standard units of ZINC250k.

    value = (logP - 2.46) / 1.43 - (SA - 3.05) / 0.834 - (max(largest ring - 6, 0) - 0.0486) / 0.286

    Rings are those of rdkit, a smallest set of smallest ones. Published code takes ``networkx.cycle_basis``, whose
    rings can be larger in bridged and peri-fused systems, as the order of the atoms has it: 2 atoms in adamantane.

    Long greasy chains raise it without end. So a molecule of more than ``max_heavy_atoms``, by default the size of the
    largest of ZINC250k, has no value: nan, as for an invalid one. The best of ZINC250k has 4.52. Shape (molecules,).

    References:
        Gómez-Bombarelli et al., 2018, https://arxiv.org/abs/1610.02415; Kusner et al., 2017,
        https://arxiv.org/abs/1703.01925; constants: You et al., 2018, https://arxiv.org/abs/1806.02473
    """
    return values(functools.partial(_penalised_log_p, max_heavy_atoms=max_heavy_atoms), smiles)


def similarity_to(target: str) -> Oracle:
    """An oracle: Tanimoto similarity to ``target``, 0 to 1.

    Raises:
        InputError: ``target`` is no molecule.
    """
    return _similar(target, fingerprint)


def rediscovery_of(target: str) -> Oracle:
    """An oracle: similarity to ``target`` by counts of ECFP4, 0 to 1, as PMO's tasks of that name have it.

    Raises:
        InputError: ``target`` is no molecule.
    """
    return _similar(target, modifiers.ecfp4)


def isomers_of(formula: str) -> Oracle:
    """An oracle: how near a molecule comes to a formula, 0 to 1 (``vaemol.modifiers.isomers``).

    Raises:
        InputError: ``formula`` is none.
    """
    modifiers.atoms_of(formula)
    return functools.partial(values, functools.partial(modifiers.isomers, formula=formula))


def holders_of(smarts: str) -> Oracle:
    """An oracle: 1 where the pattern is in the molecule, 0 where it is not.

    Raises:
        InputError: ``smarts`` is no pattern.
    """
    modifiers.pattern_of(smarts)
    return functools.partial(values, functools.partial(modifiers.holds, smarts=smarts))


def oracle_of(name: str, *, max_heavy_atoms: int = 38, seconds: float = SECONDS) -> Oracle:
    """The oracle of a property or an objective, as a command line or ``params.yaml`` names it.

    Args:
        name: One of ``vaemol.properties.PROPERTIES`` or ``vaemol.pmo.TASKS``, ``penalised_log_p``,
            ``similarity:SMILES``, ``rediscovery:SMILES``, ``isomers:FORMULA``, ``smarts:PATTERN`` or
            ``command:PROGRAM`` (``vaemol.commanded``).
        max_heavy_atoms: Molecules above this size have no penalised logP, which would otherwise grow without end.
        seconds: That a program may take for each molecule.

    Raises:
        InputError: There is neither of that name, or what follows the colon is no molecule, formula or pattern.
    """
    kind, _, given = name.partition(":")
    match kind:
        case "penalised_log_p" if not given:
            return functools.partial(penalised_log_p, max_heavy_atoms=max_heavy_atoms)
        case "similarity" if given:
            return similarity_to(given)
        case "rediscovery" if given:
            return rediscovery_of(given)
        case "isomers" if given:
            return isomers_of(given)
        case "smarts" if given:
            return holders_of(given)
        case "command" if given:
            return CommandOracle(given, seconds=seconds)
    named = properties.PROPERTIES | TASKS
    if name in named:
        return functools.partial(values, named[name])
    near = get_close_matches(name.lower(), [*named, "penalised_log_p"], 1)
    raise InputError(
        f"objective must be qed, penalised_log_p, another property ({', '.join(properties.PROPERTIES)}), a task of PMO "
        "(vaemol.pmo.TASKS), similarity:SMILES, rediscovery:SMILES, isomers:FORMULA, smarts:PATTERN or "
        f"command:PROGRAM, got {name!r}" + "".join(f"; is it {its}?" for its in near)
    )


def range_of(name: str) -> tuple[float, float]:
    """The least and the largest value of what ``oracle_of`` names, as far as its definition sets any."""
    if name == "qed" or name in TASKS or name.partition(":")[0] in ("similarity", "rediscovery", "isomers", "smarts"):
        return 0.0, 1.0
    return (1.0, 10.0) if name == "sa_score" else (-math.inf, math.inf)


def _similar(target: str, kind: modifiers.Fingerprint) -> Oracle:
    modifiers.of_reference(kind, target)
    return functools.partial(values, functools.partial(modifiers.similarity, target=target, fingerprint=kind))


def values(function: Callable[[Mol], float], smiles: Sequence[str]) -> np.ndarray:
    """Of each molecule by a function; nan for an invalid one. Shape (molecules,)."""
    mols = map(shared, smiles)
    return np.array([math.nan if mol is None else function(mol) for mol in mols], dtype=np.float64)


def _penalised_log_p(mol: Mol, max_heavy_atoms: int) -> float:
    if mol.GetNumHeavyAtoms() > max_heavy_atoms:
        return math.nan
    largest = max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0)
    log_p = _standard(properties.log_p(mol), LOG_P_ZINC)
    sa_score = _standard(properties.sa_score(mol), SA_SCORE_ZINC)
    return log_p - sa_score - _standard(max(largest - 6, 0), RING_PENALTY_ZINC)


def _standard(value: float, moments: tuple[float, float]) -> float:
    mean, deviation = moments
    return (value - mean) / deviation
