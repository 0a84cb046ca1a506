"""The command lines ``vaemol`` and ``vaetext``: what a model can do, and ``fit``, which takes the pipeline."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipelines.sources import Domain
from vaemol import cli as molecules
from vaeseq import console, options, shipped
from vaetext import cli as sentences

SCRATCH = "none"
START: dict[Domain, str] = {"molecules": shipped.NAME, "sentences": SCRATCH}


def vaemol(argv: Sequence[str] | None = None) -> int:
    """The command line ``vaemol``."""
    return molecules.main(argv, {_fit: partial(_add_fit, "molecules")})


def vaetext(argv: Sequence[str] | None = None) -> int:
    """The command line ``vaetext``."""
    return sentences.main(argv, {_fit: partial(_add_fit, "sentences")})


def _fit(arguments: Namespace) -> int:
    """Train a model on your own file in a given time, and write a report on it."""
    from pipelines.fit import fit
    from pipelines.plan import Asked

    names = ("file", "minutes", "column", "max_words", "split", "seed")
    given = {name: getattr(arguments, name) for name in names}
    start = None if arguments.start == SCRATCH else arguments.start
    asked = Asked(**given, start=start, properties=tuple(arguments.property))
    into = arguments.into or Path(f"{arguments.file.name.partition('.')[0]}-{arguments.domain}")
    found = fit(arguments.domain, asked, into)
    return console.emit([[found]], list(found), arguments)


def _add_fit(domain: Domain, command: ArgumentParser) -> None:
    command.set_defaults(domain=domain, split=None, max_words=None)
    command.add_argument("file", type=Path, metavar="FILE", help=f"{domain}, in any form that data/README.md names")
    command.add_argument(
        "--into", type=Path, metavar="FOLDER", help=f"the folder for all of it; default: of my.csv my-{domain}"
    )
    command.add_argument(
        "--minutes", type=_minutes, default=15.0, help="about how long it may take; default: %(default)s"
    )
    options.add_column(command, domain)
    command.add_argument(
        "--property",
        action="append",
        default=[],
        metavar="NAME",
        help="a column of FILE to predict, such as an assay's value"
        + ("; the report seeks high values of it, or of min:NAME low ones" if domain == "molecules" else "")
        + "; repeatable",
    )
    if domain == "molecules":
        command.add_argument(
            "--split",
            choices=("random", "scaffold"),
            help="how held-out molecules are chosen; default: scaffold with --property, else random",
        )
    else:
        command.add_argument(
            "--max-words",
            type=options.whole(1, 10_000),
            metavar="N",
            help="longer lines are rejected; the limit of characters grows with it; default: 50",
        )
    command.add_argument(
        "--start",
        default=START[domain],
        metavar="MODEL",
        help="to go on from: a folder, shipped (the model of the package) or none (from scratch); default: %(default)s",
    )
    options.add_seed(command)


def _minutes(text: str) -> float:
    minutes = options.not_negative(text)
    if minutes <= 0:
        raise ArgumentTypeError(f"must be above 0, got {text!r}")
    return minutes
