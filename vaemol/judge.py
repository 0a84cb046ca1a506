"""What samples of a model are worth beside real molecules: the measures of MOSES and the scores of GuacaMol."""

import math
from collections.abc import Sequence

from vaemol import fcd, guacamol, metrics
from vaemol.fcd import Distance
from vaemol.filters import share_passing
from vaemol.metrics import Fraction
from vaemol.portrait import portrait
from vaemol.reference import Reference
from vaemol.strangers import canonical_each
from vaeseq.errors import InputError

Figures = dict[str, Fraction | Distance]


def judged(
    samples: Sequence[str], reference: Reference, *, workers: int | None = None, device: str | None = None
) -> Figures:
    """Every figure of samples in the order in which they were drawn; MOSES takes 30,000.

    ``validity`` is of all samples, all others are of the valid ones; ``_test`` and ``_scaffolds`` are against the two
    test sets. ``fcd_`` is a distance, lower is better; the rest is in [0, 1], higher is better, but for ``snn_``, which
    is that of real molecules at best, and for ``novelty``, of which no amount is right.

    Args:
        samples: Texts.
        reference: Real molecules.
        workers: Processes, see ``vaeseq.parallel.ordered_map``.
        device: Of ChemNet; by default CUDA where it is, else the CPU.

    Raises:
        InputError: Fewer than two samples are molecules.
    """
    valid = list(filter(None, canonical_each(samples, workers=workers)))
    own = portrait(valid, workers=workers, device=device)
    figures: Figures = {
        "validity": Fraction(len(valid) / len(samples), len(samples)),
        "unique_1k": metrics.uniqueness(valid, at=1_000),
        "unique_10k": metrics.uniqueness(valid, at=10_000),
        "novelty": metrics.novelty(valid, reference.training),
    }
    for name, real in (("test", reference.test), ("scaffolds", reference.scaffolds)):
        figures |= {
            f"fcd_{name}": Distance(fcd.frechet_distance(own.chemnet, real.chemnet), own.chemnet.of),
            f"snn_{name}": metrics.nearest_similarity(own.fingerprints, real.fingerprints),
            f"frag_{name}": Fraction(metrics.cosine(own.fragments, real.fragments), len(valid)),
            f"scaf_{name}": Fraction(metrics.cosine(own.scaffolds, real.scaffolds), len(valid)),
        }
    return figures | {
        "internal_diversity_1": metrics.diversity_of(own.fingerprints, p=1),
        "internal_diversity_2": metrics.diversity_of(own.fingerprints, p=2),
        "filters": share_passing(valid, reference.patterns, workers=workers),
        **_guacamol(valid, reference.training.sketch, workers, device),
    }


def _guacamol(valid: list[str], training: guacamol.Sketch, workers: int | None, device: str | None) -> Figures:
    try:
        sketch = guacamol.sketch(valid, workers=workers, device=device)
    except InputError:  # copies of one molecule: no score, and the other figures tell it
        return dict.fromkeys(("guacamol_kl", "guacamol_fcd"), Fraction(math.nan, 1))
    return {
        "guacamol_kl": Fraction(guacamol.kl_score(sketch, training), sketch.chemnet.of),
        "guacamol_fcd": Fraction(guacamol.fcd_score(sketch, training), sketch.chemnet.of),
    }
