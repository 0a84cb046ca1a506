"""Tables and pictures of the command line ``vaemol``."""

import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from vaeseq import console
from vaeseq.console import Row
from vaeseq.errors import InputError
from vaeseq.files import replacing

if TYPE_CHECKING:
    from vaemol.space import MoleculeSpace

DRAWN = 60  # molecules in a picture at most

Draw = Callable[[list[Row]], tuple[str, list[str], list[str], int]]  # what is given to a function of vaemol.pictures


def emit(
    rows: Iterable[list[Row]],
    columns: Sequence[str],
    arguments: Namespace,
    draw: Draw | None = None,
    kept: int = DRAWN,
    *,
    molecule: str = "smiles",
    live: bool = False,
    carried: bool = False,
) -> int:
    """Write rows as ``vaeseq.console.emit`` does, draw the first ``kept`` of them where a picture is asked for.

    An SD file is of the molecules in the column ``molecule``.
    """
    drawn: list[Row] = []
    if arguments.image:
        rows = _remembered(rows, drawn, kept)
    formats = {"sdf": partial(as_sdf, molecule=molecule)}
    code = console.emit(rows, columns, arguments, formats, live=live, carried=carried)
    if arguments.image:
        _write_image(arguments.image, (draw or _each_drawn)(drawn))
    return code


def _remembered(rows: Iterable[list[Row]], drawn: list[Row], most: int) -> Iterator[list[Row]]:
    for chunk in rows:
        # A step of a path is drawn where it is not the end asked for, too: without it the others would move up.
        drawn += [row for row in chunk if not row.get("error") or {"t", "step"} & row.keys()][: most - len(drawn)]
        yield chunk


def _each_drawn(rows: list[Row]) -> tuple[str, list[str], list[str], int]:
    return "grid", [str(row["smiles"]) for row in rows], [str(i + 1) for i in range(len(rows))], 5


def pairs_drawn(rows: list[Row]) -> tuple[str, list[str], list[str], int]:
    """Each molecule beside what came back."""
    rows = rows[: DRAWN // 2]
    pairs = [(str(row["smiles"]), str(row["reconstruction"])) for row in rows]
    legends = [
        ("given", "the same" if row["exact"] else f"another, similarity {row['similarity']:.2f}") for row in rows
    ]
    return "strip", list(chain.from_iterable(pairs)), list(chain.from_iterable(legends)), 2


def proposals_drawn(rows: list[Row], *, ranked: bool) -> tuple[str, list[str], list[str], int]:
    """Paths, each turned like the one before, or proposals around molecules; with their place and value."""
    places = [str(row["step"]) or str(i + 1) for i, row in enumerate(rows)]
    values = [f": {row['value']:.3g}" if ranked else "" for row in rows]
    legends = [place + value for place, value in zip(places, values, strict=True)]
    return "strip" if all(row["step"] for row in rows) else "grid", [str(row["smiles"]) for row in rows], legends, 5


def path_drawn(rows: list[Row], columns: int) -> tuple[str, list[str], list[str], int]:
    """A path from left to right."""
    return "strip", [str(row["smiles"]) for row in rows], [f"{row['t']:.3g}" for row in rows], columns


def as_they_are(
    rows: Iterable[list[Row]], parts: Mapping[str, str], start: Collection[str] = ()
) -> Iterator[list[Row]]:
    """The same rows, what is to be low under its own name and as it is, not as its negative.

    Args:
        rows: Of a search.
        parts: Objectives, and what each is called where it is written: ``min:sa_score``, ``sa_score``.
        start: Molecules that it was given, if any: then ``given`` is 1 in their rows and 0 in what was found.
    """
    given = frozenset(start)
    signs = {name: 1 if name == told else -1 for name, told in parts.items()}
    for chunk in rows:
        shown = [row | {told: signs[name] * float(str(row[name])) for name, told in parts.items()} for row in chunk]
        yield [row | {"given": int(row["smiles"] in given)} for row in shown] if given else shown


def best_drawn(rows: list[Row], parts: Mapping[str, str]) -> tuple[str, list[str], list[str], int]:
    """The best twelve calls of a search, or of several objectives those that no other beats."""
    if parts:
        best = _front(rows, list(parts))[:DRAWN]
        legends = [", ".join(f"{told} {float(str(row[told])):.3g}" for told in parts.values()) for row in best]
    else:
        valued = [row for row in rows if isfinite(float(str(row["value"])))]
        best = sorted(valued, key=lambda row: float(str(row["value"])), reverse=True)[:12]
        legends = [f"{row['value']:.3f}" for row in best]
    return "grid", [str(row["smiles"]) for row in best], legends, 4


def front_kept(rows: Iterable[list[Row]], parts: Mapping[str, str], path: str) -> Iterator[list[Row]]:
    """The same rows; at their end those that no other beats are written to a csv file, the best of the first first."""
    seen: list[Row] = []
    Path(path).touch()  # where it cannot be written, this is known before anything is paid for
    try:
        for chunk in rows:
            seen += chunk
            yield chunk
    finally:
        if seen:
            best = sorted(_front(seen, list(parts)), key=lambda row: -float(str(row[next(iter(parts))])))
            columns = ["smiles", *parts.values(), *({"given"} & seen[0].keys())]
            with replacing(Path(path)) as whole:
                whole.write_text("".join(console.as_csv([best], columns)), encoding="utf-8")


def noted(space: "MoleculeSpace", rows: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """The same rows; at their end it is said how many molecules the model read as others."""
    from vaemol.strangers import PARENTS

    yield from rows
    count, given, read = space.reread
    if count:
        print(f"molecules read as others ({PARENTS}): {count}, such as {given!r} as {read!r}", file=sys.stderr)


def _front(rows: list[Row], parts: Sequence[str]) -> list[Row]:
    import numpy as np

    from vaeseq.fronts import on_front

    values = np.array([[row[name] for name in parts] for row in rows], dtype=np.float64).reshape(-1, len(parts))
    return [row for row, best in zip(rows, on_front(values).tolist(), strict=True) if best]


def _write_image(path: Path, drawing: tuple[str, list[str], list[str], int]) -> None:
    from vaemol import pictures

    layout, smiles, legends, columns = drawing
    if not smiles:
        raise InputError(f"image {str(path)!r} needs at least one molecule; there is none to draw")
    match layout, path.suffix.lower():
        case "strip", ".svg":
            content = pictures.strip_svg(smiles, legends, columns=columns)
        case "strip", _:
            content = pictures.strip(smiles, legends, columns=columns)
        case _, ".svg":
            content = pictures.grid_svg(smiles, legends, columns=columns)
        case _:
            content = pictures.grid(smiles, legends, columns=columns)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def as_sdf(rows: Iterable[list[Row]], columns: Sequence[str], molecule: str = "smiles") -> Iterator[str]:
    """An SD file, the other columns as its data items; of a row that failed the text that was given too."""
    from vaemol.layout import sdf

    for chunk in rows:
        items = {name: [console.shown(row.get(name, "")) for row in chunk] for name in columns if name != molecule}
        if any(row.get("error") for row in chunk):
            items |= {molecule: [str(row.get(molecule, "")) if row.get("error") else "" for row in chunk]}
        yield sdf([str(row.get(molecule, "")) for row in chunk], items)
