"""The exact bytes of a public file: from a mirror folder, else from the cache, else over https.

Nothing is used before its size and sha256 are right, and nothing half-written is ever seen under its final name.
"""

import fcntl
import glob
import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from pipelines.progress import progress
from pipelines.sources import SourceFile
from vaeseq.errors import InputError

_CHUNK = 1 << 20
_TIMEOUT = 30.0  # seconds without a byte


def obtain(file: SourceFile, *, mirror: Path | None, cache: Path) -> Path:
    """A path that holds the file, checked.

    Raises:
        InputError: The mirror's copy or what the address sends is not the file, or nothing can be reached.
    """
    if mirror is not None and (path := mirror / file.path).is_file():
        _check(file, path, sha256_of(path), path.stat().st_size)
        return path
    path = cache / file.path
    if not path.is_file() or sha256_of(path) != file.sha256:
        _fetch(file, path)
    return path


def mirror_folder(setting: str | None) -> Path | None:
    """The folder that is looked into first: ``LATENTPATH_MIRROR``, else the setting, else none.

    Raises:
        InputError: It is no folder.
    """
    named = os.environ.get("LATENTPATH_MIRROR") or setting
    if not named:
        return None
    folder = Path(os.path.expanduser(named))
    if not os.path.isdir(folder):  # False where a path raises
        raise InputError(
            f"mirror must be a folder, got {named!r} (setting `data.mirror` or variable LATENTPATH_MIRROR)"
        )
    return folder


def cache_folder() -> Path:
    """Where downloads stay: ``LATENTPATH_CACHE``, else ``latentpath`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        InputError: There is no home to be found.
    """
    if named := os.environ.get("LATENTPATH_CACHE"):
        return Path(os.path.expanduser(named))
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "latentpath"
    except RuntimeError as error:  # no HOME, and no such user
        raise InputError(f"downloads must have a folder; name one in LATENTPATH_CACHE ({error})") from error


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def save(stream: IO[bytes], file: SourceFile, path: Path, advance: Callable[[int], None]) -> None:
    """Write what a stream gives to ``path`` if, and only if, it is the file.

    Raises:
        InputError: More bytes than stated, or another sha256.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    with _new_part(path) as part:
        try:
            digest, size = _copy(stream, part, file, advance)
            part.flush()
            os.fsync(part.fileno())
            os.fchmod(part.fileno(), 0o644)  # whose cache this is may not be who made it
            _check(file, file.address, digest, size)
            os.replace(part.name, path)
        finally:
            Path(part.name).unlink(missing_ok=True)


def _new_part(path: Path) -> IO[bytes]:
    """A file beside ``path``, held as long as it is open."""
    while True:
        part = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", suffix=".part", delete=False)  # noqa: SIM115 - the caller closes it
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(part, fcntl.LOCK_EX)
        if os.fstat(part.fileno()).st_nlink:  # no other process took it for a leftover before it was held
            return part
        part.close()


def _remove_leftovers(path: Path) -> None:
    """The parts that nobody holds: their processes were killed."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        with suppress(OSError), left.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _fetch(file: SourceFile, path: Path) -> None:
    opener = urllib.request.build_opener(_OnlyHttps)
    try:
        with opener.open(file.address, timeout=_TIMEOUT) as stream, progress(file.path, file.bytes) as advance:
            save(stream, file, path, advance)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"{file.path!r} must come from {file.address}, which failed: {error}; with no network, put the file into a "
            f"folder as {file.path} and name the folder in the setting `data.mirror` or the variable LATENTPATH_MIRROR"
        ) from error


def _copy(stream: IO[bytes], part: IO[bytes], file: SourceFile, advance: Callable[[int], None]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(min(_CHUNK, file.bytes + 1 - size)):
        size += len(chunk)
        if size > file.bytes:
            raise InputError(f"{file.address} must send {file.bytes:,} bytes and sends more: it has changed")
        digest.update(chunk)
        part.write(chunk)
        advance(len(chunk))
    return digest.hexdigest(), size


def _check(file: SourceFile, place: Path | str, digest: str, size: int) -> None:
    if digest != file.sha256:
        raise InputError(
            f"{str(place)!r} must have the sha256 {file.sha256} ({file.bytes:,} bytes), got {digest} ({size:,} bytes): "
            f"it is damaged or has changed; the right bytes come from {file.address}"
        )


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another https address only."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise OSError(f"it redirects to {newurl!r}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
