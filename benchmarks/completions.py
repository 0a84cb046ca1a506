"""Sentences with a gap, and what models put there: draws of the posterior, its mode, and the text of a beam search.

How many symbols are missing is known, and so is all that stands around them, the end of the sentence included.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaeseq.corpus import Batch, Corpus
from vaeseq.decoding import Steps
from vaeseq.imputation import impute
from vaeseq.model import SequenceVAE
from vaeseq.seeds import mixed_seed
from vaeseq.tokenizer import EOS, MASK, PAD, UNK, Tokenizer
from vaetext.words import WORD

LEAST = 6  # symbols of a sentence that is given a gap: the last fifth of a shorter one would be its full stop alone
AT_ONCE = 64
_WORD = re.compile(WORD)
Ids = list[int]
Pair = tuple[Ids, Ids]  # a true sentence, and the same with its gap filled
Fill = Callable[[Batch, int], list[Tensor]]  # from a batch and a seed to ids (batch, length), for each way to fill it


def long_enough(corpus: Corpus, split: str) -> np.ndarray:
    """Rows of at least ``LEAST`` symbols, none of which is unknown: nobody fills a gap with ``<unk>``."""
    rows = corpus.rows(split)
    unknown = np.add.reduceat(corpus.tokens == UNK, corpus.offsets[:-1])[rows] > 0
    return rows[(corpus.lengths[rows] - 2 >= LEAST) & ~unknown]


def without_end(batch: Batch) -> Batch:
    """The last fifth of the symbols of each sentence is missing, rounded up; punctuation marks are symbols too."""
    symbols = _symbols(batch)
    return _without(batch, symbols - (symbols + 4) // 5 + 1, symbols)


def without_run(
    batch: Batch, length: int, places: Sequence[Sequence[int]], generator: torch.Generator
) -> tuple[Batch, Tensor]:
    """So many symbols in a row are missing, from one of the places of each sentence on; and that one, ``(batch,)``."""
    device = batch.tokens.device
    chance = torch.rand(len(places), generator=generator, device=device).tolist()
    first = torch.tensor([its[int(share * len(its))] for its, share in zip(places, chance, strict=True)], device=device)
    return _without(batch, first, first + length - 1), first


def runs_of_words(tokenizer: Tokenizer, ids: Sequence[int], length: int, words: int) -> dict[int, int]:
    """Where so many symbols in a row are at least so many whole words, and how many: by the place of the first symbol.

    A run begins with a word and cuts none; punctuation marks may be in it.
    """
    text = tokenizer.decode(ids)
    raw, begins = text.encode(), tokenizer.starts(ids)
    spans = [(len(text[: word.start()].encode()), len(text[: word.end()].encode())) for word in _WORD.finditer(text)]
    found = {}
    for place, (start, end) in enumerate(zip(begins, [*begins, len(raw)][length:], strict=False), start=1):
        within = [(first, last) for first, last in spans if start <= first and last <= end]
        cut = any(first < end < last for first, last in spans)
        if len(within) >= words and not raw[start : within[0][0]].strip() and not cut:
            found[place] = len(within)
    return found


def _symbols(batch: Batch) -> Tensor:
    return (batch.tokens != PAD).sum(dim=1) - 2


def _without(batch: Batch, first: Tensor, last: Tensor) -> Batch:
    place = torch.arange(batch.tokens.shape[1], device=batch.tokens.device)
    return replace(batch, observed=(place < first.unsqueeze(1)) | (place > last.unsqueeze(1)))


def pairs(
    corpus: Corpus, rows: np.ndarray, device: torch.device, fill: Fill, *, seed: int, kept: Path
) -> list[list[Pair]]:
    """For each way to fill them, all rows without their ends and filled, by length.

    Args:
        corpus: Where the rows are.
        rows: Which.
        device: Of the model that fills.
        fill: How.
        seed: Of all that is random; each batch has one of its own.
        kept: A file of what was filled so far, a batch a line, which grows: it takes hours.
    """
    done = _whole_lines(kept)
    with kept.open("a", encoding="utf-8") as file:
        for place, chunk in enumerate(corpus.in_order(rows, AT_ONCE)):
            if place < len(done):
                continue
            batch = without_end(corpus.batch(chunk, device))
            ways = fill(batch, mixed_seed(seed, place))
            done.append([list(zip(_rows(batch.tokens), _rows(tokens), strict=True)) for tokens in ways])
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
    return [list(chain.from_iterable(of_way)) for of_way in zip(*done, strict=True)]


def _whole_lines(kept: Path) -> list[list[list[Pair]]]:
    """What a file holds; the line that a kill cut is taken off it."""
    written = kept.read_bytes() if kept.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    kept.write_bytes(whole)
    return [[list(map(tuple, of_way)) for of_way in json.loads(line)] for line in whole.splitlines()]


def _rows(tokens: Tensor) -> Iterator[Ids]:
    return ([i for i in ids if i != PAD] for ids in tokens.tolist())


def posterior_fills(vae: SequenceVAE, *, samples: int, particles: int) -> Fill:
    """Fills with a draw of the joint posterior of code and gap, and with the likeliest completion that was found.

    Both are of the same particles, see ``vaeseq.imputation.impute``.
    """
    every = {"samples": samples, "particles": particles, "completions": samples * particles}

    def fill(batch: Batch, seed: int) -> list[Tensor]:
        generator = torch.Generator(batch.tokens.device).manual_seed(seed)
        found = impute(vae, batch, **every, generator=generator)
        drawn = torch.multinomial(found.weight, 1, generator=generator).squeeze(1)
        return [found.tokens[torch.arange(len(drawn), device=drawn.device), drawn], found.tokens[:, 0]]

    return fill


def language_fills(language: SequenceVAE, *, particles: int, beams: int) -> Fill:
    """Fills of a model without a code: a draw of its posterior, and the likeliest text of a beam search."""
    of_posterior = posterior_fills(language, samples=1, particles=particles)
    return lambda batch, seed: [of_posterior(batch, seed)[0], beam_fills(language, beams, batch)]


def random_fills(corpus: Corpus) -> Fill:
    """Fills with symbols of training sentences, each as likely as it is frequent: any judge worth asking notices."""
    every = np.concatenate([corpus.sequence(row) for row in corpus.rows("train")])
    symbols = every[every > MASK].astype(np.int64)

    def fill(batch: Batch, seed: int) -> list[Tensor]:
        drawn = torch.from_numpy(np.random.default_rng(seed).choice(symbols, batch.tokens.shape))
        drawn = drawn.to(batch.tokens.device)
        return [torch.where(batch.observed, batch.tokens, drawn)]

    return fill


@torch.no_grad()
def beam_fills(language: SequenceVAE, width: int, batch: Batch) -> Tensor:
    """The likeliest completion that a beam search finds with a model without a code, ``(batch, length)``.

    Given symbols are scored as they come, and the beams kept through them: what follows a gap has its say. No gap is
    filled with ``<unk>`` or ``<eos>``, as in ``vaeseq.imputation``.
    """
    steps, count, device = Steps(language.decoder), len(batch.tokens), batch.tokens.device
    rows = steps.rows(torch.empty(count * width, 0, device=device))
    own = torch.arange(width, device=device).expand(count, width)
    first = width * torch.arange(count, device=device).unsqueeze(1)
    drawn = batch.tokens.unsqueeze(1).repeat(1, width, 1)
    scores = torch.zeros(count, width, device=device)
    scores[:, 1:] = -torch.inf  # all beams begin alike: one of them is enough
    for place in range(1, drawn.shape[2]):
        logits, rows = steps.step(drawn[:, :, place - 1].flatten(), rows)
        log_p = logits.log_softmax(dim=1).view(count, width, -1)
        wanted, given = batch.tokens[:, place, None].expand(count, width), batch.observed[:, place, None]
        told = log_p.gather(2, wanted.unsqueeze(2)).squeeze(2).masked_fill(wanted == PAD, 0.0)
        if bool(given.all()):
            scores = scores + told
            continue
        log_p[:, :, [UNK, EOS]] = -torch.inf
        best, which = (scores.unsqueeze(2) + log_p).flatten(1).topk(width, dim=1)
        beam = torch.where(given, own, which // log_p.shape[2])
        drawn = drawn.gather(1, beam.unsqueeze(2).expand_as(drawn))
        drawn[:, :, place] = torch.where(given, wanted, which % log_p.shape[2])
        scores = torch.where(given, scores + told, best)
        rows = rows.take((first + beam).flatten())
    return drawn[torch.arange(count, device=device), scores.argmax(dim=1)]
