"""Opens a raw file, packed or not, and hands out its lines without trusting their length or encoding."""

import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from vaeseq.errors import InputError

LINE_LIMIT = 1_000_000  # bytes; beyond any row of text, small beside memory
SHOWN = 1_000  # characters of a bad row that are kept


class Line(NamedTuple):
    """One line without its end, numbered from 1; bytes that are no UTF-8 are lone surrogates in ``text``."""

    number: int
    text: str
    too_long: bool = False


@contextmanager
def opened(path: Path, member: str | None = None) -> Iterator[IO[bytes]]:
    """The unpacked bytes of a file (gzip is known by its first bytes), or of one member of a zip or tar archive.

    Raises:
        InputError: The file or member is missing, or the packing is damaged; also while it is read.
    """
    with ExitStack() as stack:
        try:
            yield stack.enter_context(_stream(path, member, stack))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise InputError(f"file {str(path)!r} cannot be read: {error or type(error).__name__}") from error


def lines(stream: IO[bytes], path: Path) -> Iterator[Line]:
    """Every line; one beyond ``LINE_LIMIT`` is cut to its beginning and marked, and never held whole.

    Raises:
        InputError: The text is UTF-16; ``path`` is named.
    """
    number = 0
    while raw := stream.readline(LINE_LIMIT):
        number += 1
        too_long = len(raw) == LINE_LIMIT and not raw.endswith(b"\n")
        if too_long:
            _to_line_end(stream)
            raw = raw[:SHOWN]
        if number == 1:
            raw = _without_mark(raw, path)
        yield Line(number, raw.decode("utf-8", "surrogateescape").rstrip("\r\n"), too_long)


def _stream(path: Path, member: str | None, stack: ExitStack) -> IO[bytes]:
    if member is not None:
        return _member(path, member, stack)
    stream = stack.enter_context(path.open("rb"))
    return gzip.open(stream) if stream.peek(2)[:2] == b"\x1f\x8b" else stream


def _member(path: Path, member: str, stack: ExitStack) -> IO[bytes]:
    try:
        if zipfile.is_zipfile(path):
            return io.BufferedReader(stack.enter_context(zipfile.ZipFile(path)).open(member))
        stream = stack.enter_context(tarfile.open(path)).extractfile(member)  # noqa: SIM115 - the stack closes it
    except KeyError:
        stream = None
    except (RuntimeError, ValueError, OverflowError) as error:  # encrypted, packed by another method, names of no text
        raise InputError(f"archive {str(path)!r} cannot be read: {error}") from error
    if stream is None:
        raise InputError(f"archive {str(path)!r} must hold the file {member!r}")
    return stream


def _to_line_end(stream: IO[bytes]) -> None:
    while (rest := stream.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
        pass


def _without_mark(raw: bytes, path: Path) -> bytes:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"file {str(path)!r} must be UTF-8 text and starts with the mark of UTF-16; save it as UTF-8")
    return raw.removeprefix(codecs.BOM_UTF8)
