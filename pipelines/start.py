"""Which model ``model.start`` and ``fit --start`` name."""

from pathlib import Path

import vaemol.shipped
import vaetext.shipped
from vaeseq.shipped import NAME

SHIPPED = {"molecules": vaemol.shipped.MODEL, "sentences": vaetext.shipped.MODEL}


def start_of(domain: str, start: str | Path | None) -> Path | None:
    """The folder of the model to go on from; ``shipped`` is the one that comes with the package."""
    if start is None or str(start) != NAME:
        return None if start is None else Path(start)
    return SHIPPED[domain].folder
