"""The command line ``vaemol``: molecules in, molecules out.

Each command is a thin face of a function: ``vaemol.space.MoleculeSpace`` for the first five, ``vaemol.interpolation``,
``vaemol.proposals``, ``vaemol.optimization``, ``vaemol.scoring``, ``vaemol.judge`` and ``vaemol.itineraries`` for the
others. Libraries that take a second to load are imported inside the commands.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from vaemol import arguments as takes
from vaemol import tables
from vaemol.shipped import MODEL
from vaeseq import commands, console, options
from vaeseq.console import Line, Row
from vaeseq.errors import InputError

if TYPE_CHECKING:
    from vaemol.oracles import Oracle
    from vaemol.space import MoleculeSpace

PATH = ("path", "t", "smiles", "similarity_start", "similarity_end", "qed", "log_p", "sa_score", "drawn", "error")
PROPOSAL = ("set", "step", "smiles", "similarities", "qed", "log_p", "sa_score", "value", "known", "error")
LIKE_THE_LEAD = 0.4
CALL = ("call", "smiles", "value", "best_so_far", "seconds")


def main(argv: Sequence[str] | None = None, further: Mapping[options.Verb, options.AddOptions] | None = None) -> int:
    """Run one command, one of ``further`` among them, and give its exit code: 0 done, 1 bad input, 2 wrong usage."""
    return console.run(_parser(further or {}), argv)


def _parser(further: Mapping[options.Verb, options.AddOptions]) -> ArgumentParser:
    verbs = {
        _sample: partial(takes.add_with_image, takes.add_sample),
        _encode: takes.add_molecules,
        _predict: takes.add_molecules,
        _decode: partial(takes.add_with_image, options.add_codes),
        _reconstruct: partial(takes.add_with_image, takes.add_molecules),
        _interpolate: partial(takes.add_with_image, takes.add_interpolate),
        _propose: partial(takes.add_with_image, takes.add_propose),
        _optimize: partial(takes.add_with_image, takes.add_optimize),
        _score: takes.add_score,
        _judge: takes.add_judge,
        _judge_paths: takes.add_judge_paths,
    }
    judging = {_judge, _judge_paths}
    formats = dict.fromkeys(verbs.keys() - {_encode, _predict} - judging, ("sdf",))
    with_model = verbs.keys() - {_score} - judging
    about = "Walk in a latent space of molecules, all given as SMILES."
    return options.parser_of("vaemol", about, verbs | further, with_model=with_model, formats=formats)


def _sample(arguments: Namespace) -> int:
    """Draw new molecules from the prior; blank where the model writes no molecule and nothing is required."""
    space, draw = _space(arguments), {name: getattr(arguments, name) for name in ("temperature", "top_p", "seed")}
    if arguments.require:
        from vaemol.constraints import all_of

        draw["admits"] = all_of(arguments.require, named=_named(space, arguments))
    return tables.emit(commands.sampled(space, arguments.count, "smiles", **draw), ["smiles"], arguments)


def _molecules(arguments: Namespace, lines: Iterator[Line] | None = None) -> Iterator[Line]:
    from vaemol.strangers import molecules_in

    return molecules_in(lines or console.given(arguments.smiles, "molecules"), arguments.column)


def _encode(arguments: Namespace) -> int:
    """Write the code of each molecule, the mean of its posterior."""
    space, lines = _space(arguments), _molecules(arguments)
    columns = ["smiles", *commands.code_columns(space.latent), "error"]
    return console.emit(tables.noted(space, commands.encoded(space, lines, "smiles")), columns, arguments, carried=True)


def _predict(arguments: Namespace) -> int:
    """Predict the properties that the model was taught; inside: whether it knows molecules like it."""
    space, lines = _space(arguments), _molecules(arguments)
    columns = ["smiles", *commands.predicted_columns(space), "error"]
    return console.emit(
        tables.noted(space, commands.predicted(space, lines, "smiles")), columns, arguments, carried=True
    )


def _decode(arguments: Namespace) -> int:
    """Read codes from a csv table and write the molecule of each; blank where the model writes no molecule."""
    space, lines = _space(arguments), console.given_file(arguments.codes, "codes")
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    return tables.emit(commands.decoded(space, lines, "smiles", **draw), ["smiles", "error"], arguments, carried=True)


def _reconstruct(arguments: Namespace) -> int:
    """Encode each molecule, decode it again, and compare."""
    space, lines = _space(arguments), _molecules(arguments)
    rows = commands.reconstructed(space, lines, "smiles", partial(_compared, space))
    columns = ["smiles", "reconstruction", "exact", "similarity", "error"]
    return tables.emit(
        tables.noted(space, rows), columns, arguments, tables.pairs_drawn, molecule="reconstruction", carried=True
    )


def _compared(space: "MoleculeSpace", text: str, answer: str) -> Row:
    from vaemol.molecule import tanimoto
    from vaemol.notation import to_smiles

    read = to_smiles(text, space.notation)
    return {"exact": read == answer, "similarity": tanimoto(read, answer)}


def _interpolate(arguments: Namespace) -> int:
    """Decode points between two molecules; for a path of like molecules in small steps see propose."""
    from vaemol.strangers import sets_in
    from vaemol.walking import path_rows

    commands.check_fill(arguments)
    space = _space(arguments)
    pairs = enumerate(sets_in(space, arguments.smiles, "two molecules", arguments.column), start=1)
    rows = (console.beside(pair, path_rows(space, arguments, number, pair, ends)) for number, (pair, ends) in pairs)
    columns = [name for name in PATH if arguments.draws or name != "drawn"]
    draw = partial(tables.path_drawn, columns=arguments.steps)
    return tables.emit(tables.noted(space, rows), columns, arguments, draw, carried=True)


def _propose(arguments: Namespace) -> int:
    """Propose molecules around one, on the smoothest path between two, or among several."""
    from vaemol.constraints import all_of
    from vaemol.proposals import Asked
    from vaemol.reference import known_in
    from vaemol.strangers import sets_in
    from vaemol.walking import proposal_rows

    space = _space(arguments)
    named = _named(space, arguments)
    rank = named(arguments.rank) if arguments.rank else None
    known = known_in(arguments.known) if arguments.known else None
    if not arguments.similarity[0] <= arguments.similarity[1] <= 1:
        raise InputError(f"similarity must be two shares, the lower first, got {arguments.similarity}")
    asked = Asked(arguments.count, tuple(arguments.similarity), arguments.rounds, arguments.kind)
    holds = all_of(arguments.require, named=named)
    propose = partial(proposal_rows, space, holds, asked, rank, known, arguments.seed)
    columns = [name for name in PROPOSAL if (rank or name != "value") and (known is not None or name != "known")]
    sets = enumerate(sets_in(space, arguments.smiles, "molecules", arguments.column), start=1)
    rows = (console.beside(line, propose(number, given)) for number, (line, given) in sets)
    return tables.emit(
        tables.noted(space, rows), columns, arguments, partial(tables.proposals_drawn, ranked=bool(rank)), carried=True
    )


def _optimize(arguments: Namespace) -> int:
    """Search for molecules of high values in few oracle calls; each is written once it is answered."""
    from vaemol.constraints import all_of
    from vaemol.optimization import optimize
    from vaemol.prediction import KIND, LOW, together
    from vaemol.space import MoleculeSpace
    from vaemol.strangers import to_start_with
    from vaeseq.rounds import SearchConfig

    names, weights = arguments.objective or ["qed"], arguments.weight
    several = len(names) > 1
    takes.check_search(arguments, names)
    folder = MODEL.folder_of(arguments.model)
    space = MoleculeSpace.load(folder)
    start, lead = to_start_with(arguments.start, arguments.lead, parents=space.standardise, column=arguments.column)
    require = list(arguments.require)
    if lead:
        require.append(f"similarity:{lead}>={arguments.similarity or LIKE_THE_LEAD}")
    named = _named(space, arguments)
    oracles = [named(name) for name in names]
    oracle = together(oracles) if several else oracles[0]
    how = {
        "method": arguments.method,
        "seed": arguments.seed,
        "climbing": names[0].replace(KIND, "", 1),
        "several": several,
        "weights": weights,
    }
    admits = all_of(require, named=named) if require else None
    how |= {"admits": admits, "start": start, "lead": lead}
    config = SearchConfig(arguments.budget, arguments.initial, arguments.batch)
    search = partial(optimize, space, oracle, config, **how)
    parts = {name: name.removeprefix(LOW) for name in names} if several else {}
    kept = {"called": ", ".join(names), "model": folder, "weights": weights, "lead": lead, "required": bool(require)}
    kept["settings"] = [arguments.max_heavy_atoms, arguments.seconds, weights, require, *start]
    rows = tables.as_they_are(commands.searched(search, arguments, "smiles", parts=list(parts), **kept), parts, start)
    if arguments.front:
        rows = tables.front_kept(rows, parts, arguments.front)
    one_value = weights or not several
    columns = [*(CALL[:-1] if one_value else CALL[:2]), *parts.values(), CALL[-1], *(["given"] if start else [])]
    draw = partial(tables.best_drawn, parts={} if one_value else parts)
    return tables.emit(rows, columns, arguments, draw, kept=arguments.budget, live=True)


def _score(arguments: Namespace) -> int:
    """Compute properties and objectives of each molecule, on all cores or the cluster that LATENTPATH_DASK names."""
    from vaemol.oracles import PROGRAM
    from vaemol.properties import PROPERTIES
    from vaemol.scoring import noting_values, scored

    names, valued = arguments.objective or list(PROPERTIES), dict[str, bool]()
    lines = _molecules(arguments)
    told = console.chunks(noting_values(scored(lines, names, **_limits(arguments)), names, valued))
    columns, paid = ["smiles", *names, "error"], any(name.startswith(PROGRAM) for name in names)
    code = console.emit(told, columns, arguments, {"sdf": tables.as_sdf}, live=paid, carried=True)
    if lacking := [name for name, found in valued.items() if not found]:
        print(f"error: no molecule has a value of {', '.join(lacking)}", file=sys.stderr)
    return 1 if lacking else code


def _judge(arguments: Namespace) -> int:
    """Judge samples of any model, in the order in which they were drawn, by the measures of MOSES and GuacaMol."""
    from vaemol.judge import judged
    from vaemol.reference import Reference

    reference = Reference.load(arguments.reference)
    # A blank line is a sample that is no molecule, as `sample` writes it.
    samples = [line.word for line in _molecules(arguments, console.given_file(arguments.samples, "samples"))]
    figures = judged(samples, reference).items()
    rows = [{"figure": name, "value": value, "of": of} for name, (value, of) in figures]
    return console.emit([rows], ["figure", "value", "of"], arguments)


def _judge_paths(arguments: Namespace) -> int:
    """Judge paths between pairs of molecules, whoever made them."""
    from vaemol.filters import kept_patterns
    from vaemol.itineraries import figures_of, pairs_in, paths_in

    pairs = pairs_in(console.given_file(str(arguments.pairs), "pairs"))
    paths = paths_in(console.given_file(arguments.paths, "paths"), len(pairs))
    figures = figures_of(paths, pairs, kept_patterns(arguments.reference))._asdict()
    rows = [{"figure": name, "value": value} for name, value in figures.items()]
    return console.emit([rows], ["figure", "value"], arguments)


def _named(space: "MoleculeSpace", arguments: Namespace) -> "Callable[[str], Oracle]":
    """From the name of an objective to what it asks, within the limits that are given."""
    from vaemol.prediction import objective_in

    return partial(objective_in, space, **_limits(arguments))


def _limits(arguments: Namespace) -> dict[str, Any]:
    limits = {"max_heavy_atoms": arguments.max_heavy_atoms, "seconds": arguments.seconds}
    if arguments.calls:
        from vaeseq.calls import Answers

        limits["answers"] = Answers(arguments.calls)
    return limits


def _space(arguments: Namespace) -> "MoleculeSpace":
    from vaemol.space import MoleculeSpace

    return MoleculeSpace.load(MODEL.folder_of(arguments.model))
