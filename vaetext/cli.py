"""The command line ``vaetext``: sentences in, sentences out.

Each command is a thin face of a function: ``vaetext.space.SentenceSpace`` for the first five, ``vaetext.paths``,
``vaeseq.walks``, ``vaeseq.attributes``, ``vaetext.imputation`` and ``vaetext.optimization`` for the others. Libraries
that take a second to load are imported inside the commands.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from vaeseq import commands, console, options
from vaeseq.columns import in_table
from vaeseq.console import Line, Row
from vaeseq.delimited import TEXT_NAMES
from vaeseq.ends import tell_missed_ends
from vaeseq.errors import InputError
from vaetext import arguments as takes
from vaetext.shipped import MODEL

if TYPE_CHECKING:
    from vaetext.ngram import NgramModel
    from vaetext.space import SentenceSpace


def main(argv: Sequence[str] | None = None, further: Mapping[options.Verb, options.AddOptions] | None = None) -> int:
    """Run one command, one of ``further`` among them, and give its exit code: 0 done, 1 bad input, 2 wrong usage."""
    return console.run(_parser(further or {}), argv)


def _parser(further: Mapping[options.Verb, options.AddOptions]) -> ArgumentParser:
    verbs = {
        _sample: takes.add_sample,
        _encode: takes.add_sentences,
        _predict: takes.add_sentences,
        _decode: options.add_codes,
        _reconstruct: takes.add_sentences,
        _path: takes.add_path,
        _posterior: takes.add_posterior,
        _neighbours: takes.add_neighbours,
        _analogy: takes.add_analogy,
        _shift: takes.add_shift,
        _impute: takes.add_impute,
        _optimize: takes.add_optimize,
    }
    about = "Walk in a latent space of sentences."
    return options.parser_of("vaetext", about, verbs | further, with_model=verbs, formats={})


def _sample(arguments: Namespace) -> int:
    """Draw new sentences from the prior."""
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    if arguments.words:
        from vaetext.words import units

        least, most = arguments.words
        if least > most:
            raise InputError(f"words must be LEAST and MOST, the first no larger, got {least} and {most}")
        draw["admits"] = lambda texts: [least <= len(units(text)) <= most for text in texts]
    return console.emit(commands.sampled(_space(arguments), arguments.count, "text", **draw), ["text"], arguments)


def _encode(arguments: Namespace) -> int:
    """Write the code of each sentence, the mean of its posterior."""
    space, lines = _space(arguments), _sentences(arguments)
    columns = ["text", *commands.code_columns(space.latent), "error"]
    return console.emit(commands.encoded(space, lines, "text"), columns, arguments, carried=True)


def _predict(arguments: Namespace) -> int:
    """Predict the properties that the model was taught; inside: whether it knows sentences like it."""
    space, lines = _space(arguments), _sentences(arguments)
    columns = ["text", *commands.predicted_columns(space), "error"]
    return console.emit(commands.predicted(space, lines, "text"), columns, arguments, carried=True)


def _decode(arguments: Namespace) -> int:
    """Read codes from a csv table and write the sentence of each."""
    space, lines = _space(arguments), console.given_file(arguments.codes, "codes")
    draw = {"temperature": arguments.temperature, "top_p": arguments.top_p, "seed": arguments.seed}
    return console.emit(commands.decoded(space, lines, "text", **draw), ["text", "error"], arguments, carried=True)


def _reconstruct(arguments: Namespace) -> int:
    """Encode each sentence, decode it again, and compare; word_edits counts the words that differ."""
    space, lines = _space(arguments), _sentences(arguments)
    rows = commands.reconstructed(space, lines, "text", _compared)
    return console.emit(rows, ["text", "reconstruction", "exact", "word_edits", "error"], arguments, carried=True)


def _compared(read: str, answer: str) -> Row:
    from vaetext.paths import word_edits

    return {"exact": read == answer, "word_edits": word_edits(read, answer)}


def _path(arguments: Namespace) -> int:
    """Walk from one sentence to another."""
    commands.check_fill(arguments)
    _check_drawn(arguments)
    space = _space(arguments)
    given = arguments.text
    if len(given) > 1:  # a tab parts two sentences; one within a sentence is a space
        given = ["\t".join(" ".join(text.split()) for text in given)]
    pairs = console.given(given, "two sentences")
    rows = (_walked(space, arguments, number, pair) for number, pair in enumerate(pairs, start=1))
    columns = ["path", "t", "text", "error"]
    if arguments.judge is not None:
        from vaetext.ngram import NgramModel

        columns.insert(3, "nats_a_word")
        rows = map(partial(_scored, NgramModel(_sentences_in(space, arguments.judge))), rows)
    return console.emit(rows, columns, arguments)


def _scored(judge: "NgramModel", rows: list[Row]) -> list[Row]:
    """The points of a path, each with what its sentence costs a word."""
    return [row | ({"nats_a_word": float(*judge.nats_a_word([row["text"]]))} if "text" in row else {}) for row in rows]


def _check_drawn(arguments: Namespace) -> None:
    if arguments.temperature and (arguments.fill or arguments.beams > 1 or not arguments.plain):
        raise InputError(
            f"temperature must be 0 but for --plain --beams 1 without --fill, got {arguments.temperature:g}: steady "
            "and filled paths and beams seek what is likely"
        )


def _walked(space: "SentenceSpace", arguments: Namespace, number: int, pair: Line) -> list[Row]:
    from vaetext.paths import homotopy, steady_homotopy

    ends = pair.text.split("\t")
    try:
        if pair.error or len(ends) != 2:
            raise InputError(
                pair.error or f"a path needs two sentences (in a line with a tab between), got {pair.text[:80]!r}"
            )
        how = {"steps": arguments.steps, "kind": arguments.kind, "beams": arguments.beams}
        if arguments.plain or arguments.fill:
            drawn = {"temperature": arguments.temperature, "seed": arguments.seed}
            points = homotopy(space, *ends, **how, **drawn, most=arguments.fill)
        else:
            points = steady_homotopy(space, *ends, **how)
    except InputError as error:
        return [{"path": number, "error": str(error)}]
    rows = [{"path": number, **point._asdict()} for point in points]
    return tell_missed_ends(number, space.texts(ends), rows, "text", space.spelled)


def _posterior(arguments: Namespace) -> int:
    """What the codes of each sentence decode to: the mean of its posterior, and draws of it."""
    from vaeseq.walks import neighbourhoods

    chunk = count()

    def rows(texts: list[str]) -> list[list[Row]]:
        seed = commands.chunk_seed(arguments.seed, next(chunk))
        found = neighbourhoods(space, texts, samples=arguments.count, seed=seed)
        return [
            [{"of": "mean", "found": its.mean}, *({"of": "draw", "found": text} for text in its.samples)]
            for its in found
        ]

    space = _space(arguments)
    return console.emit(_of_each(space, arguments, rows), ["text", "of", "found", "error"], arguments, carried=True)


def _neighbours(arguments: Namespace) -> int:
    """Find, in a file, the sentences whose codes are nearest to that of each sentence."""
    from vaeseq.attributes import Neighbours

    space = _space(arguments)
    among = Neighbours(space, _sentences_in(space, arguments.among))
    none = [{"error": f"no other sentence stands in {arguments.among}"}]

    def rows(texts: list[str]) -> list[list[Row]]:
        found = among.nearest(texts, arguments.count)
        return [[{"neighbour": its.text, "similarity": its.similarity} for its in each] or none for each in found]

    columns = ["text", "neighbour", "similarity", "error"]
    return console.emit(_of_each(space, arguments, rows), columns, arguments, carried=True)


def _analogy(arguments: Namespace) -> int:
    """Change OTHER as START differs from END: the difference of two codes, added to a third."""
    from vaeseq.attributes import analogy

    space = _space(arguments)
    start, end, other = space.texts(arguments.text)
    if start == end:
        raise InputError(f"START and END must differ, got {start!r} twice")
    strengths = arguments.strength or [1.0]
    found = analogy(space, start, end, other, strengths=strengths, beams=arguments.beams)
    rows = [{"text": other, "strength": s, "shifted": its} for s, its in zip(strengths, found, strict=True)]
    return console.emit([rows], ["text", "strength", "shifted"], arguments)


def _shift(arguments: Namespace) -> int:
    """Give each sentence an attribute, such as a tense: one file has sentences with it, another without."""
    from vaeseq.attributes import changed, shifted, trait
    from vaetext.paths import edits_to

    space = _space(arguments)
    kinds = [_sentences_in(space, path) for path in (arguments.lacking, arguments.having)]
    attribute = trait(space, *kinds)
    if (fewest := min(map(len, kinds))) < space.latent:
        more = f"codes have {space.latent} dimensions, and as many sentences of each kind and more tell better"
        print(f"{fewest} sentences hardly say what parts the two kinds: {more}", file=sys.stderr)

    def rows(texts: list[str]) -> list[list[Row]]:
        if not arguments.strength:
            nearest = changed(space, texts, attribute, partial(edits_to, space), beams=arguments.beams)
            none = "no sentence that has it was found"
            return [[{"strength": "", "shifted": text, "error": "" if text else none}] for text in nearest]
        strengths = arguments.strength
        found = shifted(space, texts, attribute.along, strengths=strengths, beams=arguments.beams)
        each = zip(*found, strict=True)
        return [[{"strength": s, "shifted": its} for s, its in zip(strengths, row, strict=True)] for row in each]

    columns = ["text", "strength", "shifted", "error"]
    return console.emit(_of_each(space, arguments, rows), columns, arguments, carried=True)


def _sentences_in(space: "SentenceSpace", path: str) -> list[str]:
    """All sentences of a file, as the space reads them; blank lines are none, one that it cannot read is bad input."""
    found: list[str] = []
    lines = in_table(console.given_file(path, "sentences"), TEXT_NAMES["sentences"])
    for number, (line, texts) in enumerate(space.readings(lines), start=1):
        if not isinstance(texts, InputError):
            found += texts
        elif line.error or line.text.strip():
            raise InputError(f"line {number} of {path} cannot be used: {texts}") from texts
    if not found:
        raise InputError(f"sentences must stand in {path}, it holds blank lines alone")
    return found


def _of_each(
    space: "SentenceSpace", arguments: Namespace, rows: Callable[[list[str]], list[list[Row]]]
) -> Iterator[list[Row]]:
    """Several rows for each sentence given that can be read, and one with an error for each other."""
    for given, texts in commands.read(space, _sentences(arguments), "text"):
        found = iter(rows(texts) if texts else [])
        yield [row for its in given for row in ([its] if its["error"] else [its | each for each in next(found)])]


def _impute(arguments: Namespace) -> int:
    """Fill the blanks (words of underscores) of each sentence in several ways, each with its weight."""
    space, lines = _space(arguments), _sentences(arguments)
    rows = (_filled(space, arguments, line) for line in lines)
    return console.emit(rows, ["text", "completion", "weight", "error"], arguments, carried=True)


def _filled(space: "SentenceSpace", arguments: Namespace, line: Line) -> list[Row]:
    from vaetext.imputation import completed

    how = {name: getattr(arguments, name) for name in ("count", "samples", "particles", "seed")}
    try:
        if line.error:
            raise InputError(line.error)
        found = completed(space, line.text, **how)
    except InputError as error:
        return [{"text": line.text, "others": line.others, "error": str(error)}]
    own = {"text": line.text, "others": line.others, "error": ""}
    return [own | {"completion": its.text, "weight": its.weight} for its in found]


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
    return console.emit(rows, columns, arguments, live=True)


def _sentences(arguments: Namespace) -> Iterator[Line]:
    """The arguments, or lines of standard input, or there the cells of a table's column ``text``."""
    lines = console.given(arguments.text, "sentences")
    if arguments.column or arguments.text in ([], ["-"]):
        return in_table(lines, TEXT_NAMES["sentences"], arguments.column)
    return lines


def _space(arguments: Namespace) -> "SentenceSpace":
    from vaetext.space import SentenceSpace

    return SentenceSpace.load(MODEL.folder_of(arguments.model))
