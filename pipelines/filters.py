"""The filters of MOSES, by which its molecules were chosen, without the molecules.

Run as ``python -m pipelines.filters`` in the folder that ``vaemol`` is called in; ``--require filters:FOLDER`` and
``judge-paths`` need no more.
"""

from pathlib import Path

from pipelines.download import cache_folder, mirror_folder, obtain
from pipelines.fetch import SOURCES
from pipelines.sources import load_sources
from vaemol.filters import patterns_of
from vaeseq.files import write_whole

OUT = Path("data/reference/moses")


def main() -> None:
    """Write ``data/reference/moses/patterns.txt``."""
    OUT.mkdir(parents=True, exist_ok=True)
    patterns = [*patterns_of(file_of("mcf.csv"), "smarts"), *patterns_of(file_of("wehi_pains.csv"))]
    write_whole(OUT / "patterns.txt", "\n".join(patterns) + "\n")


def file_of(name: str) -> Path:
    """Where a file of MOSES lies, checked.

    Raises:
        InputError: It cannot be had.
    """
    source = load_sources(SOURCES)["moses"]
    file = next(file for file in (*source.files, *source.reference) if file.path == f"moses/{name}")
    return obtain(file, mirror=mirror_folder(None), cache=cache_folder())


if __name__ == "__main__":
    from pipelines.stage import run

    run(main)
