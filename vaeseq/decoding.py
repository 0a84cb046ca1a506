"""From codes to sequences, symbol by symbol: draws and beam search.

The steps are few products of small matrices, so all that can be is done before: what a symbol adds to the gates of the
LSTM is a row of a table, what a code adds is made once a text.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vaeseq.tokenizer import BOS, EOS, PAD, UNK

if TYPE_CHECKING:
    from vaeseq.decoder import Gates, LSTMDecoder

# Rows of a step, at most, and of a product of matrices. That rounds as its shape has it: with one shape for all, a
# greedy text depends on its code alone, whatever is decoded beside it.
TILE = {"cpu": 128, "cuda": 4_096}
BLOCK = {"cpu": 32, "cuda": 256}
LOOK = {"cpu": 2, "cuda": 16}  # steps between two looks at which texts have ended; on a GPU each makes it wait


class Rows(NamedTuple):
    """Texts being decoded: what their codes add to the output and to the gates of each LSTM, and its states."""

    output: Tensor
    gates: tuple[Tensor, ...]
    hidden: tuple[Tensor, ...]
    cells: tuple[Tensor, ...]

    def take(self, rows: Tensor) -> "Rows":
        """Some of them."""
        return Rows(self.output[rows], *(tuple(part[rows] for part in parts) for parts in self[1:]))

    def put(self, rows: Tensor, other: "Rows") -> None:
        """Others in the place of some of them."""
        self.output[rows] = other.output
        for mine, its in zip(chain(*self[1:]), chain(*other[1:]), strict=True):
            mine[rows] = its


class Cell:
    """An LSTM, its weights made ready for single steps."""

    def __init__(self, gates: "Gates", embedding: Tensor, dtype: torch.dtype) -> None:
        # From torch's order of the gates, i f g o, to one where the sigmoids lie together.
        inputs, recurrent, bias = (part[[0, 1, 3, 2]].flatten(0, 1) for part in gates)
        width = embedding.shape[1]
        self.by_symbol = torch.addmm(bias, embedding, inputs[:, :width].t()).to(dtype)
        self.by_code, self.by_state = inputs[:, width:].t(), recurrent.to(dtype).t().contiguous()

    def step(self, symbols: Tensor, by_code: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """State after each of ``symbols``."""
        gates = _add_product(self.by_symbol.index_select(0, symbols).add_(by_code), hidden, self.by_state)
        sigmoids, g = gates.tensor_split([gates.shape[1] // 4 * 3], dim=1)
        i, f, o = sigmoids.sigmoid_().chunk(3, dim=1)
        cell = (cell * f).add_(g.tanh_().mul_(i))
        return torch.tanh(cell.to(o.dtype)).mul_(o), cell


class Steps:
    """A decoder, its weights made ready for single steps, in the precision of ``torch.autocast`` where it is on."""

    def __init__(self, decoder: "LSTMDecoder") -> None:
        weights, embedding = decoder.weights(), decoder.embedding.weight
        kind = embedding.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else embedding.dtype
        head, self.output_bias, self.bias = weights.head, weights.head_bias, weights.symbol_bias
        self.first_state, self.embedding = decoder.first_state, embedding
        with torch.autocast(kind, enabled=False):
            self.cells = [Cell(gates, embedding, dtype) for gates in weights.gates]
            if len(embedding) <= embedding.shape[1]:  # then the two products of the output are cheaper as one
                self.output_bias = torch.addmv(self.bias, embedding, self.output_bias)
                head, self.embedding = embedding @ head, None
        self.sizes = [len(cell.by_state) for cell in self.cells]
        by_state, by_code = head.t().tensor_split([sum(self.sizes)])
        self.output_by_state, self.output_by_code = by_state.contiguous(), by_code

    @property
    def floats(self) -> int:
        """Of a row, that a step has at once, about."""
        return len(self.bias) + 4 * sum(self.sizes)

    def rows(self, z: Tensor) -> Rows:
        """Before the first symbol."""
        with torch.autocast(z.device.type, enabled=False):
            hidden, cells = (state[0].split(self.sizes, dim=1) for state in self.first_state(z))
            output = torch.addmm(self.output_bias, z, self.output_by_code)
            by_code = tuple((z[:, : len(cell.by_code)] @ cell.by_code).to(cell.by_state.dtype) for cell in self.cells)
            hidden = tuple(part.to(its.dtype, copy=True) for part, its in zip(hidden, by_code, strict=True))
            return Rows(output, by_code, hidden, tuple(part.clone() for part in cells))

    def step(self, symbols: Tensor, rows: Rows) -> tuple[Tensor, Rows]:
        """Logits ``(rows, vocabulary)`` of what follows each of ``symbols``, and the rows after them."""
        with torch.autocast(symbols.device.type, enabled=False):
            states = zip(rows.gates, rows.hidden, rows.cells, strict=True)
            after = [cell.step(symbols, *state) for cell, state in zip(self.cells, states, strict=True)]
            hidden, cells = zip(*after, strict=True)
            # The last products are never rounded: two symbols must not seem alike that are not.
            states = torch.cat(hidden, dim=1).to(rows.output.dtype)
            output = _add_product(rows.output.clone(), states, self.output_by_state)
            if self.embedding is not None:
                output = _add_product(self.bias.repeat(len(output), 1), output, self.embedding.t())
            return output, Rows(rows.output, rows.gates, hidden, cells)


def _add_product(to: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """``to + one @ other``, in the place of the former."""
    size = BLOCK[to.device.type]
    for start in range(0, len(to), size):
        to[start : start + size].addmm_(one[start : start + size], other)
    return to


@torch.no_grad()
def draw(
    decoder: "LSTMDecoder",
    z: Tensor,
    max_length: int,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """As ``SequenceLikelihood.draw``.

    Texts are decoded in the places of one tile; where one has ended the next begins, and where none is left to begin
    the tile becomes smaller.
    """
    count, device, steps = len(z), z.device, Steps(decoder)
    block, begun = BLOCK[device.type], _rows_by_blocks(steps, z)
    width = min(TILE[device.type], max(1, math.ceil(count / block)) * block)
    drawn = torch.full((count + 1, max_length + 1), PAD, device=device)  # the last is of places without a text
    drawn[:count, 0] = BOS
    chances = torch.rand(count + 1, max_length, generator=generator, device=device) if temperature > 0 else None
    text, length, symbols = torch.tensor([[count], [0], [BOS]], device=device).repeat(1, width)
    rows = steps.rows(z.new_zeros(width, z.shape[1]))
    taken = step = 0
    while True:
        if step % LOOK[device.type] == 0:
            free = (text == count).nonzero().squeeze(1)
            if taken < count and len(free):
                free, more = free[: count - taken], torch.arange(taken, min(taken + len(free), count), device=device)
                taken += len(more)
                text[free], length[free], symbols[free] = more, 0, BOS
                rows.put(free, begun.take(more))
            elif taken == count:
                if len(free) == len(text):
                    break
                if len(free) >= block:
                    kept = torch.cat([(text != count).nonzero().squeeze(1), free[: len(free) % block]])
                    text, length, symbols, rows = text[kept], length[kept], symbols[kept], rows.take(kept)
        logits, rows = steps.step(symbols, rows)
        logits[:, UNK] = -torch.inf
        logits[:, EOS].masked_fill_(length == 0, -torch.inf)
        symbols = pick(logits, temperature, top_p, chances[text, length] if chances is not None else None)
        length = (length + 1).clamp(max=max_length)
        drawn[text, length] = symbols
        text = torch.where((symbols == EOS) | (length == max_length), count, text)
        length, step = length.where(text != count, 0), step + 1
    longest = int((drawn[:count] != PAD).sum(dim=1).max()) if count else 1
    return drawn[:count, :longest]


def _rows_by_blocks(steps: Steps, z: Tensor) -> Rows:
    """Before the first symbol; the last are of no text."""
    size = BLOCK[z.device.type]
    blocks = [torch.cat([block, block.new_zeros(size - len(block), block.shape[1])]) for block in z.split(size)]
    parts = [steps.rows(block) for block in blocks]
    output, *states = zip(*parts, strict=True)
    whole = [tuple(map(torch.cat, zip(*each, strict=True))) for each in states]
    return Rows(torch.cat(output), *whole)


def pick(logits: Tensor, temperature: float, top_p: float, chance: Tensor | None) -> Tensor:
    """The likeliest symbol of each row, or the one that a chance in [0, 1) falls on."""
    if chance is None:
        return logits.argmax(dim=1)
    shares = (logits.double() / temperature).softmax(dim=1)
    if top_p < 1:
        ordered, order = shares.sort(dim=1, descending=True)
        ordered = ordered.masked_fill(ordered.cumsum(dim=1) - ordered >= top_p, 0.0)
        shares = torch.zeros_like(shares).scatter_(1, order, ordered)
    below = shares.cumsum(dim=1)
    return (below <= chance.unsqueeze(1) * below[:, -1:]).sum(dim=1).clamp(max=logits.shape[1] - 1)


@torch.no_grad()
def beams(parts: Sequence[tuple[float, "LSTMDecoder", Tensor]], max_length: int, width: int) -> tuple[Tensor, Tensor]:
    """As ``SequenceLikelihood.beams``, for the weighed sum of several decoders, each with codes of its own.

    A text whose beams have all ended leaves the batch.
    """
    count, device = len(parts[0][2]), parts[0][2].device
    models = [(share, Steps(decoder)) for share, decoder, _ in parts]
    rows = [steps.rows(z.repeat_interleave(width, dim=0)) for (_, steps), (_, _, z) in zip(models, parts, strict=True)]
    found = torch.full((count, width, max_length + 1), PAD, device=device)
    totals = torch.full((count, width), -torch.inf, device=device)
    text = torch.arange(count, device=device)  # of each group of beams
    drawn = torch.full((count, width, 1), BOS, device=device)
    scores = torch.zeros(count, width, device=device)
    scores[:, 1:] = -torch.inf  # all beams begin alike: one of them is enough
    for place in range(max_length):
        if not len(text):
            break
        last, chances = drawn[:, :, -1].flatten(), torch.zeros((), device=device)
        for k, (share, steps) in enumerate(models):
            logits, rows[k] = steps.step(last, rows[k])
            chances = chances + share * logits.log_softmax(dim=1)
        chances[:, [UNK] if place else [UNK, EOS]] = -torch.inf
        done = (last == EOS) | (last == PAD)
        chances[done] = -torch.inf
        chances[done, PAD] = 0.0
        vocabulary = chances.shape[1]
        scores, best = (scores.unsqueeze(2) + chances.view(len(text), width, vocabulary)).flatten(1).topk(width, dim=1)
        beam, symbol = best // vocabulary, best % vocabulary
        drawn = torch.cat([drawn.gather(1, beam.unsqueeze(2).expand_as(drawn)), symbol.unsqueeze(2)], dim=2)
        going = ((symbol != EOS) & (symbol != PAD) & scores.isfinite()).any(dim=1)
        if place + 1 == max_length:
            going.zero_()
        ended = text[~going]
        found[ended, :, : drawn.shape[2]], totals[ended] = drawn[~going], scores[~going]
        kept = (width * torch.arange(len(text), device=device).unsqueeze(1) + beam)[going].flatten()
        rows = [each.take(kept) for each in rows]
        text, drawn, scores = text[going], drawn[going], scores[going]
    longest = int((found != PAD).sum(dim=2).max()) if count else 1
    return found[:, :, :longest], totals
