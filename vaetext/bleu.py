"""How near sentences came back, by the words and runs of words that they share with those that were asked for."""

import math
import re
from collections import Counter
from collections.abc import Hashable, Sequence

from vaeseq.errors import InputError
from vaetext.words import WORD

ORDER = 4
_PIECE = re.compile(rf"{WORD}|[^\w\s]")


def pieces(sentence: str) -> list[str]:
    """Words and punctuation marks, each by itself, as they are spelled."""
    return _PIECE.findall(sentence)


def bleu(found: Sequence[Sequence[Hashable]], true: Sequence[Sequence[Hashable]], *, order: int = ORDER) -> float:
    """BLEU of a corpus with one reference a sentence, from 0 to 1; higher is better.

    ``min(1, exp(1 - r / c)) (prod_n p_n)^(1 / order)`` with c and r the words of all that was found and of all that is
    true, and p_n the share of the n-grams found that the true sentence has too, each at most as often as there. Counts
    are summed over the sentences before they are divided, and not smoothed: no shared n-gram of a length gives 0.

    Args:
        found: Words of each sentence that came back.
        true: Words of each sentence that was asked for.
        order: Words of the longest n-grams.

    Raises:
        InputError: There are no sentences, or not as many of each.

    References:
        Papineni et al. (2002), section 2.3, https://aclanthology.org/P02-1040
    """
    if not len(found) == len(true) > 0:
        raise InputError(f"found and true must be as many sentences, and at least one, got {len(found)}, {len(true)}")
    shares = [_precision(found, true, n) for n in range(1, order + 1)]
    if not all(shares):
        return 0.0
    brevity = min(0.0, 1 - sum(map(len, true)) / sum(map(len, found)))
    return math.exp(brevity + sum(map(math.log, shares)) / order)


def _precision(found: Sequence[Sequence[Hashable]], true: Sequence[Sequence[Hashable]], n: int) -> float:
    """p_n."""
    pairs = [(_grams(a, n), _grams(b, n)) for a, b in zip(found, true, strict=True)]
    return sum((a & b).total() for a, b in pairs) / max(1, sum(a.total() for a, _ in pairs))


def _grams(words: Sequence[Hashable], n: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
