"""Stage: walks through the latent space of one domain, between held-out rows, named texts and draws of the prior."""

from pipelines.stage import run

import importlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from torch import Tensor

from pipelines.params import InterpolateParams, domain_params
from vaeseq.errors import InputError
from vaeseq.files import write_table, write_whole
from vaeseq.paths import places
from vaeseq.walks import TextSpace, Walk, ends_of, neighbourhoods, walk

if TYPE_CHECKING:
    from vaetext.ngram import NgramModel

# Both modules say, for their domain, when two texts are equal, what a step shows, and what a good walk is.
PATHS = {"molecules": "vaemol.interpolation", "sentences": "vaetext.paths"}
SAMPLES = 3  # draws of each posterior in the posterior table
BLANKS, WAYS = 2, 4  # of a sentence that is to be filled in
LEARNT = 100_000  # training rows of the model of words: seconds of counting
DRAWN = 3  # paths of each origin that get a picture: turning a path's molecules alike takes two seconds

Row = dict[str, Any]


class Pair(NamedTuple):
    """Two ends: where they come from, their texts ('' for draws of the prior) and their codes."""

    origin: str
    start: str
    end: str
    codes: tuple[Tensor, Tensor]


def main(domain: str) -> None:
    """Write ``reports/<domain>/interpolate.json``, the tables beside it, and pictures of molecules."""
    params: InterpolateParams = domain_params(domain).interpolate
    out = Path("reports", domain, "interpolate")
    out.mkdir(parents=True, exist_ok=True)
    module = importlib.import_module(PATHS[domain])
    space = module.SPACE.load(Path("models", domain))
    texts = held_out(Path("data/prepared", domain), module.COLUMN, params.seed)
    known = filter(None, (_identity(module, space, text) for text in texts))
    readable = list(islice(known, max(2 * params.pairs, params.posterior_rows, 4 * params.imputed_rows)))
    pairs = list(_pairs(space, module, readable, params))
    sentences = domain == "sentences"
    language = _language(params.seed) if sentences and pairs else None
    real = {"held_out_perplexity": language.perplexity(texts).value} if language else {}
    spelled = space.spelled if sentences else lambda _: []
    figures, rows = {}, []
    for kind in params.kinds:
        walks = [_walked(domain, space, pair, params, kind) for pair in pairs]
        if walks:
            steps, figures[kind] = module.judged(walks, space.space.metadata)
            if language:
                steps = [_with_nats(language, its) for its in steps]
                figures[kind] |= _fluency(language, walks, real)
            rows += _rows(pairs, steps, kind, spelled)
    rows.sort(key=lambda row: row["path"])
    write_table(out / "paths.csv", _written(rows))
    held = _posterior_rows(space, readable[: params.posterior_rows], params.seed)
    write_table(out / "posterior_table.csv", _written(held))
    if domain == "molecules":
        _draw(out, rows)
    elif not space.space.vae.discrete:
        write_table(out / "imputed.csv", _written(_imputed(space, readable, params)))
    write_whole(Path("reports", domain, "interpolate.json"), json.dumps(figures, indent=2) + "\n")


def held_out(prepared: Path, column: str, seed: int) -> list[str]:
    """The test rows, or without any the valid rows, in random order."""
    return _of_split(prepared, column, "test", seed) or _of_split(prepared, column, "valid", seed)


def _of_split(prepared: Path, column: str, split: str, seed: int) -> list[str]:
    rows = pq.read_table(prepared / "rows.parquet", columns=[column], filters=[("split", "=", split)])
    return np.random.default_rng(seed).permutation(np.asarray(rows.column(column))).tolist()


def _language(seed: int) -> "NgramModel":
    """What says how likely sentences are to a model of words alone, learnt from at most ``LEARNT`` training rows.

    Of these, the sentences that are walked between are none.
    """
    from vaetext.metrics import ORDER
    from vaetext.ngram import NgramModel

    return NgramModel(_of_split(Path("data/prepared/sentences"), "text", "train", seed)[:LEARNT], order=ORDER)


def _with_nats(language: "NgramModel", steps: Sequence[Row]) -> list[Row]:
    """The steps of a path, each with what its sentence costs a word."""
    nats = language.nats_a_word([row["text"] for row in steps]).tolist()
    return [row | {"nats_a_word": its} for row, its in zip(steps, nats, strict=True)]


def _fluency(language: "NgramModel", walks: Sequence[Walk], real: Row) -> Row:
    """Perplexity of the sentences between the ends, beside that of held-out ones."""
    between = [text for its in walks for _, text in its.points[1:-1]]
    if not between:
        return {}
    found = language.perplexity(between)
    return {"between_perplexity": found.value, "between_perplexity_of": found.of} | real


def _identity(module: ModuleType, space: TextSpace, text: str) -> str:
    """The text as the space writes it; '' with a message where the model cannot read it."""
    try:
        return module.identity(space, text)
    except InputError as error:
        print(f"left out: {error}", file=sys.stderr)
        return ""


def _pairs(space: TextSpace, module: ModuleType, texts: Sequence[str], params: InterpolateParams) -> Iterator[Pair]:
    named = [(_identity(module, space, start), _identity(module, space, end)) for start, end in params.named]
    between = list(zip(texts[::2], texts[1::2], strict=False))[: params.pairs]
    for origin, ends in (("named", [pair for pair in named if all(pair)]), ("held_out", between)):
        for (start, end), codes in zip(ends, ends_of(space, ends), strict=True):
            yield Pair(origin, start, end, codes)
    for codes in module.random_ends(space, params.random, seed=params.seed):
        yield Pair("random", "", "", codes)


def _walked(domain: str, space: TextSpace, pair: Pair, params: InterpolateParams, kind: str) -> Walk:
    asked = pair.origin != "random"
    if kind == "steady":
        points = _steady(domain, space, pair, params)
    else:
        points = walk(space, pair.codes, steps=params.steps, kind=kind, beams=params.beams, from_texts=asked)
    start, end = (pair.start, pair.end) if asked else (points[0][1], points[-1][1])
    return Walk(points, start, end, asked)


def _steady(domain: str, space: TextSpace, pair: Pair, params: InterpolateParams) -> list[tuple[float, str]]:
    if domain == "sentences":
        from vaetext.paths import steady_between

        return steady_between(space, pair.codes, steps=params.steps, beams=params.beams)
    from vaemol.constraints import all_of
    from vaemol.smooth import smooth_between

    path = smooth_between(space, pair.codes, (pair.start, pair.end), holds=all_of([]), seed=params.seed)
    return list(zip(places(len(path)).tolist(), path, strict=True))


def _rows(
    pairs: Sequence[Pair], paths: Sequence[Sequence[Row]], kind: str, spelled: Callable[[str], list[str]]
) -> Iterator[Row]:
    """With the text that was asked for, and where the path misses it, its words that the vocabulary has no symbol for.

    These are ``spelled`` in pieces.
    """
    for number, (pair, steps) in enumerate(zip(pairs, paths, strict=True)):
        given = {0: pair.start, len(steps) - 1: pair.end}
        for step, columns in enumerate(steps):
            place = {"path": number, "origin": pair.origin, "kind": kind, "step": step}
            wanted = given.get(step, "")
            unknown = spelled(wanted) if wanted != columns["text"] else []
            yield place | columns | {"given": wanted, "unknown": " ".join(unknown)}


def _posterior_rows(space: TextSpace, texts: Sequence[str], seed: int) -> list[Row]:
    found = neighbourhoods(space, texts, samples=SAMPLES, seed=seed) if texts else []
    return [
        {"input": its.text, "mean": its.mean} | {f"sample_{i}": text for i, text in enumerate(its.samples, start=1)}
        for its in found
    ]


def _imputed(space: TextSpace, texts: Sequence[str], params: InterpolateParams) -> Iterator[Row]:
    """Sentences with words blanked out, each with the likeliest ways to fill it."""
    from vaetext.imputation import completed, with_blanks
    from vaetext.words import units

    random = np.random.default_rng(params.seed)
    for text in [text for text in texts if len(units(text)) > 2 * BLANKS][: params.imputed_rows]:
        blanked = with_blanks(text, BLANKS, random)
        try:
            ways = completed(space, blanked, count=WAYS, seed=params.seed)
        except InputError as error:  # nothing to blank out, or a text with underscores of its own
            print(f"left out: {error}", file=sys.stderr)
            continue
        yield from ({"text": blanked, "original": text, "completion": its.text, "weight": its.weight} for its in ways)


def _draw(out: Path, rows: Sequence[Row]) -> None:
    """A picture of each path by each kind, of the first of each origin."""
    from vaemol.pictures import strip

    origins = {row["path"]: row["origin"] for row in rows}
    firsts = [[path for path, its in origins.items() if its == origin][:DRAWN] for origin in set(origins.values())]
    for number in sorted(chain.from_iterable(firsts)):
        for kind, its in groupby((row for row in rows if row["path"] == number), key=itemgetter("kind")):
            path = list(its)
            legends = [f"{kind} {row['t']:.2f}" for row in path]
            (out / f"path_{number}_{kind}.png").write_bytes(strip([row["text"] for row in path], legends))


def _written(rows: Iterable[Row]) -> list[Row]:
    """As tables are read: nan and None blank, numbers of six digits."""
    return [{name: _cell(value) for name, value in row.items()} for row in rows]


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return "" if value is None else value


if __name__ == "__main__":
    run(main)
