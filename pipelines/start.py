"""Which model ``model.start`` and ``fit --start`` name."""

from pathlib import Path

from vaemol import shipped
from vaeseq.errors import InputError


def start_of(domain: str, start: str | Path | None) -> Path | None:
    """The folder of the model to go on from; ``shipped`` is the one that comes with the package.

    Raises:
        InputError: None comes with it for that domain.
    """
    if start is None or str(start) != shipped.NAME:
        return None if start is None else Path(start)
    if domain != "molecules":
        raise InputError(f"start must be a folder: no model of {domain} comes with the package, got {str(start)!r}")
    return shipped.FOLDER
