"""The command line ``vaetext``: sentences in, sentences out.

Each command is a thin face of a function: ``vaetext.space.SentenceSpace`` for the first five, ``vaetext.paths``,
``vaeseq.walks``, ``vaeseq.attributes``, ``vaetext.imputation`` and ``vaetext.optimization`` for the others. Libraries
that take a second to load are imported inside the commands.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vaeseq import commands, console, options
from vaeseq.console import Line, Row
from vaeseq.errors import InputError
from vaetext.shipped import MODEL

if TYPE_CHECKING:
    from vaetext.space import SentenceSpace


def main(argv: Sequence[str] | None = None, further: Mapping[options.Verb, options.AddOptions] | None = None) -> int:
    """Run one command, one of ``further`` among them, and give its exit code: 0 done, 1 bad input, 2 wrong usage."""
    return console.run(_parser(further or {}), argv)


def _parser(further: Mapping[options.Verb, options.AddOptions]) -> ArgumentParser:
    verbs = {
        _sample: options.add_count,
        _encode: _add_sentences,
        _predict: _add_sentences,
        _decode: options.add_codes,
        _reconstruct: _add_sentences,
        _path: _add_path,
        _posterior: _add_posterior,
        _neighbours: _add_neighbours,
        _analogy: _add_analogy,
        _shift: _add_shift,
        _impute: _add_impute,
        _optimize: _add_optimize,
    }
    about = "Walk in a latent space of sentences."
    return options.parser_of("vaetext", about, verbs | further, with_model=verbs, formats={})


def _add_sentences(command: ArgumentParser) -> None:
    command.add_argument("text", nargs="*", help="sentences; without any, or for -, one per line on standard input")


def _add_path(command: ArgumentParser) -> None:
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


def _add_posterior(command: ArgumentParser) -> None:
    _add_sentences(command)
    command.add_argument("--count", type=options.whole(1), default=3, help="draws of each; default: %(default)s")
    options.add_seed(command)


def _add_neighbours(command: ArgumentParser) -> None:
    _add_sentences(command)
    command.add_argument("--among", required=True, metavar="FILE", help="sentences to choose from, one per line")
    command.add_argument("--count", type=options.whole(1), default=5, help="of each; default: %(default)s")


def _add_analogy(command: ArgumentParser) -> None:
    command.add_argument("text", nargs=3, help="START END OTHER: what is to OTHER as END is to START")
    _add_shifting(command)


def _add_shift(command: ArgumentParser) -> None:
    _add_sentences(command)
    for name, what in (("lacking", "without"), ("having", "with")):
        command.add_argument(f"--{name}", required=True, metavar="FILE", help=f"sentences {what} it, one per line")
    _add_shifting(command)


def _add_shifting(command: ArgumentParser) -> None:
    command.add_argument(
        "--strength",
        type=options.finite,
        action="append",
        help="how far, 1 is as far as the two kinds are apart; repeatable; default: 1",
    )
    options.add_beams(command, 1)


def _add_impute(command: ArgumentParser) -> None:
    _add_sentences(command)
    command.add_argument("--count", type=options.whole(1), default=5, help="ways of each; default: %(default)s")
    command.add_argument(
        "--samples", type=options.whole(1), default=32, help="codes that a sentence may have; default: %(default)s"
    )
    command.add_argument(
        "--particles", type=options.whole(1), default=32, help="ways followed for each code; default: %(default)s"
    )
    options.add_seed(command)


def _add_optimize(command: ArgumentParser) -> None:
    command.add_argument("--objective", required=True, help="words:WORD,WORD... (to hold them) or length:NUMBER")
    options.add_search(command, ("bayesian", "random_prior"))


def _sample(arguments: Namespace) -> int:
    """Draw new sentences from the prior."""
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    return console.emit(commands.sampled(_space(arguments), arguments.count, "text", **draw), ["text"], arguments)


def _encode(arguments: Namespace) -> int:
    """Write the code of each sentence, the mean of its posterior."""
    space, lines = _space(arguments), console.given(arguments.text, "sentences")
    columns = ["text", *commands.code_columns(space.latent), "error"]
    return console.emit(commands.encoded(space, lines, "text"), columns, arguments)


def _predict(arguments: Namespace) -> int:
    """Predict the properties that the model was taught; inside: whether it knows sentences like it."""
    space, lines = _space(arguments), console.given(arguments.text, "sentences")
    columns = ["text", *commands.predicted_columns(space), "error"]
    return console.emit(commands.predicted(space, lines, "text"), columns, arguments)


def _decode(arguments: Namespace) -> int:
    """Read codes from a csv table and write the sentence of each."""
    space, lines = _space(arguments), console.given_file(arguments.codes, "codes")
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    return console.emit(commands.decoded(space, lines, "text", **draw), ["text", "error"], arguments)


def _reconstruct(arguments: Namespace) -> int:
    """Encode each sentence, decode it again, and compare; word_edits counts the words that differ."""
    space, lines = _space(arguments), console.given(arguments.text, "sentences")
    rows = commands.reconstructed(space, lines, "text", _compared)
    return console.emit(rows, ["text", "reconstruction", "exact", "word_edits", "error"], arguments)


def _compared(read: str, answer: str) -> Row:
    from vaetext.paths import word_edits

    return {"exact": read == answer, "word_edits": word_edits(read, answer)}


def _path(arguments: Namespace) -> int:
    """Walk from one sentence to another."""
    space = _space(arguments)
    pairs = console.given(["\t".join(arguments.text)] if arguments.text not in ([], ["-"]) else [], "two sentences")
    rows = (_walked(space, arguments, number, pair) for number, pair in enumerate(pairs, start=1))
    return console.emit(rows, ["path", "t", "text", "error"], arguments)


def _walked(space: "SentenceSpace", arguments: Namespace, number: int, pair: Line) -> list[Row]:
    from vaetext.paths import homotopy, steady_homotopy

    ends = pair.text.split("\t")
    try:
        if pair.error or len(ends) != 2:
            raise InputError(pair.error or f"a path needs two sentences with a tab between, got {pair.text[:80]!r}")
        how = {"steps": arguments.steps, "kind": arguments.kind, "beams": arguments.beams}
        commands.check_fill(arguments)
        if arguments.plain or arguments.fill:
            points = homotopy(space, *ends, **how, most=arguments.fill)
        else:
            points = steady_homotopy(space, *ends, **how)
    except InputError as error:
        return [{"path": number, "error": str(error)}]
    commands.say_missed_ends(number, space.texts(ends), [point.text for point in points])
    return [{"path": number, **point._asdict()} for point in points]


def _posterior(arguments: Namespace) -> int:
    """What the posterior of each sentence holds: the sentence of its mean, and those of draws."""
    from vaeseq.walks import neighbourhoods

    def rows(texts: list[str]) -> list[list[Row]]:
        found = neighbourhoods(space, texts, samples=arguments.count, seed=arguments.seed)
        return [
            [{"of": "mean", "found": its.mean}, *({"of": "draw", "found": text} for text in its.samples)]
            for its in found
        ]

    space = _space(arguments)
    return console.emit(_of_each(space, arguments, rows), ["text", "of", "found", "error"], arguments)


def _neighbours(arguments: Namespace) -> int:
    """Of a file of sentences, those whose codes are nearest to that of each."""
    from vaeseq.attributes import nearest

    space = _space(arguments)
    among = _sentences_in(space, arguments.among)

    def rows(texts: list[str]) -> list[list[Row]]:
        found = nearest(space, texts, among, arguments.count)
        return [[{"neighbour": its.text, "similarity": its.similarity} for its in each] for each in found]

    return console.emit(_of_each(space, arguments, rows), ["text", "neighbour", "similarity", "error"], arguments)


def _analogy(arguments: Namespace) -> int:
    """What is to one sentence as a second is to a first: difference of two codes, added to a third."""
    from vaeseq.attributes import analogy

    space = _space(arguments)
    start, end, other = space.texts(arguments.text)
    strengths = arguments.strength or [1.0]
    rows = [
        {"text": other, "strength": s, "shifted": analogy(space, start, end, other, strength=s, beams=arguments.beams)}
        for s in strengths
    ]
    return console.emit([rows], ["text", "strength", "shifted"], arguments)


def _shift(arguments: Namespace) -> int:
    """Give each sentence what those of one file have and those of another lack, such as a tense or a negation."""
    from vaeseq.attributes import direction, shifted

    space = _space(arguments)
    along = direction(space, *(_sentences_in(space, path) for path in (arguments.lacking, arguments.having)))

    def rows(texts: list[str]) -> list[list[Row]]:
        found = {
            s: shifted(space, texts, along, strength=s, beams=arguments.beams) for s in arguments.strength or [1.0]
        }
        return [[{"strength": s, "shifted": its[i]} for s, its in found.items()] for i in range(len(texts))]

    return console.emit(_of_each(space, arguments, rows), ["text", "strength", "shifted", "error"], arguments)


def _sentences_in(space: "SentenceSpace", path: str) -> list[str]:
    """All sentences of a file, as the space reads them; blank lines are none, one that it cannot read is bad input."""
    found: list[str] = []
    for number, (line, texts) in enumerate(space.readings(console.given_file(path, "sentences")), start=1):
        if not isinstance(texts, InputError):
            found += texts
        elif line.error or line.text.strip():
            raise InputError(f"line {number} of {path} cannot be used: {texts}") from texts
    return found


def _of_each(
    space: "SentenceSpace", arguments: Namespace, rows: Callable[[list[str]], list[list[Row]]]
) -> Iterator[list[Row]]:
    """Several rows for each sentence given that can be read, and one with an error for each other."""
    for given, texts in commands.read(space, console.given(arguments.text, "sentences"), "text"):
        found = iter(rows(texts) if texts else [])
        yield [row for its in given for row in ([its] if its["error"] else [its | each for each in next(found)])]


def _impute(arguments: Namespace) -> int:
    """Fill the blanks (words of underscores) of each sentence in several ways, each with its weight."""
    space, lines = _space(arguments), console.given(arguments.text, "sentences")
    rows = (_filled(space, arguments, line) for line in lines)
    return console.emit(rows, ["text", "completion", "weight", "error"], arguments)


def _filled(space: "SentenceSpace", arguments: Namespace, line: Line) -> list[Row]:
    from vaetext.imputation import completed

    how = {name: getattr(arguments, name) for name in ("count", "samples", "particles", "seed")}
    try:
        if line.error:
            raise InputError(line.error)
        found = completed(space, line.text, **how)
    except InputError as error:
        return [{"text": line.text, "error": str(error)}]
    return [{"text": line.text, "completion": its.text, "weight": its.weight, "error": ""} for its in found]


def _optimize(arguments: Namespace) -> int:
    """Search for sentences of a high score in few calls of it; each is written once it is answered."""
    from vaeseq.rounds import SearchConfig
    from vaetext.optimization import METHODS, objective
    from vaetext.space import SentenceSpace

    oracle = objective(arguments.objective)
    config = SearchConfig(arguments.budget, arguments.initial, arguments.batch)
    folder = MODEL.folder_of(arguments.model)
    start = partial(METHODS[arguments.method], SentenceSpace.load(folder), oracle, config, seed=arguments.seed)
    columns = ["call", "text", "value", "best_so_far", "seconds"]
    rows = commands.searched(start, arguments, "text", called=arguments.objective, parts=(), model=folder)
    return console.emit(rows, columns, arguments)


def _space(arguments: Namespace) -> "SentenceSpace":
    from vaetext.space import SentenceSpace

    return SentenceSpace.load(MODEL.folder_of(arguments.model))
