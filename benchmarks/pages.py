"""The files that a report is made of, over any texts, and what is wrong with the page.

Run as ``python -m benchmarks.pages FOLDER`` it makes the report of each folder in it, and tells what it found.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path

from pipelines import report
from vaeseq.files import csv_line

STEPS = 9
HARMLESS = ("C", "C C O", "", "C N O S")
Row = dict[str, object]


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, as a browser sees them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.found.add((tag, *sorted(name for name, _ in attrs)))


def laid_out(domain: str, texts: Sequence[str], root: Path, *, proposals: int) -> Path:
    """Write the tables of the stages as if they had found these texts, over and over, so many of each kind."""
    endless, key = cycle(texts), "smiles" if domain == "molecules" else "text"
    out = root / "reports" / domain
    figures = dict.fromkeys(("qed", "log_p", "sa_score", "nearest_training_similarity", "similarity", "value"), 0.5)

    def rows(count: int, *columns: str, **constant: object) -> Iterator[Row]:
        return ({name: next(endless) for name in columns} | constant for _ in range(count))

    both = [{**row, "exact": i % 2 == 0} for i, row in enumerate(rows(proposals, "original", "reconstruction"))]
    _write(out / "evaluate/samples.csv", [row | figures for row in rows(proposals, key)])
    _write(out / "evaluate/reconstructions.csv", [row | {"split": "test"} | figures for row in both])
    spots = enumerate(rows(min(proposals, 1_000), "text", "topic", split="train"))
    _write(out / "evaluate/latent_map.csv", [row | {"x": i % 31, "y": i % 37} for i, row in spots])
    dots = enumerate(rows(proposals, "text", property="assay", split="test", inside="True", deviation=1.0))
    _write(out / "evaluate/predictions.csv", [row | {"measured": i % 31, "predicted": i % 37} for i, row in dots])
    quality = {"rows": proposals, "r2": 0.5, "rmse": 1.0, "coverage_90": 0.9}
    _write(out / "evaluate/properties.csv", [{"property": "assay", "split": "test"} | quality])
    steps = enumerate(rows(proposals, "text", "given", kind="slerp", valid=True, parses=True))
    origins = ("named", "held_out", "random")
    walks = [{**row, "path": i // STEPS, "origin": origins[i // STEPS % 3], "t": i % STEPS / 8} for i, row in steps]
    _write(out / "interpolate/paths.csv", walks)
    clouds = rows(proposals, "input", "mean", "sample_1", "sample_2", "sample_3")
    _write(out / "interpolate/posterior_table.csv", list(clouds))
    if domain == "sentences":
        gaps = rows(proposals, "text", "original", "completion", weight=0.5)
        _write(out / "interpolate/imputed.csv", list(gaps))
    else:
        called = enumerate(rows(proposals, "smiles", objective="qed", method="structural", seed=0, value=0.5))
        _write(out / "optimize/calls.csv", [row | {"call": i + 1, "best_so_far": i / proposals} for i, row in called])
        _write(out / "optimize/best.csv", [row | figures for row in rows(proposals, "smiles", objective="qed")])
    shutil.copy("params.yaml", root)
    return root


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        file.writelines(map(csv_line, [list(rows[0]), *(list(row.values()) for row in rows)]))


def main(folder: Path) -> None:
    """Print how many pages were made, the bytes of the largest, and how many hold elements that are not ours."""
    found = {"pages": 0, "bytes": 0, "foreign_markup": 0}
    for root in sorted(folder.iterdir()):
        domain = next((root / "reports").iterdir()).name
        page = report.page(root)
        found["pages"] += 1
        found["bytes"] = max(found["bytes"], len(page))
        found["foreign_markup"] += not Elements(page).found <= _ours(domain, folder.with_name("harmless"))
    print(json.dumps(found))


@cache
def _ours(domain: str, root: Path) -> set[tuple[str, ...]]:
    """The elements of a page over texts without markup."""
    return Elements(report.page(laid_out(domain, HARMLESS, root, proposals=200))).found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
