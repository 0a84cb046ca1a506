"""What the sentence model of the last run makes of sentences that nobody had seen while it was developed.

Run as ``python -m benchmarks.fresh_sentences`` after ``make repro`` with ``everyday``.
"""

from pathlib import Path

import torch

from benchmarks.record import write
from pipelines.params import load_params
from vaeseq.walks import ends_of, prior_ends, walk
from vaetext import everyday
from vaetext.space import SentenceSpace

SEED = 20261121  # of the sentences and of the draws; the corpus has another
SENTENCES, PAIRS, DRAWN_PAIRS = 1_000, 40, 20


def main() -> None:
    """Write ``benchmarks/results/fresh_sentences_<device>.json``."""
    params = load_params().sentences
    space = SentenceSpace.load(Path("models/sentences"))
    known = {row["text"] for row in everyday.sentences(params.data.rows, params.data.seed)}
    drawn = (row["text"] for row in everyday.sentences(2 * SENTENCES, SEED))
    texts = [text for text in drawn if text not in known][:SENTENCES]
    exact = sum(a == b for a, b in zip(space.reconstruct(texts), texts, strict=True))
    figures: dict[str, object] = {"exact_reconstruction": exact / len(texts), "exact_reconstruction_of": len(texts)}
    ends = {True: ends_of(space, list(zip(texts[::2], texts[1::2], strict=True))[:PAIRS])}
    ends[False] = prior_ends(space, DRAWN_PAIRS, seed=SEED)
    steps, beams = params.interpolate.steps, params.interpolate.beams
    for kind in (kind for kind in params.interpolate.kinds if kind != "steady"):
        parsed = [
            everyday.parses(text)
            for from_texts, pairs in ends.items()
            for pair in pairs
            for _, text in walk(space, pair, steps=steps, kind=kind, beams=beams, from_texts=from_texts)
        ]
        figures[kind] = {"parse_fraction": sum(parsed) / len(parsed), "parse_fraction_of": len(parsed)}
    write(
        f"fresh_sentences_{'gpu' if torch.cuda.is_available() else 'cpu'}",
        command="python -m benchmarks.fresh_sentences",
        data={"name": "everyday", "rows": len(texts)},
        seed=SEED,
        budget={"beams": beams},
        figures=figures,
    )


if __name__ == "__main__":
    main()
