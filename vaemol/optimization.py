"""Better molecules in few oracle calls, by several methods."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, get_args

from vaemol.breeding import Genetic
from vaemol.constraints import Constraint
from vaemol.oracles import Oracle
from vaemol.pool import PoolTexts
from vaemol.prediction import LOW
from vaemol.rereadable import Rereadable
from vaemol.space import MoleculeSpace
from vaemol.structure import Structural
from vaeseq.ascent import Ascent
from vaeseq.errors import InputError
from vaeseq.fronts import Weighed
from vaeseq.retraining import Retrained
from vaeseq.rounds import Call, Propose, SearchConfig, searched
from vaeseq.search import Bayesian, PriorTexts
from vaeseq.space import LatentSpace

Method = Literal[
    "structural", "structural_without_space", "bayesian", "retraining", "ascent", "genetic", "random_prior"
]


def optimize(
    space: MoleculeSpace,
    oracle: Oracle,
    config: SearchConfig,
    *,
    method: Method = "structural",
    seed: int = 0,
    calls: Sequence[Call] = (),
    start: Iterable[str] = (),
    lead: str = "",
    climbing: str = "",
    admits: Constraint | None = None,
    several: bool = False,
    weights: Sequence[float] = (),
) -> Iterator[list[Call]]:
    """Molecules that the oracle likes, round by round; see ``vaeseq.rounds.searched``.

    Molecules are asked for once each, as canonical SMILES. All methods start with the same molecules.

    Args:
        space: A trained model.
        oracle: From SMILES to one value each, higher is better, nan for none; a function that may raise is better given
            as a ``vaemol.oracles.FunctionOracle``.
        config: The budget.
        method: ``structural``: a Gaussian process over structures chooses among what the space and a genetic algorithm
            propose, so that half of all calls, those of the start among them, are of the space
            (``vaemol.structure``); ``structural_without_space``: among the latter alone;
            ``bayesian``: one over codes chooses among codes (``vaeseq.search``); ``retraining``: the same, while the
            model learns from what was found (``vaeseq.retraining``); ``ascent``: codes climb what the model predicts
            of ``climbing`` (``vaeseq.ascent``); ``genetic``: mutation and crossover of graphs (``vaemol.breeding``);
            ``random_prior``: as at the start.
        seed: Two runs with the same seed ask for the same molecules.
        calls: What an earlier run with the same arguments has paid for.
        start: Molecules to start with, by chance, all of them where they are fewer than the first round; without any,
            greedy decodings of draws from the prior.
        lead: The one of these that comes first, canonical, whether it is admitted or not.
        climbing: A property that the model predicts, for ``ascent``; after ``min:`` one to be low.
        admits: What a molecule must hold to be asked for; nothing is paid for the others.
        several: The oracle answers for several objectives at once (``vaeseq.fronts``): a Pareto front is sought.
        weights: Of several objectives, where not their front but their largest sum by these is sought.

    Raises:
        InputError: The method is unknown, or climbs what the model does not predict; or nothing to start with is
            admitted, or can be read by the model whose codes the method needs.

    Yields:
        The calls of each round, once they are answered.
    """
    readable = Rereadable(space, admits)
    pool = list(start)
    source = PoolTexts(pool, seed, admits, lead=lead) if pool else PriorTexts(readable, seed)
    if pool:
        first = source.first(config.initial)
        config = replace(config, initial=len(first))
        if method in CODED:
            _say_unread(readable, source, first, method)
    match method:
        case "structural" | "structural_without_space":
            # Half of all calls, where the first are none of them.
            share = min(1.0, 0.5 * config.budget / max(1, config.budget - config.initial))
            share = share if method == "structural" else 0.0
            propose = Structural(readable, source, seed=seed, share=share, admits=admits)
        case "bayesian":
            propose = Bayesian(readable, source, config, seed)
        case "retraining":

            def search(learnt: LatentSpace) -> Propose:
                return Bayesian(Rereadable(MoleculeSpace(learnt), admits), source, config, seed)

            propose = Retrained(space.space, readable.texts, search, seed)
        case "ascent":
            name = climbed(space, climbing)
            propose = Ascent(readable, space.space.vae.properties, name, source, seed, down=name != climbing)
        case "genetic":
            propose = Genetic(source, seed, admits)
        case "random_prior":
            propose = source
        case other:
            raise InputError(f"method must be one of {', '.join(METHODS)}, got {other!r}")
    return searched(Weighed(propose, seed, weights) if several else propose, oracle, config, calls=calls)


def climbed(space: MoleculeSpace, climbing: str) -> str:
    """The property that ``ascent`` climbs, without ``min:``.

    Raises:
        InputError: The model does not predict it.
    """
    if (name := climbing.removeprefix(LOW)) not in space.space.properties:
        raise InputError(
            f"ascent must climb what the model predicts: {', '.join(space.space.properties)}; got {climbing!r}"
        )
    return name


def _say_unread(space: Rereadable, pool: PoolTexts, first: Sequence[str], method: Method) -> None:
    unread = sum(not space.reads(smiles) for smiles in first)
    if unread == len(first) and method != "structural" and not any(map(space.reads, pool.new(sys.maxsize, set()))):
        raise InputError(f"molecules to start with must be ones that the model can read for {method}, none of them is")
    if unread:
        print(f"the model cannot read {unread} of the first {len(first)} molecules", file=sys.stderr)


CODED = ("bayesian", "retraining", "ascent", "structural")  # methods that look around the codes of molecules
METHODS: tuple[Method, ...] = get_args(Method)
