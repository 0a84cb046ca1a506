"""What the command lines say where a path does not begin or end at the text asked for."""

import sys
from collections.abc import Callable, Sequence

from vaeseq.console import Row


def tell_missed_ends(
    number: int,
    asked: Sequence[str],
    rows: list[Row],
    column: str,
    spelled: Callable[[str], Sequence[str]] = lambda _: (),
) -> list[Row]:
    """The rows of a path, of which the first or last has an ``error`` where it is not the text asked for.

    Standard error is told too. A path without points gets a row for its error.

    Args:
        number: Of the path.
        asked: Both texts, as the space writes them.
        rows: One for each point, in order.
        column: Of their texts.
        spelled: The words of a text that the vocabulary has no symbol for.
    """
    told = rows or [{"path": number}]
    for what, wanted, place in zip(("begins", "ends"), asked, (0, -1), strict=True):
        if (got := told[place].get(column, "")) != wanted:
            words = ", ".join(map(repr, spelled(wanted)))
            unknown = f"; the vocabulary has no symbol for {words}" if words else ""
            why = f"no code was found that decodes to {wanted!r}{unknown}"
            print(f"path {number} {what} at {got!r}: {why}", file=sys.stderr)
            told[place] |= {"error": "; ".join(filter(None, [told[place].get("error"), why]))}
    return told
