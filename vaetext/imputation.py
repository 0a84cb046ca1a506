"""Sentences with blanks, filled in several ways.

A blank is a word of underscores, ``I ___ to the ___ yesterday.``, and stands for one symbol of the model that begins a
word, and so leaves the word before it as it is: a word, where its texts are cut into words.

References:
    Bowman et al. (2015), section 4.2 (imputing missing words), https://arxiv.org/abs/1511.06349
    Mattei and Frellsen (2019), MIWAE, https://arxiv.org/abs/1812.02633
"""

import re
from typing import NamedTuple

import numpy as np
import torch

from vaeseq.corpus import Batch
from vaeseq.errors import InputError
from vaeseq.imputation import impute
from vaeseq.tokenizer import MASK, PAD
from vaetext.space import SentenceSpace

_BLANK = re.compile(r" ?(?<!\w)_+(?!\w)")
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


class Completion(NamedTuple):
    """A sentence without blanks, and an estimate of its share among all that a sentence with blanks may be."""

    text: str
    weight: float


def with_blanks(sentence: str, count: int, random: np.random.Generator) -> str:
    """A sentence with a blank in place of ``count`` of its words, chosen at random; its punctuation stays."""
    found = list(_WORD.finditer(sentence))
    for i in sorted(random.permutation(len(found))[:count], reverse=True):
        sentence = f"{sentence[: found[i].start()]}___{sentence[found[i].end() :]}"
    return sentence


def completed(
    space: SentenceSpace, sentence: str, *, count: int = 5, samples: int = 32, particles: int = 32, seed: int = 0
) -> list[Completion]:
    """Ways to fill the blanks of a sentence, the likeliest first; see ``vaeseq.imputation.impute``.

    Args:
        space: A model, best one that was trained to read gaps (``train.masking``).
        sentence: With at least one blank.
        count: Ways at most.
        samples: Codes that what is left of the sentence may have.
        particles: Ways to fill the blanks that are followed for each code.
        seed: Of all that is random.

    Raises:
        InputError: There is no blank, or the sentence is empty or too long.
    """
    ids = torch.tensor([_ids(space, sentence)], device=space.space.device)
    generator = torch.Generator(ids.device).manual_seed(seed)
    batch = Batch(ids, ids != MASK, torch.zeros(1, dtype=torch.int64, device=ids.device))
    every = {"samples": samples, "particles": particles, "completions": count}
    found = impute(space.space.vae, batch, **every, fits=_fits(space, sentence, ids[0]), generator=generator)
    texts = [space.space.tokenizer.decode(row) for row in found.tokens[0].tolist() if row[0] != PAD]
    return [Completion(*pair) for pair in zip(texts, found.weight[0].tolist(), strict=False)]


def _ids(space: SentenceSpace, sentence: str) -> list[int]:
    """``<bos> ... <eos>`` with ``<mask>`` for each blank; the space before a blank belongs to what fills it."""
    (text,) = space.texts([sentence])
    parts = _BLANK.split(text)
    if len(parts) < 2:
        raise InputError(f"sentence must have a blank, a word of underscores such as ___, got {sentence[:80]!r}")
    pieces = space.space.tokenizer.encode_batch(parts)
    inner = [MASK if i is None else i for piece in pieces for i in (None, *piece[1:-1])]
    return [pieces[0][0], *inner[1:], pieces[-1][-1]]


def _fits(space: SentenceSpace, sentence: str, ids: torch.Tensor) -> torch.Tensor:
    """Which symbols may fill each place: those that begin a word, after a space if one stands before the blank."""
    (text,) = space.texts([sentence])
    symbols = list(map(space.space.tokenizer.symbol, range(space.space.tokenizer.size)))
    fits = torch.ones(len(ids), len(symbols), dtype=torch.bool, device=ids.device)
    for place, blank in zip((ids == MASK).nonzero().flatten().tolist(), _BLANK.findall(text), strict=True):
        begins = re.compile(r" \w" if blank.startswith(" ") else r"\w")
        fitting = torch.tensor([begins.match(symbol) is not None for symbol in symbols], device=ids.device)
        if fitting.any():
            fits[place] = fitting
    return fits
