"""Are sentences drawn from the prior fluent, and are they as many-sided as real ones?

Run as ``python -m benchmarks.samples MODEL``, a checkpoint folder of a model of Tatoeba's sentences, or with the number
of draws; killed, it goes on after the last part that was finished.

By a 5-gram Kneser-Ney model (``vaetext.ngram``), over words and ends: *forward*, the perplexity of what is drawn under
a model of all training sentences; *reverse*, that of all test sentences under a model of what is drawn, and its ratio
to what as many random training sentences reach. Beside them, what real text has: test sentences forward, for a model of
training sentences knows those by heart. Draws are at temperature 1 from the prior as it is used and, where it was
fitted afterwards, also from the prior of training.

References:
    Zhao et al. (2018), section 4, https://arxiv.org/abs/1706.04223
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.bench import DRAWS, SEED
from benchmarks.parts import Parts, Row
from benchmarks.subject import Subject
from vaeseq.model import SequenceVAE
from vaetext.evaluation import sample_figures
from vaetext.metrics import forward_perplexity, reverse_perplexity


class Judge:
    """Real sentences to measure against.

    Args:
        training: All that the model learnt from.
        held_out: All test sentences.
        real: As many of ``training`` as are drawn.
    """

    def __init__(self, training: Sequence[str], held_out: Sequence[str], real: Sequence[str]) -> None:
        self.training, self.held_out = training, held_out
        self.reverse_of_text = reverse_perplexity(real, held_out).value

    def of_text(self) -> Row:
        """What real text reaches."""
        forward = forward_perplexity(self.held_out, self.training).value
        return {"forward_perplexity_of_text": forward, "reverse_perplexity_of_text": self.reverse_of_text}

    def of_draws(self, samples: Sequence[str], suffix: str = "") -> Row:
        """What draws reach."""
        forward = forward_perplexity(samples, self.training)
        reverse = reverse_perplexity(samples, self.held_out)
        counted = sample_figures(samples, set(self.training), {})
        row = {
            "forward_perplexity": forward.value,
            "reverse_perplexity": reverse.value,
            "reverse_perplexity_ratio": reverse.value / self.reverse_of_text,
            "unseen_words": forward.unseen / forward.of,
            **{name: counted[name] for name in ("uniqueness", "novelty")},
        }
        return {name + suffix: value for name, value in row.items()}


def main(folder: Path, draws: int) -> None:
    """Write ``benchmarks/results/samples_tatoeba.json``."""
    subject = Subject.of(folder)
    space, bench = subject.space, subject.bench
    training, held_out, real = (
        space.texts(bench.texts(split, count))
        for split, count in (("train", len(subject.corpus)), ("test", len(subject.corpus)), ("train", draws))
    )
    judge = Judge(training, held_out, real)
    parts = Parts(
        "samples_tatoeba",
        command="python -m benchmarks.samples MODEL",
        data={"name": bench.name, "rows": len(subject.corpus), "model": subject.digest},
        seed=SEED,
        budget={"draws": draws},
    )

    def drawn(suffix: str, vae: SequenceVAE) -> Row:
        return judge.of_draws(space.space.of(vae).sample(draws, seed=SEED), suffix)

    parts.several("text", f"{draws} {SEED}", judge.of_text)
    models = {"": subject.vae} | ({"_of_training": subject.vae.as_trained()} if subject.vae.trained_prior else {})
    for suffix, vae in models.items():
        parts.several(f"prior{suffix}", f"{subject.digest} {draws} {SEED}", partial(drawn, suffix, vae))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, *rest] if len(rest) < 2:
            main(Path(folder), int(rest[0]) if rest else DRAWS)
        case _:
            sys.exit("usage: python -m benchmarks.samples MODEL [DRAWS]")
