"""What the training that a history is of began with, so that ``sync`` tells one that was given up as it was.

It is compared by what it says: files may be touched, and clocks may jump.
"""

import json
from pathlib import Path

from pipelines.outputs import last_file, read_json
from pipelines.resume import place_of
from vaeseq.errors import InputError
from vaeseq.files import key_of, write_whole


def forget_another(domain: str, params: dict[str, object], root: Path) -> None:
    """Before the history of a training takes the place of another's."""
    if _kept(domain, root) != _told(domain, params, root):
        _note(domain, root).unlink(missing_ok=True)


def keep(domain: str, params: dict[str, object], root: Path) -> None:
    """Once its own history is there."""
    note = _note(domain, root)
    note.parent.mkdir(parents=True, exist_ok=True)
    write_whole(note, json.dumps(_told(domain, params, root), indent=1) + "\n")


def begun(domain: str, root: Path) -> dict[str, object] | None:
    """The params of the training whose history is there; None where nobody knows, or the rows are others now."""
    kept = _kept(domain, root)
    return kept.get("params") if kept.get("rows") == _rows(domain, root) else None


def _note(domain: str, root: Path) -> Path:
    return place_of(domain, root) / "begun.json"


def _kept(domain: str, root: Path) -> dict[str, object]:
    try:
        return read_json(_note(domain, root))
    except (InputError, OSError):  # there is none, or none that says anything
        return {}


def _told(domain: str, params: dict[str, object], root: Path) -> dict[str, object]:
    """As JSON gives it back."""
    return json.loads(json.dumps({"params": params, "rows": _rows(domain, root)}, default=str))


def _rows(domain: str, root: Path) -> str:
    described = (last_file(domain, stage, root) for stage in ("fetch", "prepare"))
    return key_of(domain, *(path for path in described if path.is_file()))
