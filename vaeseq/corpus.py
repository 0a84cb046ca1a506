"""Prepared data: every row's ids in one flat array, cut into batches of like length."""

import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from vaeseq.errors import InputError
from vaeseq.tokenizer import PAD

if TYPE_CHECKING:
    from vaeseq.groups import Groups

SPLITS = ("train", "valid", "test")
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Batch:
    """Rows side by side.

    Attributes:
        tokens: Ids ``(batch, length)``, ``<bos> ... <eos>`` and then ``<pad>``.
        observed: True where the symbol is given to the encoder, ``(batch, length)``.
        row: Index of each row in the row table, ``(batch,)``.
        group: The same number for rows that share their content, ``(batch,)``; None where every row is by itself.
        targets: Properties of each row ``(batch, properties)``, nan where unknown; None where none are asked for.
        plain: As ``tokens``, the rows of the data, where those are made of several (``vaeseq.splicing``); else None.
    """

    tokens: Tensor
    observed: Tensor
    row: Tensor
    group: Tensor | None = None
    targets: Tensor | None = None
    plain: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device; a GPU is not waited for."""
        return self.each(lambda tensor: _sent(tensor, device))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """The batch whose tensors are made of this one's."""
        others = (None if part is None else change(part) for part in (self.group, self.targets, self.plain))
        return Batch(change(self.tokens), change(self.observed), change(self.row), *others)


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; a GPU is not waited for."""
    if device.type != "cuda":
        return tensor.to(device)
    # Only pinned memory is copied while the program goes on; torch keeps it until the copy is done.
    return (tensor if tensor.is_cuda else tensor.pin_memory()).to(device, non_blocking=True)


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


def write_tokens(path: Path, sequences: Iterable[Sequence[int]], split: Sequence[int]) -> None:
    """Write ``tokens.safetensors``; ``split`` indexes ``SPLITS``."""
    ids, lengths = array("B"), array("I", [0])
    for sequence in sequences:
        if ids.typecode == "B" and max(sequence, default=0) > 255:  # words; symbols of molecules are fewer
            ids = array("H", ids)
        ids.extend(array(ids.typecode, sequence))
        lengths.append(len(sequence))
    if len(lengths) - 1 != len(split):
        raise ValueError(f"rows and split must be as many, got {len(lengths) - 1} and {len(split)}")
    table = {
        "tokens": np.frombuffer(ids, ids.typecode),
        "offsets": np.cumsum(lengths, dtype=np.int64),
        "split": np.asarray(split, np.uint8),
    }
    save_file(table, path)


def choose(rows: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """At most ``count`` of the rows, at random, in order: files are often sorted, and the first rows the easiest."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


class Corpus:
    """All rows of a prepared data set.

    Attributes:
        tokens: Ids of all rows, one after the other, uint8 where they fit, else uint16.
        offsets: int64 ``(rows + 1,)``; row ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``.
        split: uint8 ``(rows,)``, an index into ``SPLITS``.
        groups: Which rows belong together; batches then hold whole small groups. None where every row is by itself.
        targets: Properties of each row, float32 ``(rows, properties)``, nan where unknown; None where none are asked.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        offsets: np.ndarray,
        split: np.ndarray,
        groups: "Groups | None" = None,
        targets: np.ndarray | None = None,
    ) -> None:
        self.tokens, self.offsets, self.split = tokens, offsets, split
        self.groups, self.targets = groups, targets
        self.lengths = np.diff(offsets)
        self._placed: dict[torch.device, tuple[Tensor, Tensor]] = {}

    @classmethod
    def load(cls, folder: Path, groups: "Groups | None" = None, targets: np.ndarray | None = None) -> "Corpus":
        """Read ``tokens.safetensors`` from a prepared folder.

        Raises:
            InputError: The file is missing or broken, or groups or targets are of other rows.
        """
        path = folder / "tokens.safetensors"
        try:
            with safe_open(path, framework="np") as file:  # a file of an earlier version holds another table too
                tables = [file.get_tensor(name) for name in ("tokens", "offsets", "split")]
            corpus = cls(*tables, groups, targets)
        except (OSError, SafetensorError, TypeError, ValueError, KeyError) as error:
            raise InputError(f"prepared data {str(path)!r} cannot be read: {error}; run the prepare stage") from error
        rows = corpus.split.size
        if not corpus._fits_together():
            raise InputError(f"prepared data {str(path)!r} must hold tables of one length; run the prepare stage")
        if groups is not None and len(groups.of) != rows:
            raise InputError(f"groups must be of the {rows} rows of {str(path)!r}, got {len(groups.of)}")
        if targets is not None and len(targets) != rows:
            raise InputError(f"targets must be of the {rows} rows of {str(path)!r}, got {len(targets)}")
        return corpus

    def _fits_together(self) -> bool:
        tables, places = (self.tokens, self.offsets, self.split), self.offsets
        return (
            all(table.ndim == 1 for table in tables)
            and len(self.split) == len(places) - 1
            and all(np.issubdtype(table.dtype, np.integer) for table in tables)
            and places[0] == 0
            and places[-1] == len(self.tokens)
            and bool((self.lengths >= 0).all())
        )

    def __len__(self) -> int:
        return len(self.split)

    def rows(self, split: str) -> np.ndarray:
        """Indices of the rows of one split, in order."""
        return np.flatnonzero(self.split == SPLITS.index(split))

    def sequence(self, row: int) -> np.ndarray:
        """Ids of one row."""
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def batch(self, rows: Sequence[int] | np.ndarray, device: torch.device = _CPU) -> Batch:
        """The named rows, in the order given, on a device; neighbours of one group share their content.

        The ids of the whole corpus are kept there from the first batch on, if they take less than half of the memory
        that is free then; else they stay in that of the CPU.
        """
        numbers = np.asarray(rows, np.int64)
        if device not in self._placed:
            self._placed[device] = self._on(device if self._fits(device) else _CPU)
        ids, offsets = self._placed[device]
        home = ids.device
        row = _sent(torch.from_numpy(numbers), home)
        first, place = offsets[row], torch.arange(self.lengths[numbers].max(initial=0), device=home)
        inside = place < (offsets[row + 1] - first).unsqueeze(1)
        index = torch.where(inside, first.unsqueeze(1) + place, 0)
        tokens = torch.where(inside, ids[index].long() & 0xFFFF, PAD)
        group = _sent(torch.from_numpy(self.groups.small(numbers)), home) if self.groups else None
        targets = None if self.targets is None else _sent(torch.from_numpy(self.targets[numbers]), home)
        return Batch(tokens, torch.ones_like(inside), row, group, targets).to(device)

    def _fits(self, device: torch.device) -> bool:
        return device.type == "cuda" and 2 * self.tokens.nbytes < torch.cuda.mem_get_info(device)[0]

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Ids and offsets; torch does little with unsigned 16 bits, so these wear the signed type."""
        ids = self.tokens.view(np.int16) if self.tokens.dtype == np.uint16 else self.tokens
        return torch.from_numpy(ids).to(device), torch.from_numpy(self.offsets).to(device)

    def epoch(self, rows: np.ndarray, batch_size: int, *, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """Rows of each batch of one pass: a pure function of ``(seed, epoch)``.

        Rows of like length share a batch, so that little is padded; rows within one length, and the batches, are in
        random order. With groups it is the small groups of like length that do.
        """
        random = np.random.default_rng([seed, epoch])
        ordered = random.permutation(rows)
        if self.groups:
            batches = list(self.groups.batches(ordered, self.lengths, batch_size, random))
        else:
            ordered = self._by_length(ordered)
            # A random cut point makes other rows meet at the borders in every epoch.
            first = int(random.integers(1, batch_size + 1))
            cuts = [0, *range(first, len(ordered), batch_size), len(ordered)]
            batches = [ordered[a:b] for a, b in itertools.pairwise(cuts) if b > a]
        for i in random.permutation(len(batches)):
            yield batches[i]

    def in_order(self, rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
        """Every row once, by length, for evaluation; with groups, small groups by their longest rows."""
        if self.groups:
            yield from self.groups.batches(rows, self.lengths, batch_size)
            return
        ordered = self._by_length(rows)
        for start in range(0, len(ordered), batch_size):
            yield ordered[start : start + batch_size]

    def _by_length(self, rows: np.ndarray) -> np.ndarray:
        """Shortest first, else in the order given."""
        lengths = self.lengths[rows]
        # A stable sort of 16-bit numbers looks at each of them a few times only.
        return rows[np.argsort(lengths.astype(np.uint16) if lengths.max(initial=0) < 2**16 else lengths, kind="stable")]
