"""The raw files of one domain, checked, and how to read them; or the user's own file, or what is made here."""

import csv
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.download import cache_folder, mirror_folder, obtain, sha256_of
from pipelines.params import DataParams, domain_params
from pipelines.readers import format_of
from pipelines.sources import Domain, Raw, RawFile, Source, Table, load_sources
from vaeseq.errors import InputError, shortage

SOURCES = Path(__file__).parents[1] / "data" / "sources.yaml"
_SENTENCES = 60_000  # of the grammar, where no number is asked for


def fetch(domain: Domain, settings: DataParams, sources: Path, out: Path) -> Raw:
    """Fill a raw folder with the files of ``settings.source`` and, last, ``source.json``.

    Raises:
        InputError: The source is unknown or of the other domain, its licence is not accepted, or its bytes cannot be
            had.
    """
    out.mkdir(parents=True, exist_ok=True)
    if settings.source.startswith("file:"):
        raw = _own_file(domain, settings, out)
    else:
        known = load_sources(sources)
        source = _source(domain, settings, known)
        if source.of:
            tables = tuple(
                table.model_copy(update={"share": share})
                for name, share in source.of.items()
                for table in _tables(known[name], settings, out)
            )
        else:
            tables = _tables(source, settings, out)
        raw = Raw(
            name=settings.source,
            domain=domain,
            licence=source.licence,
            attribution=source.attribution,
            keep_duplicates=source.keep_duplicates,
            rows=settings.rows,
            seed=settings.seed,
            tables=tables,
            files=_files(out, tables),
        )
    raw.save(out)
    return raw


def main(domain: str) -> None:
    """Fetch the set that ``params.yaml`` names."""
    settings = domain_params(domain).data
    fetch(domain, settings, SOURCES, Path("data/raw") / domain)


def _source(domain: Domain, settings: DataParams, sources: dict[str, Source]) -> Source:
    place = f"{domain}.data"
    own = [name for name, source in sources.items() if source.domain == domain]
    if settings.source not in own:
        raise InputError(f"{place}.source must be one of {', '.join(own)} or file:PATH, got {settings.source!r}")
    source = sources[settings.source]
    if source.opt_in and not settings.accept_licence:
        raise InputError(f"{place}.accept_licence must be true to use {settings.source!r}: {source.licence}")
    return source


def _tables(source: Source, settings: DataParams, out: Path) -> tuple[Table, ...]:
    """Of one set, once its files are there."""
    return _fetched(source, settings, out) if source.files else _made(source.domain, settings, out)


def _fetched(source: Source, settings: DataParams, out: Path) -> tuple[Table, ...]:
    mirror, cache = mirror_folder(settings.mirror), cache_folder()
    for file in source.files:
        target = out / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(obtain(file, mirror=mirror, cache=cache), target)
    return source.tables


def _made(domain: Domain, settings: DataParams, out: Path) -> tuple[Table, ...]:
    if domain == "molecules":
        return (_builtin(out),)
    return (_everyday(out, settings.rows or _SENTENCES, settings.seed),)


def _builtin(out: Path) -> Table:
    from vaemol.builtin import builtin_molecules

    with (out / "builtin.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["id", "smiles"])
        lines.writerows(builtin_molecules())
    return Table(file="builtin.csv", format="csv", column="smiles", id_column="id")


def _everyday(out: Path, count: int, seed: int) -> Table:
    from vaetext.everyday import LABELS, sentences

    pq.write_table(pa.Table.from_pylist(list(sentences(count, seed))), out / "everyday.parquet")
    return Table(file="everyday.parquet", format="parquet", column="text", labels=LABELS)


def _own_file(domain: Domain, settings: DataParams, out: Path) -> Raw:
    path = Path(os.path.expanduser(settings.source.removeprefix("file:")))
    format_ = format_of(path, domain)
    if not os.path.isfile(path):  # False where a path raises: of a name too long for one
        raise InputError(f"{domain}.data.source must be a file that is there, got {settings.source!r}")
    if settings.column is not None and format_ not in ("csv", "parquet"):
        raise InputError(
            f"{domain}.data.column must be null for {path.name!r}, which has no columns, got {settings.column!r}"
        )
    if settings.id_column is not None and format_ in ("smi", "txt"):
        raise InputError(
            f"{domain}.data.id_column must be null for {path.name!r}, which has no columns, got {settings.id_column!r}"
        )
    try:
        shutil.copyfile(path, out / path.name)
    except OSError as error:
        if shortage(error):
            raise
        raise InputError(
            f"{domain}.data.source must be a file that can be read, and not in {str(out)!r}, got {settings.source!r}: "
            f"{error}"
        ) from error
    table = Table(file=path.name, format=format_, column=settings.column, id_column=settings.id_column)
    return Raw(
        name=f"file:{path.name}",
        domain=domain,
        licence="the user's own",
        attribution="the user",
        rows=settings.rows,
        seed=settings.seed,
        tables=(table,),
        files=_files(out, (table,)),
    )


def _files(out: Path, tables: tuple[Table, ...]) -> tuple[RawFile, ...]:
    names = dict.fromkeys(table.file for table in tables)
    return tuple(RawFile(path=n, sha256=sha256_of(out / n), bytes=(out / n).stat().st_size) for n in names)


if __name__ == "__main__":
    from pipelines.stage import run

    run(main)
