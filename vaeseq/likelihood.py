"""p(x | z) over whole sequences, as a distribution: score them, or draw them symbol by symbol."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaeseq.tokenizer import BOS, EOS, PAD, UNK

if TYPE_CHECKING:
    from vaeseq.model import LSTMDecoder


class SequenceLikelihood:
    """``p(x | z) = prod_t p(x_t | x_<t, z)``, for a batch of codes.

    Args:
        decoder: Gives the logits of each next symbol.
        z: Codes ``(batch, latent)``.
    """

    def __init__(self, decoder: "LSTMDecoder", z: Tensor) -> None:
        self.decoder, self.z = decoder, z

    def symbol_log_prob(self, tokens: Tensor, visible: Tensor | None = None) -> Tensor:
        """Log-probability of every symbol after ``<bos>``; ``(batch, length - 1)``, 0 at padding.

        Args:
            tokens: Ids ``(batch, length)``, ``<bos> ... <eos>``.
            visible: Where False, the decoder reads ``<unk>`` instead of the true previous symbol (word dropout, Bowman
                et al. 2015, section 3.1.2); ``(batch, length)``. None shows all.
        """
        history, targets = tokens[:, :-1], tokens[:, 1:]
        if visible is not None:
            history = torch.where(visible[:, :-1] | (history == PAD) | (history == BOS), history, UNK)
        losses = self.decoder.losses(history, targets, self.z, self.decoder.first_state(self.z))
        return torch.where(targets == PAD, 0.0, -losses)

    def log_prob(self, tokens: Tensor, visible: Tensor | None = None) -> Tensor:
        """Log-probability of each sequence, nats, ``(batch,)``."""
        return self.symbol_log_prob(tokens, visible).sum(dim=1)

    @torch.no_grad()
    def draw(self, max_length: int, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """One sequence a code, ``(batch, length)``, padded after ``<eos>``.

        ``<unk>`` is left out of every choice and ``<eos>`` out of the first: nobody can read either.

        Args:
            max_length: Most symbols after ``<bos>``; a row that does not end by then stays without ``<eos>``.
            temperature: Divides the logits; 0 takes the likeliest symbol at every step (greedy).
            generator: Source of randomness, on the device of ``z``; unused at temperature 0.
        """
        batch = self.z.shape[0]
        symbols = torch.full((batch, 1), BOS, dtype=torch.int64, device=self.z.device)
        drawn, done = [symbols], torch.zeros(batch, dtype=torch.bool, device=self.z.device)
        state = self.decoder.first_state(self.z)
        for place in range(max_length):
            logits, state = self.decoder.logits(symbols, self.z, state)
            last = _readable(logits[:, -1], place)
            symbols = _pick(last, temperature, generator).masked_fill(done, PAD).unsqueeze(1)
            drawn.append(symbols)
            done = done | (symbols.squeeze(1) == EOS)
            if bool(done.all()):
                break
        return torch.cat(drawn, dim=1)

    @torch.no_grad()
    def beams(
        self, max_length: int, *, width: int, guide: "SequenceLikelihood | None" = None, weight: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Likely sequences of each code, by beam search, the likeliest first.

        The same symbols are left out as in ``draw``. With a width of one and no guide it is the greedy sequence. A
        guide is heard at every step, as in the shallow fusion of Gulcehre et al. (2015),
        https://arxiv.org/abs/1503.03535.

        Args:
            max_length: Most symbols after ``<bos>``; a row that does not end by then stays without ``<eos>``.
            width: How many beginnings are kept at every step.
            guide: Another likelihood of as many rows, whose log-probability is added.
            weight: Of the guide's log-probability.

        Returns:
            Ids ``(batch, width, length)``, padded after ``<eos>``, and their scores ``(batch, width)``: the
            log-probability, with that of the guide; minus infinity where there are fewer sequences than the width.
        """
        batch, device = self.z.shape[0], self.z.device
        parts = [(1.0, self)] if guide is None else [(1.0, self), (weight, guide)]
        models = [(share, each.decoder, each.z.repeat_interleave(width, dim=0)) for share, each in parts]
        first = torch.arange(batch, device=device).unsqueeze(1) * width
        drawn = torch.full((batch * width, 1), BOS, dtype=torch.int64, device=device)
        scores = torch.zeros(batch, width, device=device)
        scores[:, 1:] = -torch.inf  # all beams begin alike: one of them is enough
        states = [decoder.first_state(z) for _, decoder, z in models]
        for place in range(max_length):
            steps = [
                decoder.logits(drawn[:, -1:], z, state) for (_, decoder, z), state in zip(models, states, strict=True)
            ]
            each = [
                share * logits[:, -1].log_softmax(dim=1)
                for (share, _, _), (logits, _) in zip(models, steps, strict=True)
            ]
            chances = _readable(torch.stack(each).sum(dim=0), place)
            done = (drawn[:, -1] == EOS) | (drawn[:, -1] == PAD)
            chances[done] = -torch.inf
            chances[done, PAD] = 0.0
            scores, best = (scores.view(-1, 1) + chances).view(batch, width * chances.shape[1]).topk(width, dim=1)
            kept = (first + best // chances.shape[1]).flatten()
            drawn = torch.cat([drawn[kept], (best % chances.shape[1]).view(-1, 1)], dim=1)
            states = [(hidden[:, kept], cell[:, kept]) for _, (hidden, cell) in steps]
            going = (drawn[:, -1] != EOS) & (drawn[:, -1] != PAD) & scores.isfinite().flatten()
            if not bool(going.any()):
                break
        return drawn.view(batch, width, drawn.shape[1]), scores


def _readable(scores: Tensor, place: int) -> Tensor:
    """Scores of the next symbol without those that nobody can read: ``<unk>``, and ``<eos>`` of an empty text."""
    return scores.index_fill(1, torch.tensor([UNK] if place else [UNK, EOS], device=scores.device), -torch.inf)


def _pick(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    if temperature == 0:
        return logits.argmax(dim=1)
    return torch.multinomial(torch.softmax(logits / temperature, dim=1), 1, generator=generator).squeeze(1)
