"""Result files that grow: a part is written as soon as it is measured, and is not measured again.

A part that stands in the file with the same settings is taken as it is, whatever commit and machine it is of; both are
told beside it, as they were when the measuring began: that is the code which was loaded. Take it out of the file, under
``parts``, to measure it anew, for example after a change of the engine.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from benchmarks import record

Row = dict[str, Any]


class Parts:
    """The figures of one result file, by part.

    Attributes:
        name: Of the file.
        about: What ``benchmarks.record.write`` is told beside the figures.
        begun: By what, when and where; asked before anything is measured, so that git cannot cost what was.
    """

    def __init__(self, name: str, **about: Any) -> None:  # noqa: ANN401 - as of ``write``
        self.name, self.about, self.begun = name, about, record.circumstances()

    def take(self, name: str, settings: str, made: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON
        """One figure, or all of one model as an object, as a part of this name; see ``several``."""
        return self.several(name, settings, lambda: {name: made()})[name]

    def several(self, part: str, settings: str, made: Callable[[], Row]) -> Row:
        """The figures of a part: those in the file, or else made now and written there.

        Args:
            part: Its name.
            settings: All that its figures depend on, but the code.
            made: Its figures; no other part has one of the same name.
        """
        key = hashlib.sha256(settings.encode()).hexdigest()[:16]
        figures, parts = self._read()
        if parts.get(part, {}).get("settings") != key:
            row = made()
            figures, parts = self._read()  # another process may have written a part meanwhile
            for name in parts.pop(part, {}).get("figures", ()):
                del figures[name]
            if twice := figures.keys() & row.keys():
                raise ValueError(f"figures of {part!r} must not be those of another part, got {sorted(twice)}")
            figures |= row
            parts[part] = {"settings": key, "figures": list(row), **self.begun}
            record.write(self.name, **self.about, figures=figures, parts=parts, begun=self.begun)
        return {name: figures[name] for name in parts[part]["figures"]}

    def _read(self) -> tuple[Row, Row]:
        path = record.RESULTS / f"{self.name}.json"
        found = record.read(path) if path.exists() else {}
        return (found["figures"], found["parts"]) if "parts" in found else ({}, {})
