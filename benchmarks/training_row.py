"""Are our measures those of MOSES? Its own training molecules, judged by ours, beside the row that it publishes.

Run as ``python -m benchmarks.training_row`` after ``python -m pipelines.reference``. The published row is of all 1.58
million, ours of 30,000 at random, as many as are taken of a model; the Fréchet distance of so few is larger (LOG.md).

References:
    Polykovskiy et al. (2020), Molecular Sets, https://arxiv.org/abs/1811.12823; the row "Train" of the table in
    https://github.com/molecularsets/moses
"""

from benchmarks.moses import SEED, molecules
from benchmarks.record import write
from pipelines.reference import OUT
from vaemol.judge import judged
from vaemol.reference import Reference

SAMPLES = 30_000


def main() -> None:
    """Write ``benchmarks/results/moses_training_row.json``."""
    figures = judged(molecules(SAMPLES), Reference.load(OUT))
    write(
        "moses_training_row",
        command="python -m benchmarks.training_row",
        data={"name": "moses", "rows": SAMPLES},
        seed=SEED,
        budget={"samples": SAMPLES},
        figures={name: value for name, (value, _) in figures.items()},
    )


if __name__ == "__main__":
    main()
