"""Raw files to a corpus: rows checked, normalised, de-duplicated, split, and cut into symbols.

Nothing is lost on the way: every row of the source is accepted or kept in ``rejects.csv`` with its reason.
"""

import functools
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.params import MoleculePrepareParams, SentencePrepareParams, domain_params
from pipelines.progress import progress
from pipelines.readers import RawRow, rows
from pipelines.records import (
    Record,
    Split,
    molecule_records,
    molecule_split,
    sentence_records,
    sentence_split,
)
from pipelines.replicates import Replicates
from pipelines.rowtable import RowTable, shared_scaffolds, splits, texts
from pipelines.seen import Seen
from pipelines.sources import Domain, Raw
from pipelines.start import domain_of, start_of
from vaeseq.delimited import check_columns
from vaeseq.errors import InputError, Rejected
from vaeseq.files import write_whole
from vaeseq.parallel import ordered_map
from vaeseq.tokenizer import UNK, Tokenizer

_Settings = MoleculePrepareParams | SentencePrepareParams
_BATCH = 10_000  # texts cut at once
_LONG, _NOTABLE = ("too_long", "too_many_atoms"), 0.1  # reasons; a share of the rows that is told
_WIDER: dict[Domain, str] = {
    "molecules": "wider limits (prepare.max_characters, prepare.max_heavy_atoms)",
    "sentences": "wider limits (prepare.max_words, prepare.max_characters; of fit --max-words)",
}
_CUTS = {"cut", "vocabulary"}  # what settings of sentences say of the vocabulary, and a model of them too


@dataclass(frozen=True)
class _Plan:
    """What one domain does with its rows; two records with the same ``key`` are duplicates.

    ``chunk`` is how many rows a process takes at once, where those of ``ordered_map`` would take it too long.
    """

    records: Callable[[RawRow], list[Record]]
    split: Callable[[Record], Split]
    key: str
    preload: tuple[str, ...]
    chunk: int | None = None


def prepare_corpus(raw: Path, out: Path, settings: _Settings, *, start: Path | None = None) -> dict[str, object]:
    """Prepare what lies in a raw folder; the same bytes come out whatever the number of workers.

    Rows are cut by the vocabulary of the model in ``start``, if there is one, and a row that it cannot spell is
    rejected; the settings then say what it was made by. Else by a vocabulary made of the train rows.

    Writes ``rows.parquet``, ``rejects.csv``, ``tokenizer.json``, ``tokens.safetensors`` and last ``summary.json``,
    which is returned. There ``input`` rows were taken from the ``source_rows`` of the source; ``split`` counts the rows
    of the table, ``copies`` of train molecules included; ``averaged`` are those that hold means, where there are any;
    ``scaffolds_shared`` are those that both train and test rows have, of a split by scaffold;
    ``symbols_*`` are per row, without ``<bos>`` and ``<eos>``.

    Raises:
        InputError: The raw files or the vocabulary cannot be read, or hold no row that can be used, or too few for
            three splits.
    """
    source = Raw.load(raw)
    tokenizer = None
    if start:
        tokenizer, told = Tokenizer.load(start / "tokenizer.json"), domain_of(start)
        for name in {"notation", "lower"} & told.keys() & type(settings).model_fields.keys():
            if told[name] != (asked := getattr(settings, name)):
                raise InputError(
                    f"prepare.{name} must be {told[name]!r}, as it is of the model in model.start, got {asked!r}; "
                    "with model.start: null a model learns from scratch"
                )
        known = _CUTS & told.keys() & type(settings).model_fields.keys()
        settings = settings.model_copy(update={name: told[name] for name in known})
    sizes, columns = survey(raw, source)
    taken = _draw_rows(sizes, source)
    changed: Counter[str] = Counter()
    measured = getattr(settings, "mean_of", ())
    if missing := sorted({*measured} - {*columns}):
        raise InputError(f"prepare.mean_of must be columns of {source.name!r}: {columns}, got {missing}")
    replicates = Replicates(measured)
    accepted = 0
    with RowTable(out, columns) as table, progress(f"prepare {source.domain}", sum(taken)) as advance:
        for row, records, split in _outcomes(raw, source, sizes, taken, settings, tokenizer, replicates):
            advance(1)
            if isinstance(records, Rejected):
                table.reject(row, records.reason)
                continue
            accepted += 1
            changed.update(filter(None, str(records[0].get("changed", "")).split(",")))
            for record in records if split == "train" else records[:1]:
                table.accept(row, record, split)
    assert accepted + table.rejected.total() == sum(taken), "a row was lost"
    if (long := sum(table.rejected[reason] for reason in _LONG)) > _NOTABLE * sum(taken):
        print(f"{long:,} of {sum(taken):,} rows are too long: take {_WIDER[source.domain]}", file=sys.stderr)
    counts, averaged = _counts(source, table), replicates.average(table.path, "smiles")
    facts = {
        "source": source.name,
        "licence": source.licence,
        "attribution": source.attribution,
        "source_rows": sum(sizes),
        "input": sum(taken),
        "accepted": accepted,
        "rejected": dict(sorted(table.rejected.items())),
        "settings": settings.model_dump(mode="json", exclude={"workers"}),
        "changed": dict(sorted(changed.items())),
        **({"averaged": averaged} if averaged else {}),
        **({"scaffolds_shared": shared_scaffolds(table.path)} if getattr(settings, "split", "") == "scaffold" else {}),
        "copies": table.accepted.total() - accepted,
        "split": counts,
    }
    tokenizer = tokenizer or _tokenizer(texts(table.path, "train"), source.domain, settings)
    summary = facts | _cut(out, table, source.domain, settings, tokenizer)
    write_whole(out / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return summary


def _plan(source: Raw, settings: _Settings) -> _Plan:
    if source.domain == "molecules":
        names = ("notation", "standardise", "max_characters", "max_heavy_atoms", "randomise", "seed")
        records = functools.partial(molecule_records, **{name: getattr(settings, name) for name in names})
        names = ("split", "valid_fraction", "test_fraction", "seed")
        split = functools.partial(molecule_split, **{name: getattr(settings, name) for name in names})
        chunk = max(1, 256 // (1 + settings.randomise)) if settings.randomise else None
        return _Plan(records, split, "smiles", ("pipelines.records", "vaemol.record"), chunk)
    labels = tuple(dict.fromkeys(label for table in source.tables for label in table.labels))
    limits = {name: getattr(settings, name) for name in ("max_words", "max_characters", "lower")}
    records = functools.partial(sentence_records, labels=labels, **limits)
    return _Plan(records, sentence_split, "text", ("pipelines.records",))


def survey(raw: Path, source: Raw) -> tuple[list[int], list[str]]:
    """How many rows each table has, and what columns they bring.

    Raises:
        InputError: A table holds no row, or they bring too many columns.
    """
    sizes, names = [], {}
    for table in source.tables:
        count = 0
        for row in rows(raw / table.file, table, source.domain):
            count += 1
            names.update(dict.fromkeys(row.columns))
            check_columns(len(names))
        if not count:
            raise InputError(f"file {table.member or table.file!r} of {source.name!r} must hold rows and is empty")
        sizes.append(count)
    labels = {label for table in source.tables for label in table.labels}
    return sizes, [name for name in names if name not in labels]


def _draw_rows(sizes: list[int], source: Raw) -> bytes:
    """Which rows to take, a 1 for each: of each table its share, and of these all, or so many at random."""
    random = np.random.default_rng(source.seed)
    taken = np.ones(sum(sizes), dtype=np.uint8)
    for start, size, table in zip(itertools.accumulate(sizes, initial=0), sizes, source.tables, strict=False):
        if table.share < 1:
            taken[start + random.permutation(size)[max(1, round(table.share * size)) :]] = 0
    left = np.flatnonzero(taken)
    if source.rows is not None and source.rows < len(left):
        taken[random.permutation(left)[source.rows :]] = 0
    return taken.tobytes()


def _outcomes(
    raw: Path,
    source: Raw,
    sizes: list[int],
    taken: bytes,
    settings: _Settings,
    tokenizer: Tokenizer | None,
    replicates: Replicates,
) -> Iterator[tuple[RawRow, list[Record] | Rejected, Split]]:
    """Every row that is taken, in order, with its records or why there are none, and its split."""
    plan = _plan(source, settings)
    seen = Seen(sum(taken))
    own = {table.split for table in source.tables}
    left = iter(taken)
    for table, size in zip(source.tables, sizes, strict=True):
        found = itertools.compress(rows(raw / table.file, table, source.domain), itertools.islice(left, size))
        how = {"workers": settings.workers, "preload": plan.preload, "chunk": plan.chunk}
        for row, result in ordered_map(plan.records, found, **how):
            row = row if row.id or len(sizes) == 1 else row._replace(id=f"{table.member or table.file}:{row.line}")
            if tokenizer and not isinstance(result, Rejected):
                result = _spelt(result, tokenizer)
            if not isinstance(result, Rejected) and not source.keep_duplicates and seen.again(str(result[0][plan.key])):
                if table.split is None:  # else it may be of another split than the first
                    replicates.add(str(result[0][plan.key]), row.columns)
                result = Rejected("duplicate")
            split = "train" if isinstance(result, Rejected) else plan.split(result[0])
            yield row, result, _settle(split, table.split, own)


def _spelt(records: list[Record], tokenizer: Tokenizer) -> list[Record] | Rejected:
    """A row's record, and of its copies those that a vocabulary can spell."""
    texts = tokenizer.encode_batch([str(record["text"]) for record in records])
    if UNK in texts[0]:
        return Rejected("unknown_symbol")
    return [record for record, ids in zip(records, texts, strict=True) if UNK not in ids]


def _settle(drawn: Split, given: Split | None, own: Set[Split | None]) -> Split:
    """The set's own split where it has one; a valid split that it lacks is carved from its train rows.

    Where another part of the set has none, what is drawn for it also holds for train rows: the same row is held out
    in that part's own set, and a model of this one may go on there.
    """
    if given is None or (given == "train" and None in own):
        return drawn
    return "valid" if given == "train" and drawn == "valid" and "valid" not in own else given


def _counts(source: Raw, table: RowTable) -> dict[str, int]:
    counts = {name: table.accepted[name] for name in ("train", "valid", "test")}
    if not all(counts.values()):
        of_molecules = ", larger fractions, or a random split where they share a scaffold"
        raise InputError(
            f"every split must hold a row, got {counts} from {source.name!r}, rejected {dict(table.rejected)}: take "
            f"more rows, {_WIDER[source.domain]}{of_molecules if source.domain == 'molecules' else ''}; the rejected "
            "rows and their reasons are in rejects.csv"
        )
    return counts


def _cut(out: Path, table: RowTable, domain: Domain, settings: _Settings, tokenizer: Tokenizer) -> dict[str, object]:
    """Write the tokenizer and the ids; what there is to say about them."""
    from vaeseq.corpus import SPLITS, Corpus, write_tokens  # torch, which a worker would load with this module

    tokenizer.save(out / "tokenizer.json")
    split = bytes(map(SPLITS.index, splits(table.path)))
    write_tokens(out / "tokens.safetensors", _ids(tokenizer, table), np.frombuffer(split, np.uint8))
    corpus = Corpus.load(out)
    lengths = corpus.lengths - 2
    return {
        **({"notation": settings.notation} if domain == "molecules" else {"cut": settings.cut}),
        "vocabulary": tokenizer.size,
        "unknown_symbols": int((corpus.tokens == UNK).sum()),
        "symbols_mean": float(lengths.mean()),
        "symbols_max": int(lengths.max()),
    }


def _tokenizer(train: Iterable[str], domain: Domain, settings: _Settings) -> Tokenizer:
    """The vocabulary of the train rows."""
    if domain == "molecules":
        from vaemol.notation import SELFIES_PATTERN, SMILES_PATTERN, symbols

        known = {symbol for text in train for symbol in symbols(text, settings.notation)}
        return Tokenizer.of_symbols(known, SELFIES_PATTERN if settings.notation == "selfies" else SMILES_PATTERN)
    make = Tokenizer.of_words if settings.cut == "words" else Tokenizer.of_bpe
    return make(train, size=settings.vocabulary)


def _ids(tokenizer: Tokenizer, table: RowTable) -> Iterator[list[int]]:
    found = texts(table.path)
    while batch := list(itertools.islice(found, _BATCH)):
        yield from tokenizer.encode_batch(batch)


def main(domain: str) -> None:
    """Prepare the fetched set of a domain."""
    params = domain_params(domain)
    raw, out = Path("data/raw", domain), Path("data/prepared", domain)
    summary = prepare_corpus(raw, out, params.prepare, start=start_of(domain, params.model.start))
    print(
        f"{domain}: {summary['accepted']:,} of {summary['input']:,} rows, rejected {summary['rejected']}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    from pipelines.stage import run

    run(main)
