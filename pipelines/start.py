"""Which model ``model.start`` and ``fit --start`` name, and what it says of its texts."""

import json
from pathlib import Path
from typing import Any

import vaemol.shipped
import vaetext.shipped
from vaeseq.errors import InputError
from vaeseq.shipped import NAME

SHIPPED = {"molecules": vaemol.shipped.MODEL, "sentences": vaetext.shipped.MODEL}


def start_of(domain: str, start: str | Path | None) -> Path | None:
    """The folder of the model to go on from; ``shipped`` is the one that comes with the package."""
    if start is None or str(start) != NAME:
        return None if start is None else Path(start)
    return SHIPPED[domain].folder


def domain_of(start: Path) -> dict[str, Any]:
    """What a model says of its texts and how they were prepared; torch is not loaded for it.

    Raises:
        InputError: The folder is not one of a model.
    """
    try:
        return dict(json.loads((start / "config.json").read_text(encoding="utf-8"))["domain"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"model.start must be the folder of a model, got {str(start)!r}: {error}") from error
