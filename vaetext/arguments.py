"""What each command of ``vaetext`` takes. Imports nothing that takes time to load."""

from argparse import ArgumentParser

from vaeseq import options


def add_sentences(command: ArgumentParser) -> None:
    """Sentences."""
    command.add_argument("text", nargs="*", help="sentences; without any, or for -, one per line on standard input")
    options.add_column(command, "sentences")


def add_sample(command: ArgumentParser) -> None:
    """How many sentences, and how long."""
    options.add_count(command)
    command.add_argument(
        "--words", type=options.whole(1), nargs=2, metavar=("LEAST", "MOST"), help="fewest and most words of a sentence"
    )


def add_path(command: ArgumentParser) -> None:
    """Two ends, and the options of a path."""
    command.add_argument(
        "text",
        nargs="*",
        help="two sentences; without any, or for -, two per line with a tab between on standard input",
    )
    options.add_path(command, beams=32)
    command.add_argument(
        "--plain",
        action="store_true",
        help="one sentence for each code on the way, in place of small steps by sentences that are likely near it; "
        "--fill says so too",
    )
    command.add_argument(
        "--temperature",
        type=options.not_negative,
        default=0.0,
        help="above 0, what lies between the ends is drawn: with --plain and --beams 1; default: %(default)s",
    )
    command.add_argument(
        "--judge",
        metavar="FILE",
        help="sentences, one per line; a column nats_a_word then says what each sentence of a path costs a word by a "
        "5-gram model of these: lower is likelier",
    )
    options.add_seed(command)


def add_posterior(command: ArgumentParser) -> None:
    """Sentences, and how much of each posterior."""
    add_sentences(command)
    command.add_argument("--count", type=options.whole(1), default=3, help="draws of each; default: %(default)s")
    options.add_seed(command)


def add_neighbours(command: ArgumentParser) -> None:
    """Sentences, and those to choose from."""
    add_sentences(command)
    command.add_argument("--among", required=True, metavar="FILE", help="sentences to choose from, one per line")
    command.add_argument("--count", type=options.whole(1), default=5, help="of each; default: %(default)s")


def add_analogy(command: ArgumentParser) -> None:
    """Three sentences, and how far."""
    command.add_argument("text", nargs=3, help="START END OTHER: what is to OTHER as END is to START")
    _add_strength(command, "default: 1")
    options.add_beams(command, 1)


def add_shift(command: ArgumentParser) -> None:
    """Sentences, and those that tell what they shall have."""
    add_sentences(command)
    for name, what in (("lacking", "without"), ("having", "with")):
        command.add_argument(f"--{name}", required=True, metavar="FILE", help=f"sentences {what} it, one per line")
    _add_strength(command, "without it: the nearest sentence that has the attribute")
    options.add_beams(command, 16)


def _add_strength(command: ArgumentParser, otherwise: str) -> None:
    command.add_argument(
        "--strength",
        type=options.finite,
        action="append",
        help=f"how far, 1 is as far as the two kinds are apart; repeatable; {otherwise}",
    )


def add_impute(command: ArgumentParser) -> None:
    """Sentences with blanks, and how hard to look."""
    add_sentences(command)
    command.add_argument("--count", type=options.whole(1), default=5, help="ways of each; default: %(default)s")
    command.add_argument(
        "--samples",
        type=options.whole(1),
        default=32,
        help="codes drawn for each sentence, more give steadier weights; default: %(default)s",
    )
    command.add_argument(
        "--particles", type=options.whole(1), default=16, help="ways followed for each code; default: %(default)s"
    )
    options.add_seed(command)


def add_optimize(command: ArgumentParser) -> None:
    """What is sought, and the options of a search."""
    command.add_argument("--objective", required=True, help="words:WORD,WORD... (to hold them) or length:NUMBER")
    options.add_search(command, ("bayesian", "random_prior"))
