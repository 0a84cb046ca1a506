"""Prepared data: every row's ids in one flat array, cut into batches of like length."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor

from vaeseq.errors import InputError
from vaeseq.tokenizer import PAD

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Batch:
    """Rows side by side.

    Attributes:
        tokens: Ids ``(batch, length)``, ``<bos> ... <eos>`` and then ``<pad>``.
        observed: True where the symbol is given to the encoder, ``(batch, length)``.
        row: Index of each row in the row table, ``(batch,)``.
    """

    tokens: Tensor
    observed: Tensor
    row: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(self.tokens.to(device), self.observed.to(device), self.row.to(device))


def pad(sequences: Sequence[Sequence[int]]) -> Tensor:
    """Ids ``(batch, longest)``, right-padded."""
    tokens = torch.full((len(sequences), max(map(len, sequences), default=0)), PAD, dtype=torch.int64)
    for row, ids in enumerate(sequences):
        tokens[row, : len(ids)] = torch.as_tensor(np.asarray(ids, dtype=np.int64))
    return tokens


def batch_of(sequences: Sequence[Sequence[int]]) -> Batch:
    """A fully observed batch of encoded texts that belong to no corpus; rows are numbered from 0."""
    tokens = pad(sequences)
    return Batch(tokens, torch.ones_like(tokens, dtype=torch.bool), torch.arange(len(sequences)))


def write_tokens(path: Path, sequences: Iterable[Sequence[int]], split: Sequence[int], weight: Sequence[float]) -> None:
    """Write ``tokens.safetensors``; ``split`` indexes ``SPLITS``."""
    arrays = [np.asarray(ids, dtype=np.uint16) for ids in sequences]
    offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
    if not len(arrays) == len(split) == len(weight):
        raise ValueError(f"rows, split and weight must be as many, got {len(arrays)}, {len(split)} and {len(weight)}")
    flat = np.concatenate(arrays) if arrays else np.empty(0, np.uint16)
    table = {"tokens": flat, "offsets": offsets, "split": np.asarray(split, np.uint8)}
    save_file(table | {"weight": np.asarray(weight, np.float32)}, path)


def choose(rows: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """At most ``count`` of the rows, at random, in order: files are often sorted, and the first rows the easiest."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


class Corpus:
    """All rows of a prepared data set.

    Attributes:
        tokens: uint16 ids of all rows, one after the other.
        offsets: int64 ``(rows + 1,)``; row ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``.
        split: uint8 ``(rows,)``, an index into ``SPLITS``.
        weight: float32 ``(rows,)``.
    """

    def __init__(self, tokens: np.ndarray, offsets: np.ndarray, split: np.ndarray, weight: np.ndarray) -> None:
        self.tokens, self.offsets, self.split, self.weight = tokens, offsets, split, weight
        self.lengths = np.diff(offsets)

    @classmethod
    def load(cls, folder: Path) -> "Corpus":
        """Read ``tokens.safetensors`` from a prepared folder.

        Raises:
            InputError: The file is missing or broken.
        """
        path = folder / "tokens.safetensors"
        try:
            corpus = cls(**load_file(path))
        except (OSError, SafetensorError, TypeError) as error:
            raise InputError(f"prepared data {str(path)!r} cannot be read: {error}; run the prepare stage") from error
        rows = len(corpus.offsets) - 1
        if corpus.offsets[-1] != len(corpus.tokens) or not len(corpus.split) == len(corpus.weight) == rows:
            raise InputError(f"prepared data {str(path)!r} must hold tables of one length; run the prepare stage")
        return corpus

    def __len__(self) -> int:
        return len(self.split)

    def rows(self, split: str) -> np.ndarray:
        """Indices of the rows of one split, in order."""
        return np.flatnonzero(self.split == SPLITS.index(split))

    def sequence(self, row: int) -> np.ndarray:
        """Ids of one row."""
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def batch(self, rows: Sequence[int] | np.ndarray) -> Batch:
        """The named rows, in the order given."""
        tokens = pad([self.sequence(row) for row in rows])
        return Batch(tokens, torch.ones_like(tokens, dtype=torch.bool), torch.as_tensor(np.asarray(rows, np.int64)))

    def epoch(self, rows: np.ndarray, batch_size: int, *, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """Rows of each batch of one pass: a pure function of ``(seed, epoch)``.

        Rows of like length share a batch, so that little is padded; rows within one length, and the batches, are in
        random order.
        """
        random = np.random.default_rng([seed, epoch])
        shuffled = random.permutation(rows)
        ordered = shuffled[np.argsort(self.lengths[shuffled], kind="stable")]
        # A random cut point makes other rows meet at the borders in every epoch.
        first = int(random.integers(1, batch_size + 1))
        cuts = [0, *range(first, len(ordered), batch_size), len(ordered)]
        batches = [ordered[a:b] for a, b in itertools.pairwise(cuts) if b > a]
        for i in random.permutation(len(batches)):
            yield batches[i]

    def in_order(self, rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
        """Every row once, by length, for evaluation."""
        ordered = rows[np.argsort(self.lengths[rows], kind="stable")]
        for start in range(0, len(ordered), batch_size):
            yield ordered[start : start + batch_size]
