"""The command line ``vaemol``: molecules in, molecules out.

Each command is a thin face of a function: ``vaemol.space.MoleculeSpace`` for the first four, ``vaemol.interpolation``,
``vaemol.optimization``, ``vaemol.scoring`` and ``vaemol.judge`` for the others. Libraries that take a second to load
are imported inside the commands.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from vaeseq import commands, console, options
from vaeseq.console import Line, Row
from vaeseq.errors import InputError

if TYPE_CHECKING:
    from vaemol.space import MoleculeSpace

DRAWN = 60  # molecules in a picture at most
PATH = ("path", "t", "smiles", "similarity_start", "similarity_end", "qed", "log_p", "sa_score", "error")
CALL = ("call", "smiles", "value", "best_so_far", "seconds")

Draw = Callable[[list[Row]], tuple[str, list[str], list[str], int]]  # what is given to a function of vaemol.pictures


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 done, 1 bad input, 2 wrong usage."""
    return console.run(_parser(), argv)


def _parser() -> ArgumentParser:
    verbs = {
        _sample: partial(_add_with_image, options.add_count),
        _encode: _add_molecules,
        _decode: partial(_add_with_image, options.add_codes),
        _reconstruct: partial(_add_with_image, _add_molecules),
        _interpolate: partial(_add_with_image, _add_interpolate),
        _optimize: partial(_add_with_image, _add_optimize),
        _score: _add_score,
        _judge: _add_judge,
    }
    formats = {verb: ("sdf",) for verb in verbs if verb not in (_encode, _judge)}
    about = "Walk in a latent space of molecules, all given as SMILES."
    models = {verb: Path("models/molecules") for verb in verbs if verb not in (_score, _judge)}
    return options.parser_of("vaemol", about, verbs, models=models, formats=formats)


def _add_with_image(add_options: options.AddOptions, command: ArgumentParser) -> None:
    add_options(command)
    command.add_argument("--image", type=_image, metavar="FILE", help=f"draw at most {DRAWN} molecules as .png or .svg")


def _image(name: str) -> Path:
    if Path(name).suffix not in (".png", ".svg"):
        raise ArgumentTypeError(f"must end in .png or .svg, got {name!r}")
    return Path(name)


def _add_molecules(command: ArgumentParser) -> None:
    command.add_argument("smiles", nargs="*", help="without any, or for -, one per line on standard input")


def _add_interpolate(command: ArgumentParser) -> None:
    command.add_argument("smiles", nargs="*", help="two ends; without any, or for -, two per line on standard input")
    options.add_path(command, beams=1)


def _add_optimize(command: ArgumentParser) -> None:
    command.add_argument("--objective", default="qed", help="qed (default), penalised_log_p or similarity:SMILES")
    _add_max_heavy_atoms(command)
    options.add_search(command)


def _add_score(command: ArgumentParser) -> None:
    _add_molecules(command)
    command.add_argument(
        "--objective",
        action="append",
        help="penalised_log_p, similarity:SMILES or the name of a property; repeatable; default: every property",
    )
    _add_max_heavy_atoms(command)


def _add_judge(command: ArgumentParser) -> None:
    command.add_argument("samples", nargs="?", default="-", metavar="FILE", help="a SMILES a line, or -")
    command.add_argument(
        "--reference",
        type=Path,
        default=Path("data/reference/moses"),
        help="real molecules, as `python -m pipelines.reference` makes them; default: %(default)s",
    )


def _add_max_heavy_atoms(command: ArgumentParser) -> None:
    command.add_argument(
        "--max-heavy-atoms", type=options.whole(1), default=38, help="of penalised_log_p; default: %(default)s"
    )


def _sample(arguments: Namespace) -> int:
    """Draw new molecules from the prior; blank where the model writes no molecule."""
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    return _emit(commands.sampled(_space(arguments), arguments.count, "smiles", **draw), ["smiles"], arguments)


def _encode(arguments: Namespace) -> int:
    """Write the code of each molecule, the mean of its posterior."""
    space, lines = _space(arguments), console.given(arguments.smiles, "molecules")
    columns = ["smiles", *commands.code_columns(space.latent), "error"]
    return console.emit(commands.encoded(space, lines, "smiles"), columns, arguments)


def _decode(arguments: Namespace) -> int:
    """Read codes from a csv table and write the molecule of each; blank where the model writes no molecule."""
    space, lines = _space(arguments), console.given_file(arguments.codes, "codes")
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    return _emit(commands.decoded(space, lines, "smiles", **draw), ["smiles", "error"], arguments)


def _reconstruct(arguments: Namespace) -> int:
    """Encode each molecule, decode it again, and compare."""
    space, lines = _space(arguments), console.given(arguments.smiles, "molecules")
    rows = commands.reconstructed(space, lines, "smiles", _compared)
    return _emit(rows, ["smiles", "reconstruction", "exact", "similarity", "error"], arguments, _pairs_drawn)


def _compared(given: str, answer: str) -> Row:
    from vaemol.molecule import canonical, parse, tanimoto

    return {"exact": canonical(parse(given)) == answer, "similarity": tanimoto(given, answer)}


def _interpolate(arguments: Namespace) -> int:
    """Walk from one molecule to another."""
    space = _space(arguments)
    pairs = console.given([" ".join(arguments.smiles)] if arguments.smiles not in ([], ["-"]) else [], "two molecules")
    rows = (_path(space, arguments, number, pair) for number, pair in enumerate(pairs, start=1))
    return _emit(rows, PATH, arguments, partial(_path_drawn, columns=arguments.steps))


def _path(space: "MoleculeSpace", arguments: Namespace, number: int, pair: Line) -> list[Row]:
    from vaemol.interpolation import identity, interpolate

    ends = pair.text.split()
    try:
        if pair.error or len(ends) != 2:
            raise InputError(pair.error or f"a path needs two molecules, got {pair.text[:80]!r}")
        how = {"steps": arguments.steps, "kind": arguments.kind, "beams": arguments.beams, "most": arguments.fill}
        points = interpolate(space, *ends, **how)
    except InputError as error:
        return [{"path": number, "error": str(error)}]
    commands.say_missed_ends(number, [identity(space, end) for end in ends], [point.smiles for point in points])
    return [{"path": number, **point._asdict()} for point in points]


def _optimize(arguments: Namespace) -> int:
    """Search for molecules of a high value in few oracle calls; each is written once it is answered."""
    from vaemol.optimization import METHODS
    from vaemol.oracles import objective
    from vaeseq.search import SearchConfig

    oracle = objective(arguments.objective, max_heavy_atoms=arguments.max_heavy_atoms)
    config = SearchConfig(arguments.budget, arguments.initial, arguments.batch)
    start = partial(METHODS[arguments.method], _space(arguments), oracle, config, seed=arguments.seed)
    return _emit(commands.searched(start, arguments, "smiles"), CALL, arguments, _best_drawn, kept=arguments.budget)


def _score(arguments: Namespace) -> int:
    """Compute properties and objectives of each molecule, on all cores or the cluster that LATENTPATH_DASK names."""
    from vaemol.properties import PROPERTIES
    from vaemol.scoring import scored

    names = arguments.objective or list(PROPERTIES)
    lines = console.given(arguments.smiles, "molecules")
    rows = console.chunks(scored(lines, names, max_heavy_atoms=arguments.max_heavy_atoms))
    return console.emit(rows, ["smiles", *names, "error"], arguments, {"sdf": _as_sdf})


def _judge(arguments: Namespace) -> int:
    """Judge samples of any model, in the order in which they were drawn, by the measures of MOSES and GuacaMol."""
    from vaemol.judge import judged
    from vaemol.reference import Reference

    reference = Reference.load(arguments.reference)
    # A name may follow the SMILES; a blank line is a sample that is no molecule, as `sample` writes it.
    samples = [(line.text.split() or [""])[0] for line in console.given_file(arguments.samples, "samples")]
    if samples[0].lower() == "smiles":
        del samples[0]
    figures = judged(samples, reference).items()
    rows = [{"figure": name, "value": value, "of": of} for name, (value, of) in figures]
    return console.emit([rows], ["figure", "value", "of"], arguments)


def _space(arguments: Namespace) -> "MoleculeSpace":
    from vaemol.space import MoleculeSpace

    return MoleculeSpace.load(arguments.model)


# Tables and pictures


def _emit(
    rows: Iterable[list[Row]], columns: Sequence[str], arguments: Namespace, draw: Draw | None = None, kept: int = DRAWN
) -> int:
    drawn: list[Row] = []
    if arguments.image:
        rows = _remembered(rows, drawn, kept)
    code = console.emit(rows, columns, arguments, {"sdf": _as_sdf})
    if arguments.image:
        _write_image(arguments.image, (draw or _each_drawn)(drawn))
    return code


def _remembered(rows: Iterable[list[Row]], drawn: list[Row], most: int) -> Iterator[list[Row]]:
    for chunk in rows:
        drawn += [row for row in chunk if not row.get("error")][: most - len(drawn)]
        yield chunk


def _each_drawn(rows: list[Row]) -> tuple[str, list[str], list[str], int]:
    return "grid", [str(row["smiles"]) for row in rows], [""] * len(rows), 5


def _pairs_drawn(rows: list[Row]) -> tuple[str, list[str], list[str], int]:
    pairs = [(str(row["smiles"]), str(row["reconstruction"])) for row in rows[: DRAWN // 2]]
    legends = [("given", f"similarity {row['similarity']:.2f}") for row in rows[: DRAWN // 2]]
    return "strip", list(chain.from_iterable(pairs)), list(chain.from_iterable(legends)), 2


def _path_drawn(rows: list[Row], columns: int) -> tuple[str, list[str], list[str], int]:
    return "strip", [str(row["smiles"]) for row in rows], [f"{row['t']:.3g}" for row in rows], columns


def _best_drawn(rows: list[Row]) -> tuple[str, list[str], list[str], int]:
    valued = [row for row in rows if isfinite(float(str(row["value"])))]
    best = sorted(valued, key=lambda row: float(str(row["value"])), reverse=True)[:12]
    return "grid", [str(row["smiles"]) for row in best], [f"{row['value']:.3f}" for row in best], 4


def _write_image(path: Path, drawing: tuple[str, list[str], list[str], int]) -> None:
    from vaemol import pictures

    layout, smiles, legends, columns = drawing
    if not smiles:
        raise InputError(f"image {str(path)!r} needs at least one molecule; there is none to draw")
    match layout, path.suffix:
        case "strip", ".svg":
            content = pictures.strip_svg(smiles, legends, columns=columns)
        case "strip", _:
            content = pictures.strip(smiles, legends, columns=columns)
        case _, ".svg":
            content = pictures.grid_svg(smiles, legends, columns=columns)
        case _:
            content = pictures.grid(smiles, legends, columns=columns)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def _as_sdf(rows: Iterable[list[Row]], columns: Sequence[str]) -> Iterator[str]:
    from vaemol.layout import sdf

    molecule = "reconstruction" if "reconstruction" in columns else "smiles"
    for chunk in rows:
        items = {name: [console.shown(row.get(name, "")) for row in chunk] for name in columns if name != molecule}
        yield sdf([str(row.get(molecule, "")) for row in chunk], items)
