"""Sentences with blanks, filled in several ways.

A blank is a word of underscores, ``I ___ to the ___ yesterday.``, and stands for a word: one symbol of the model, where
its texts are cut into words, else one that begins a word and those that go on with it. How many symbols there are is
not known then; each way to have ``EXTRA`` more symbols than blanks in all, or fewer, is one hypothesis. Of many blanks
there are fewer, so that there are at most ``MOST`` hypotheses. How likely each is says the language model beside the
model, where there is one: its estimate needs no codes, and theirs is so noisy that ways to spell no word come first
(LOG.md). Then those that it gives less than ``LEAST`` of the likeliest are left out.

References:
    Bowman et al. (2015), section 4.2 (imputing missing words), https://arxiv.org/abs/1511.06349
    Mattei and Frellsen (2019), MIWAE, https://arxiv.org/abs/1812.02633
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
import torch

from vaeseq.corpus import Batch
from vaeseq.errors import InputError
from vaeseq.imputation import Completions, codeless, impute
from vaeseq.tokenizer import MASK, PAD
from vaetext.space import SentenceSpace
from vaetext.words import LETTER, MARKS, WORD

_BLANK = re.compile(rf" ?(?<!{LETTER})_+(?!{LETTER})")
EXTRA, MOST, LEAST = 3, 20, 0.02
_WORD = re.compile(WORD)


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
    space: SentenceSpace, sentence: str, *, count: int = 5, samples: int = 32, particles: int = 16, seed: int = 0
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
    (text,) = space.texts([sentence])
    blanks = _BLANK.findall(text)
    if not blanks:
        raise InputError(f"sentence must have a blank, a word of underscores such as ___, got {sentence[:80]!r}")
    device, tokenizer = space.space.device, space.space.tokenizer
    generator = torch.Generator(device).manual_seed(seed)
    hypotheses = []
    for lengths in _lengths(len(blanks), EXTRA if space.space.metadata.get("cut") == "bpe" else 0):
        ids = torch.tensor([_ids(space, text, lengths)], device=device)
        batch = Batch(ids, ids != MASK, torch.zeros(1, dtype=torch.int64, device=device))
        hypotheses.append((batch, _fits(space, blanks, lengths, ids[0])))
    particles_in_all, said = samples * particles, []
    if language := space.space.vae.language:
        codes = {"samples": 1, "particles": particles_in_all, "completions": 1, "generator": generator}
        said = [impute(codeless(language), batch, fits=fits, **codes) for batch, fits in hypotheses]
        likely = _shares(said)
        kept = [i for i, share in enumerate(likely) if share >= LEAST * max(likely)]
        hypotheses, said = [hypotheses[i] for i in kept], [said[i] for i in kept]
    codes = {"samples": samples, "particles": particles, "completions": particles_in_all, "generator": generator}
    ways = [impute(space.space.vae, batch, fits=fits, **codes) for batch, fits in hypotheses]
    total = Counter[str]()
    for way, share in zip(ways, _shares(said or ways), strict=True):
        for row, weight in zip(way.tokens[0].tolist(), way.weight[0].tolist(), strict=True):
            if row[0] != PAD:
                total[tokenizer.decode(row)] += share * weight
    return [Completion(*pair) for pair in total.most_common(count)]


def _shares(ways: Sequence[Completions]) -> list[float]:
    """Of hypotheses, how likely each is."""
    return torch.cat([way.log_observed for way in ways]).double().softmax(0).tolist()


def _lengths(blanks: int, extra: int) -> Iterator[list[int]]:
    """Symbols of each blank, in every way that is ``extra`` more than blanks in all, or fewer; ``MOST`` ways."""
    for more in range(extra + 1):
        if more and math.comb(blanks + more, more) > MOST:
            return
        for longer in combinations_with_replacement(range(blanks), more):
            yield [1 + longer.count(i) for i in range(blanks)]


def _ids(space: SentenceSpace, text: str, lengths: Sequence[int]) -> list[int]:
    """``<bos> ... <eos>`` with so many ``<mask>`` for each blank; the space before one belongs to what fills it."""
    first, *others = space.space.tokenizer.encode_batch(_BLANK.split(text))
    ids = first[:-1]
    for length, piece in zip(lengths, others, strict=True):
        ids += [MASK] * length + piece[1:-1]
    return [*ids, first[-1]]


def _fits(space: SentenceSpace, blanks: Sequence[str], lengths: Sequence[int], ids: torch.Tensor) -> torch.Tensor:
    """Which symbols may fill each place: one that begins a word, as its blank does, then such as go on with it.

    No capital goes on with a word: with few codes, two words would be joined.
    """
    symbols = list(map(space.space.tokenizer.symbol, range(space.space.tokenizer.size)))
    begun, after_space, goes_on = (
        torch.tensor([bool(re.match(pattern, symbol)) for symbol in symbols], device=ids.device)
        for pattern in (r"\w", r" \w", rf"[\w'\u2019{MARKS}-]")
    )
    goes_on &= torch.tensor([not symbol[:1].isupper() for symbol in symbols], device=ids.device)
    fits = torch.ones(len(ids), len(symbols), dtype=torch.bool, device=ids.device)
    places = (ids == MASK).nonzero().flatten().tolist()
    fitting = [
        kind
        for blank, length in zip(blanks, lengths, strict=True)
        for kind in (after_space if blank.startswith(" ") else begun, *[goes_on] * (length - 1))
    ]
    for place, kind in zip(places, fitting, strict=True):
        if kind.any():
            fits[place] = kind
    return fits
