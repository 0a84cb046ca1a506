"""What each command of ``vaemol`` takes. Imports nothing that takes time to load."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from vaemol.tables import DRAWN
from vaeseq import options
from vaeseq.errors import InputError

OBJECTIVES = (
    "qed, penalised_log_p, a task of PMO such as zaleplon_mpo (README.md names them), similarity:SMILES, "
    "rediscovery:SMILES, isomers:FORMULA, smarts:PATTERN or command:PROGRAM "
    "(without a shell: no pipes)"
)
PREDICTED = ", or property:NAME, what the model predicts"


def add_with_image(add_options: options.AddOptions, command: ArgumentParser) -> None:
    """Those of a command that can draw what it writes."""
    add_options(command)
    command.add_argument("--image", type=_image, metavar="FILE", help=f"draw at most {DRAWN} molecules as .png or .svg")


def _image(name: str) -> Path:
    if Path(name).suffix.lower() not in (".png", ".svg"):
        raise ArgumentTypeError(f"must end in .png or .svg, got {name!r}")
    if not Path(name).parent.is_dir():
        raise ArgumentTypeError(f"must be in a folder that is there, got {name!r}")
    return Path(name)


def add_sample(command: ArgumentParser) -> None:
    """How many molecules, and what they must be."""
    options.add_count(command)
    _add_require(command)
    _add_calls(command)


def add_molecules(command: ArgumentParser) -> None:
    """SMILES."""
    command.add_argument("smiles", nargs="*", help="without any, or for -, one per line on standard input")
    options.add_column(command, "molecules")


def add_interpolate(command: ArgumentParser) -> None:
    """Two ends, and the options of a path."""
    command.add_argument("smiles", nargs="*", help="two ends; without any, or for -, two per line on standard input")
    options.add_column(command, "molecules, between spaces")
    options.add_path(command, beams=1)
    command.add_argument(
        "--draws",
        type=options.whole(0, 1000),
        default=0,
        metavar="N",
        help="draw so many texts of each point too: the column drawn has the other molecules that they are",
    )
    options.add_seed(command)


def add_propose(command: ArgumentParser) -> None:
    """Molecules, and what proposals must be."""
    command.add_argument(
        "smiles",
        nargs="*",
        help="around one molecule, on a path between two, or among several; without any, or for -, a line of them each "
        "time on standard input, and behind a tab its name",
    )
    options.add_column(command, "molecules, between spaces")
    command.add_argument(
        "--count", type=options.whole(1), default=20, help="how many at most (not of paths); default: %(default)s"
    )
    command.add_argument(
        "--similarity",
        type=options.not_negative,
        nargs=2,
        default=(0.4, 1.0),
        metavar=("LEAST", "MOST"),
        help="to the molecule, around one; default: 0.4 1",
    )
    command.add_argument(
        "--rounds",
        type=options.whole(0, 50),
        default=12,
        help="how often the gaps of a path are filled, at most; default: %(default)s",
    )
    _add_require(command)
    _add_calls(command)
    command.add_argument(
        "--rank",
        metavar="OBJECTIVE",
        help="give the best of five times as many (of a path: all of it), the best first, by a property, or "
        f"{OBJECTIVES}{PREDICTED}; low ones after min:",
    )
    command.add_argument(
        "--known",
        type=Path,
        metavar="FILE",
        help="say of each whether it is in a file of SMILES or a folder of `python -m pipelines.reference`",
    )
    options.add_kind(command)
    options.add_seed(command)


def add_optimize(command: ArgumentParser) -> None:
    """Objectives, what molecules must be, and the options of a search."""
    command.add_argument(
        "--objective",
        action="append",
        help=f"{OBJECTIVES}{PREDICTED}, the name of a property, or min: before any of them; repeatable: of several, "
        "weighted or, without weights, all that no other molecule beats are sought; default: qed",
    )
    command.add_argument(
        "--weight",
        type=options.finite,
        action="append",
        default=[],
        metavar="NUMBER",
        help="of each objective, in order: their weighted sum is sought",
    )
    command.add_argument(
        "--front", metavar="FILE", help="write the molecules that no other beats in all objectives as csv"
    )
    _add_require(command)
    methods = (
        "structural",
        "bayesian",
        "structural_without_space",
        "retraining",
        "ascent",
        "genetic",
        "random_prior",
    )
    options.add_search(command, methods)
    command.add_argument(
        "--start",
        metavar="FILE",
        help="molecules to start with instead of draws of the prior: SMILES, or a csv table with a column smiles; or "
        "-; of more than --initial only so many are taken, by chance",
    )
    options.add_column(command, "molecules to start with")
    command.add_argument(
        "--lead",
        metavar="SMILES",
        help="a molecule to improve: the search starts with it, and requires --similarity to it",
    )
    command.add_argument(
        "--similarity",
        type=options.share,
        metavar="LEAST",
        help="Tanimoto similarity to the lead; default: 0.4",
    )


def add_score(command: ArgumentParser) -> None:
    """SMILES, and what is asked of them."""
    add_molecules(command)
    command.add_argument(
        "--objective",
        action="append",
        help=f"the name of a property, {OBJECTIVES}; repeatable; default: every property",
    )
    _add_limits(command)
    _add_calls(command)


def add_judge(command: ArgumentParser) -> None:
    """Samples, and what they are judged by."""
    command.add_argument("samples", nargs="?", default="-", metavar="FILE", help="a SMILES a line, or -")
    options.add_column(command, "samples")
    _add_reference(command)


def add_judge_paths(command: ArgumentParser) -> None:
    """Paths, and what they are judged by."""
    command.add_argument(
        "paths", nargs="?", default="-", metavar="FILE", help="a table as `interpolate` or `propose` writes it, or -"
    )
    command.add_argument(
        "--pairs", type=Path, required=True, metavar="FILE", help="the two ends of each path, a line each"
    )
    _add_reference(command)


def _add_require(command: ArgumentParser) -> None:
    command.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="WHAT",
        help="what molecules must hold: smarts:PATTERN, scaffold:SMILES, alerts:pains, alerts:brenk, filters:FOLDER, "
        "NAME>=NUMBER or NAME<=NUMBER, NAME a property, an objective or property:NAME; repeatable",
    )
    _add_limits(command)


def _add_calls(command: ArgumentParser) -> None:
    command.add_argument(
        "--calls",
        type=Path,
        metavar="FILE",
        help="keep what a command: says in FILE.answers.csv, as `optimize` does: it is not asked for that again",
    )


def _add_reference(command: ArgumentParser) -> None:
    command.add_argument(
        "--reference",
        type=Path,
        default=Path("data/reference/moses"),
        help="real molecules, as `python -m pipelines.reference` makes them; default: %(default)s",
    )


def _add_limits(command: ArgumentParser) -> None:
    command.add_argument(
        "--max-heavy-atoms",
        type=options.whole(1),
        default=38,
        help="limit of size in penalised_log_p; default: %(default)s",
    )
    command.add_argument(
        "--seconds",
        type=options.whole(1),
        default=600,
        metavar="N",
        help="seconds that a command: may take for each molecule; default: %(default)s",
    )


def check_search(arguments: Namespace, names: Sequence[str]) -> None:
    """The options of a search must go together with its objectives.

    Raises:
        InputError: They do not.
    """
    weights = arguments.weight
    if len({name.removeprefix("min:") for name in names}) < len(names):
        raise InputError(f"objectives must differ, got {', '.join(names)}")
    if weights and len(weights) != len(names):
        raise InputError(f"weights must be as many as objectives, {len(names)}, got {len(weights)}")
    if weights and len(names) == 1:
        raise InputError("weights must be of several objectives; of one min: before its name seeks low values")
    if arguments.method == "ascent" and len(names) > 1:
        raise InputError(f"ascent must climb one objective, got {len(names)}")
    if arguments.front and (len(names) == 1 or weights):
        raise InputError("front must be of several objectives without weights; --front needs --objective twice")
    if arguments.column and not arguments.start:
        raise InputError("column must be of molecules to start with; --column needs --start")
    if arguments.similarity and not arguments.lead:
        raise InputError("similarity must be to a lead; --similarity needs --lead")
