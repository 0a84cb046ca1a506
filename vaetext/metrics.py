"""What a list of generated sentences is worth, by an n-gram model that is not the VAE.

Perplexities are per word, ends of sentences counted as words. Their size depends on the text and on how it is cut into
words: they compare samples of one corpus with each other, not corpora. Words are taken as they are spelled, case and
punctuation included.

References:
    Zhao et al., 2018, section 4 (forward and reverse perplexity), https://arxiv.org/abs/1706.04223
"""

from collections.abc import Sequence

import numpy as np

from vaeseq.errors import InputError
from vaetext.ngram import NgramModel, Perplexity
from vaetext.words import units

ORDER = 5


def forward_perplexity(samples: Sequence[str], training: Sequence[str], *, order: int = ORDER) -> Perplexity:
    """Perplexity of ``samples`` under a model of ``training``: low is fluent, and lower than real text is bland.

    The same of held-out sentences is what real text has. Words of samples that training does not have are ``unseen``:
    each is scored as some unknown word, which has a uniform outcome's part of what is left for unseen words.

    Raises:
        InputError: There are no samples or no training sentences.
    """
    return NgramModel(training, order=order).perplexity(samples)


def reverse_perplexity(samples: Sequence[str], held_out: Sequence[str], *, order: int = ORDER) -> Perplexity:
    """Perplexity of real sentences under a model of ``samples``; lower is better, and takes fluency and diversity.

    The vocabulary is the words of ``held_out``, whatever the samples are, so that figures for the same ``held_out``
    compare and few words are no advantage; all other words of samples are one class. ``unseen`` are the words of
    ``held_out`` that samples do not have. The more samples, the lower: compare like numbers.

    Raises:
        InputError: There are no samples or no held-out sentences.
    """
    vocabulary = {word for sentence in held_out for word in units(sentence)}
    return NgramModel(samples, order=order, vocabulary=vocabulary).perplexity(held_out)


def reverse_perplexity_ratio(
    samples: Sequence[str], training: Sequence[str], held_out: Sequence[str], *, order: int = ORDER, seed: int = 0
) -> float:
    """Reverse perplexity of samples over that of as many training sentences; 1 is as good as real text, lower better.

    Args:
        samples: Generated sentences.
        training: Real ones, of which as many are drawn, without replacement.
        held_out: Real ones that are in neither.
        order: Words of the longest n-grams.
        seed: Of the draw.

    Raises:
        InputError: A list is empty, or there are more samples than training sentences.
    """
    if len(samples) > len(training):
        raise InputError(
            f"samples must be at most as many as training sentences, got {len(samples):,} and {len(training):,}"
        )
    drawn = np.random.default_rng(seed).permutation(len(training))[: len(samples)]
    real = reverse_perplexity([training[i] for i in drawn], held_out, order=order)
    return reverse_perplexity(samples, held_out, order=order).value / real.value
