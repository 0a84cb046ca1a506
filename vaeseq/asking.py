"""Asking an oracle that may fail on many texts at once: it is asked for fewer, and no answer is lost."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from vaeseq.errors import InputError

Oracle = Callable[[Sequence[str]], np.ndarray]


class Unanswered(Exception):
    """An oracle has no answer for several texts together; for each by itself it has one, be it nan."""


def answered(oracle: Oracle, texts: Sequence[str]) -> Iterator[tuple[list[str], np.ndarray]]:
    """Texts, in order, with their values, as the answers come: all at once, or halves of what is ``Unanswered``.

    Raises:
        InputError: The oracle does not give one number per text, nor as many numbers for each.
    """
    left = [list(texts)] if texts else []
    while left:
        piece = left.pop()
        try:
            values = np.asarray(oracle(piece), dtype=np.float64)
        except Unanswered:
            if len(piece) == 1:
                raise
            half = len(piece) // 2
            left += [piece[half:], piece[:half]]
            continue
        if values.shape[:1] != (len(piece),) or not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] > 1)):
            raise InputError(f"oracle must give one number per text, got shape {values.shape} for {len(piece)} texts")
        yield piece, values


def in_pieces(oracle: Oracle) -> Oracle:
    """The same oracle of one value, asked by ``answered``."""
    return lambda texts: np.concatenate([np.empty(0), *(values for _, values in answered(oracle, texts))])
