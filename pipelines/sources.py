"""Typed reading of ``data/sources.yaml`` and of the ``source.json`` that a fetched set carries with it."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipelines.params import read_yaml
from vaeseq.errors import InputError, shown
from vaeseq.files import write_whole

Domain = Literal["molecules", "sentences"]
Format = Literal["smi", "csv", "txt", "sdf", "parquet"]


def _below(path: str) -> str:
    """A place that cannot leave the folder it is put into."""
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in path:
        raise ValueError("must be a path below its folder")
    return path


_Place = Annotated[str, AfterValidator(_below)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFile(_Strict):
    """The exact bytes of one public file; ``path`` is its place below a mirror folder and below the cache."""

    path: _Place
    address: str = Field(pattern=r"^https://")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)


class Table(_Strict):
    """How rows are read from one file.

    Attributes:
        file: Path below the folder of the raw files.
        format: What is inside, once unpacked.
        member: Name inside a zip or tar archive.
        column: Column of the text; None finds it by its usual names.
        id_column: Column of the rows' own identifiers; None finds it by its usual names.
        delimiter: Between cells; None takes the one that the header holds most of.
        quoted: Whether a cell may be put in double quotes.
        names: Names of the columns where the file has no header.
        labels: Columns that keep their own name in the row table.
        split: The set's own split of these rows.
        share: Of its rows, at random.
    """

    file: _Place
    format: Format
    member: str | None = None
    column: str | None = None
    id_column: str | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    quoted: bool = True
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    split: Literal["train", "valid", "test"] | None = None
    share: float = Field(1.0, gt=0, le=1)


class Source(_Strict):
    """One data set; a set without files is made by the program itself, or of other sets.

    ``reference`` are files that hold no rows, see ``pipelines.reference``; ``of`` names the sets that it is made of,
    with the share of each, in the order in which a row that stands in several is taken.
    """

    domain: Domain
    title: str
    licence: str
    attribution: str
    opt_in: bool = False
    keep_duplicates: bool = False
    files: tuple[SourceFile, ...] = ()
    tables: tuple[Table, ...] = ()
    reference: tuple[SourceFile, ...] = ()
    of: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=dict)


class RawFile(_Strict):
    """A file of the raw folder as it was when it was fetched."""

    path: _Place
    sha256: str
    bytes: int


class Raw(_Strict):
    """``source.json``: what lies in a raw folder and how it is read.

    Attributes:
        name: The source as ``params.yaml`` names it; for a user's file ``file:`` and its name.
        rows: How many rows to take at random; None takes all.
        seed: Chooses these rows.
    """

    name: str
    domain: Domain
    licence: str
    attribution: str
    keep_duplicates: bool = False
    rows: int | None = None
    seed: int = 0
    tables: tuple[Table, ...]
    files: tuple[RawFile, ...]

    @classmethod
    def load(cls, folder: Path) -> "Raw":
        """Read ``source.json`` of a raw folder.

        Raises:
            InputError: It is missing or not as the fetch stage writes it.
        """
        path = folder / "source.json"
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            problem = str(error).splitlines()[0]
            raise InputError(f"raw data {str(path)!r} cannot be read: {problem}; run the fetch stage") from error

    def save(self, folder: Path) -> None:
        """Write ``source.json``."""
        write_whole(folder / "source.json", self.model_dump_json(indent=1) + "\n")


def load_sources(path: Path) -> dict[str, Source]:
    """Every data set in ``sources.yaml``, by name.

    Raises:
        InputError: The file cannot be read, or an entry is not as it must be; its place is named.
    """
    entries = read_yaml(path)
    if not isinstance(entries, dict):
        raise InputError(f"sources {str(path)!r} must hold one entry per data set, got {type(entries).__name__}")
    sources = {name: _source(name, entry, path) for name, entry in entries.items()}
    for name, source in sources.items():
        for part in source.of:
            its = sources.get(part)
            if its is None or its.of or its.domain != source.domain or its.opt_in or its.keep_duplicates:
                raise InputError(f"{path}.{name}.of: must name free sets of its domain that hold rows, got {part!r}")
    return sources


def _source(name: str, entry: object, path: Path) -> Source:
    try:
        return Source.model_validate(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, (path, name, *problem["loc"])))
        raise InputError(f"{place}: {problem['msg']}, got {shown(problem['input'])}") from error
