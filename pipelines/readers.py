"""Raw files to rows, one at a time: ``.smi``, ``.txt``, ``.csv``, ``.sdf`` and ``.parquet``, packed or not.

A row that cannot be read is still a row, with the reason; only a file that cannot be read at all is an error. Blank
lines are no rows.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.lines import LINE_LIMIT, SHOWN, Line, lines, opened
from pipelines.params import shown
from pipelines.sources import Domain, Format, Table
from vaeseq.delimited import (
    TEXT_NAMES,
    cells_of,
    check_columns,
    delimiter_of,
    distinct,
    place_named,
    place_of,
    records,
)
from vaeseq.errors import InputError
from vaeseq.parallel import ordered_map

_ID_NAMES = ("id", "name", "identifier", "compound_id", "molecule_id", "chembl_id", "molecule_chembl_id", "zinc_id")
_FORMATS: dict[Domain, dict[str, Format]] = {
    "molecules": {".smi": "smi", ".smiles": "smi", ".txt": "smi", ".sdf": "sdf", ".sd": "sdf", ".mol": "sdf"},
    "sentences": {".txt": "txt"},
}
_TABLES: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
_TEXT_LIMIT = 100_000  # characters; far beyond the limits of any domain, and a chunk of such rows still fits memory
_CELLS, _CELLS_SIZE = 262_144, 64_000_000  # of a batch of Parquet; bytes
_ENDS = tuple(".?!…。？！؟।")  # noqa: RUF001 - of sentences, in any script
_SDF_NAME = re.compile(r"^>.*<([^<>]+)>")


class RawRow(NamedTuple):
    """One row of a source.

    Attributes:
        line: Line, or record for ``.sdf`` and ``.parquet``, numbered from 1.
        id: The source's own identifier.
        text: SMILES, sentence, or a record of an SDF file.
        columns: Everything else that came with it.
        reason: Why it cannot be used, if so; ``text`` is then only its beginning.
    """

    line: int
    id: str | None
    text: str
    columns: dict[str, str]
    reason: str | None = None


class _Chosen(NamedTuple):
    text: int
    id: int | None
    others: tuple[tuple[int, str], ...]
    width: int


def format_of(path: Path, domain: Domain) -> Format:
    """The format that a user's file name stands for; ``.gz`` at its end does not count.

    Raises:
        InputError: The ending is unknown.
    """
    known = _FORMATS[domain] | _TABLES
    if (suffix := _suffix(path)) not in known:
        raise InputError(f"file {str(path)!r} must end in one of {', '.join(known)} (and .gz), got {suffix!r}")
    return known[suffix]


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def rows(path: Path, table: Table, domain: Domain) -> Iterator[RawRow]:
    """Every row of one file, in order, in constant memory.

    Raises:
        InputError: The file cannot be read, or has no such column.
    """
    with opened(path, table.member) as stream:
        match table.format:
            case "txt":
                yield from (_checked(line, None, line.text) for line in lines(stream, path) if line.text.strip())
            case "smi":
                yield from _smi(stream, path)
            case "csv":
                yield from _csv(stream, path, table, domain)
            case "sdf":
                yield from _sdf(stream, path, table.id_column)
            case "parquet":
                yield from _parquet(stream, path, table, domain)


def _smi(stream: IO[bytes], path: Path) -> Iterator[RawRow]:
    first = True
    for line in lines(stream, path):
        smiles, _, name = line.text.strip().replace("\t", " ", 1).partition(" ")
        if smiles and not (first and place_of([smiles], TEXT_NAMES["molecules"]) is not None):
            yield _checked(line, _clean(name.strip()) or None, smiles)
        first = first and not smiles


def _csv(stream: IO[bytes], path: Path, table: Table, domain: Domain) -> Iterator[RawRow]:
    numbered = lines(stream, path)
    if table.names:
        header, delimiter = list(table.names), table.delimiter or ","
    else:
        first = next((line for line in numbered if line.text.strip()), None)
        if first is None:
            return
        delimiter = table.delimiter or _delimiter(first.text, path)
        header = cells_of(first.text, delimiter, quoted=table.quoted) or [first.text]
    chosen = _choose(header, table, domain, path)
    whole = {"whole": lambda line: not line.too_long, "quoted": table.quoted}
    for line, cells in records(numbered, delimiter, chosen.width, **whole):
        if cells is None or any(cells[chosen.width :]):
            too_long = line.too_long or len(line.text) > csv.field_size_limit()
            yield RawRow(line.number, None, _clean(line.text[:SHOWN]), {}, "too_long" if too_long else "malformed")
        elif any(cells):
            yield _row(line, cells, chosen)


def _delimiter(header: str, path: Path) -> str:
    """The tab where the name says so; else what the header has most of, outside of quotes."""
    if _suffix(path) == ".tsv" and "\t" in header:
        return "\t"
    return delimiter_of(header)


def _sdf(stream: IO[bytes], path: Path, id_column: str | None) -> Iterator[RawRow]:
    number, block, size, too_long = 1, [], 0, False
    for line in lines(stream, path):
        if line.text.startswith("$$$$"):
            yield _sdf_row(number, block, id_column, too_long)
            number, block, size, too_long = number + 1, [], 0, False
        elif (size := size + len(line.text) + 1) > LINE_LIMIT or line.too_long:
            too_long = True
        else:
            block.append(line.text)
    if too_long or any(text.strip() for text in block):
        yield _sdf_row(number, block, id_column, too_long)


def _sdf_row(number: int, block: list[str], id_column: str | None, too_long: bool) -> RawRow:
    end = next((i + 1 for i, text in enumerate(block) if text.startswith("M  END")), len(block))
    cells: dict[str, list[str]] = {}
    name = None
    for text in block[end:]:
        if match := _SDF_NAME.match(text):
            name = _clean(match[1])
        elif name and text.strip():
            cells.setdefault(name, []).append(_clean(text))
    columns = {name: "\n".join(lines) for name, lines in cells.items()}
    title = columns.pop(id_column, "") if id_column else _clean(block[0].strip() if block else "")
    return _checked(Line(number, "", too_long), title or None, "\n".join(block[:end]), columns)


def _parquet(stream: IO[bytes], path: Path, table: Table, domain: Domain) -> Iterator[RawRow]:
    try:
        file = pq.ParquetFile(stream)
        leaves = (file.schema.column(i) for i in range(len(file.schema)))
        # A few bytes may name a long text again and again: here each is held once.
        named = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        file = pq.ParquetFile(stream, metadata=file.metadata, read_dictionary=named)
        kept = _bounded(file.schema_arrow)
        chosen = _choose(kept, table, domain, path)
        number = 0
        for batch in file.iter_batches(batch_size=_at_once(file.metadata, len(kept)), columns=kept):
            for cells in zip(*map(_texts, batch.columns), strict=True):
                number += 1
                if sum(map(len, cells)) > LINE_LIMIT:
                    yield RawRow(number, None, _clean(cells[chosen.text][:SHOWN]), {}, "too_long")
                else:
                    yield _row(Line(number, ""), cells, chosen)
    except InputError:
        raise
    except (pa.ArrowException, ValueError, OverflowError) as error:  # the latter two of cells that Python cannot hold
        raise InputError(f"file {str(path)!r} must be a Parquet file: {error}") from error


def _bounded(schema: pa.Schema) -> list[str]:
    """The columns of text and of fixed width; a list of a few bytes may be of any length, and so it is left out."""

    def bounded(kind: pa.DataType) -> bool:
        if pa.types.is_dictionary(kind) or pa.types.is_null(kind):
            return True
        with suppress(ValueError):  # of no fixed width
            return not pa.types.is_nested(kind) and kind.bit_width <= 8 * SHOWN
        return False

    # A name stands for the parts of a nested column too.
    others = {field.name.partition(".")[0] for field in schema if not bounded(field.type)}
    return [field.name for field in schema if field.name.partition(".")[0] not in others]


def _at_once(metadata: pq.FileMetaData, columns: int) -> int:
    """Rows of a batch, by its cells and by the bytes that the file says of its rows."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    widest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=0)
    return max(1, min(4096, _CELLS // max(1, columns), int(_CELLS_SIZE / max(1, widest))))


def _texts(column: pa.Array) -> list[str]:
    """The cells as text; where they are long, each is cut and those of one dictionary entry are one string."""
    if pa.types.is_dictionary(column.type):
        sizes = pc.binary_length(column.dictionary).take(column.indices)
        if (pc.sum(sizes).as_py() or 0) > LINE_LIMIT:
            return _shared(column)
        column = column.dictionary_decode()
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def _shared(column: pa.DictionaryArray) -> list[str]:
    places = column.indices.to_pylist()
    used = list({*places} - {None})
    entries = column.dictionary.take(pa.array(used, pa.int64()))
    cut = pc.utf8_slice_codeunits if pa.types.is_string(entries.type) else pc.binary_slice
    texts = dict(zip(used, map(str, cut(entries, 0, LINE_LIMIT + 1).to_pylist()), strict=True))
    return [texts.get(place, "") for place in places]


def _choose(names: Sequence[str], table: Table, domain: Domain, path: Path) -> _Chosen:
    """Which columns hold what; the others keep their names, made distinct."""
    check_columns(len(names))
    named, is_data = distinct(map(_clean, names)), partial(_is_data, domain=domain)
    # Of a csv file the first line may be a row already, unless the source says what its columns are.
    doubted = is_data if table.format == "csv" and not table.names else None
    text = _place(named, table.column, TEXT_NAMES[domain], path, doubted)
    if text is None and len(named) == 1 and not is_data(named):
        text = 0
    if text is None:
        raise InputError(
            f"data.column must name the column of the {domain} in {str(path)!r}: none of its columns {shown(named)} "
            f"surely has a usual name ({', '.join(TEXT_NAMES[domain])}); its first line must be the header"
        )
    identifier = _place(named, table.id_column, _ID_NAMES, path)
    others = tuple((i, name) for i, name in enumerate(named) if i not in (text, identifier))
    return _Chosen(text, identifier, others, len(named))


def _is_data(names: Sequence[str], domain: Domain) -> bool:
    """Whether any of what stands where the header should be is of a row already."""
    if domain == "sentences":
        return any(name.endswith(_ENDS) for name in names)
    from vaemol.notation import to_smiles  # loads rdkit, which no other row needs

    read = partial(to_smiles, notation="smiles")
    found = ordered_map(read, names, workers=1, preload=(to_smiles.__module__,))
    return any(isinstance(smiles, str) and smiles for _, smiles in found)


def _place(
    names: Sequence[str],
    wanted: str | None,
    usual: Sequence[str],
    path: Path,
    is_data: Callable[[Sequence[str]], bool] | None = None,
) -> int | None:
    return place_of(names, usual, is_data) if wanted is None else place_named(wanted, names, repr(str(path)))


def _row(line: Line, cells: Sequence[str], chosen: _Chosen) -> RawRow:
    def cell(i: int) -> str:
        return cells[i] if i < len(cells) else ""

    identifier = None if chosen.id is None else _clean(cell(chosen.id)) or None
    return _checked(line, identifier, cell(chosen.text), {name: _clean(cell(i)) for i, name in chosen.others})


def _checked(line: Line, identifier: str | None, text: str, columns: dict[str, str] | None = None) -> RawRow:
    too_long = line.too_long or len(text) > _TEXT_LIMIT
    clean = _clean(text)
    reason = "too_long" if too_long else "encoding" if clean != text or "\0" in text else None
    return RawRow(line.number, identifier, clean[:SHOWN] if reason else clean, columns or {}, reason)


def _clean(text: str) -> str:
    """The text with a visible mark in place of each byte that was no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
