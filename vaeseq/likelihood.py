"""p(x | z) over whole sequences, as a distribution: score them, or draw them symbol by symbol."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaeseq import decoding
from vaeseq.tokenizer import BOS, PAD, UNK

if TYPE_CHECKING:
    from vaeseq.decoder import LSTMDecoder


class SequenceLikelihood:
    """``p(x | z) = prod_t p(x_t | x_<t, z)``, for a batch of codes.

    Args:
        decoder: Gives the logits of each next symbol.
        z: Codes ``(batch, latent)``.
    """

    def __init__(self, decoder: "LSTMDecoder", z: Tensor) -> None:
        self.decoder, self.z = decoder, z

    def symbol_log_prob(self, tokens: Tensor, visible: Tensor | None = None, *, given: Tensor | None = None) -> Tensor:
        """Log-probability of every symbol after ``<bos>``; ``(batch, length - 1)``, 0 at padding.

        Args:
            tokens: Ids ``(batch, length)``, ``<bos> ... <eos>``.
            visible: Where False, the decoder reads ``<unk>`` instead of the true previous symbol (word dropout, Bowman
                et al. 2015, section 3.1.2); ``(batch, length)``. None shows all.
            given: What ``decoder.given`` says of all symbols that are read, where it is known already.
        """
        history, targets = tokens[:, :-1], tokens[:, 1:]
        if visible is not None:
            history = torch.where(visible[:, :-1] | (history == PAD) | (history == BOS), history, UNK)
        losses = self.decoder.losses(history, targets, self.z, self.decoder.first_state(self.z), given)
        return torch.where(targets == PAD, 0.0, -losses)

    def log_prob(self, tokens: Tensor, visible: Tensor | None = None, *, given: Tensor | None = None) -> Tensor:
        """Log-probability of each sequence, nats, ``(batch,)``."""
        return self.symbol_log_prob(tokens, visible, given=given).sum(dim=1)

    def draw(
        self,
        max_length: int,
        *,
        temperature: float = 1.0,
        top_p: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """One sequence a code, ``(batch, length)``, padded after ``<eos>``.

        ``<unk>`` is left out of every choice and ``<eos>`` out of the first: nobody can read either. A greedy sequence
        depends on its code alone, not on the batch.

        Args:
            max_length: Most symbols after ``<bos>``; a row that does not end by then stays without ``<eos>``.
            temperature: Divides the logits; 0 takes the likeliest symbol at every step (greedy).
            top_p: Draws from the likeliest symbols that together have at least this probability (nucleus sampling,
                Holtzman et al. 2020, https://arxiv.org/abs/1904.09751).
            generator: Source of randomness, on the device of ``z``; unused at temperature 0.
        """
        return decoding.draw(
            self.decoder, self.z, max_length, temperature=temperature, top_p=top_p, generator=generator
        )

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
        parts = [(1.0, self.decoder, self.z)]
        if guide is not None:
            parts.append((weight, guide.decoder, guide.z))
        return decoding.beams(parts, max_length, width)
