"""Content that the rows of a group share, and style that each has for itself: the multi-level VAE.

``z = [c, s]``, the content before the style. For the rows of one group

    log p(x_1 .. x_n) >= sum_i E log p(x_i | c, s_i) - sum_i KL(q(s_i | x_i) || p(s)) - KL(q(c | x_1 .. x_n) || p(c))

where ``q(c | x_1 .. x_n)`` is the normalised product of what the encoder says of each row: every row adds its evidence.
A group of one row is the ordinary model, so rows that belong nowhere need no special care.

References:
    Bouchacourt, Tomioka and Nowozin (2018), Multi-Level Variational Autoencoder ("accumulating group evidence"),
    https://arxiv.org/abs/1705.08841
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeseq.errors import InputError

if TYPE_CHECKING:
    from vaeseq.walks import TextSpace


@dataclass(frozen=True)
class Groups:
    """Which rows of a corpus belong together, and how many of them meet in a batch.

    Attributes:
        of: A number for each row of the corpus, the same for all rows of a group.
        size: Most rows of a small group: what is taken of a group at a time.
    """

    of: np.ndarray
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"group_size must be at least 1, got {self.size!r}")

    @classmethod
    def named(cls, labels: Sequence[Hashable], size: int) -> "Groups":
        """Rows of one label are a group; a row whose label is None or empty is alone."""
        numbers: dict[Hashable, int] = {}
        # A tuple is no label: it stands for one row.
        keys = ((row,) if label in (None, "") else label for row, label in enumerate(labels))
        return cls(np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64), size)

    def small(self, rows: np.ndarray) -> np.ndarray:
        """The small group of each of some rows: neighbours of one group, ``size`` at most, numbered from 0."""
        of = self.of[rows]
        first = np.flatnonzero(np.diff(of, prepend=of[:1] - 1))
        place = np.arange(len(of)) - np.repeat(first, np.diff(first, append=len(of)))
        return np.cumsum(place % self.size == 0) - 1

    def batches(
        self, rows: np.ndarray, lengths: np.ndarray, batch_size: int, random: np.random.Generator | None = None
    ) -> Iterator[np.ndarray]:
        """Every row once, in batches of whole small groups.

        Each group is cut into small groups in the order of ``rows``, whatever the lengths: rows of one length would
        share their length, and the content would be told it. Small groups whose longest rows are alike share a batch,
        so that less is padded.

        Args:
            rows: Of the corpus.
            lengths: Of all rows of the corpus.
            batch_size: Rows of a batch at most, and of a small group.
            random: Decides which small groups of one length meet; None keeps them in order.
        """
        if not len(rows):
            return
        rows = rows[np.argsort(self.of[rows], kind="stable")]
        number = replace(self, size=min(self.size, batch_size)).small(rows)
        first = np.flatnonzero(np.diff(number, prepend=-1))
        order = random.permutation(len(first)) if random else np.arange(len(first))
        order = order[np.argsort(np.maximum.reduceat(lengths[rows], first)[order], kind="stable")]
        small, batch, count = np.split(rows, first[1:]), [], 0
        for i in order:
            if count + len(small[i]) > batch_size:
                yield np.concatenate(batch)
                batch, count = [], 0
            batch.append(small[i])
            count += len(small[i])
        yield np.concatenate(batch)


def product(mean: Tensor, stddev: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """Means and deviations of normalised products of Gaussians: precisions add, and weigh the means.

    Args:
        mean: ``(rows, dimensions)``.
        stddev: ``(rows, dimensions)``.
        members: Which rows are the factors of each product, ``(products, rows)``, at least one each.
    """
    # In double precision: autocast lets it be, and a product of one factor is that factor to the last bit.
    members, precision = members.double(), stddev.double() ** -2
    total = members @ precision
    return (members @ (precision * mean) / total).to(mean.dtype), total.rsqrt().to(stddev.dtype)


def shared(posterior: Independent, noise: Tensor, group: Tensor, content: int) -> tuple[Independent, Tensor, Tensor]:
    """What rows are drawn from, and with, when those of a group share their content.

    Args:
        posterior: A Gaussian for each row by itself.
        noise: Standard normal numbers for each row, ``(batch, latent)``.
        group: Rows of one number are a group, ``(batch,)``.
        content: Dimensions of the content, the first ones.

    Returns:
        The posterior, its content the same for all rows of a group; the noise, its content that of the group's first
        row; and how much of each KL is a row's, ``(batch, latent)``: of the content's one part in as many as the group
        has rows, so that the sum over rows is that of the groups' bounds.
    """
    same = group.unsqueeze(0) == group.unsqueeze(1)
    first = same.byte().argmax(dim=1)

    def joined(of_content: Tensor, own: Tensor) -> Tensor:
        return torch.cat([of_content[first], own[:, content:]], dim=1)

    mean, stddev = product(posterior.mean[:, :content], posterior.stddev[:, :content], same)
    normal = Normal(joined(mean, posterior.mean), joined(stddev, posterior.stddev), validate_args=False)
    part = (1 / same.sum(dim=1, keepdim=True)).expand(-1, content)
    return Independent(normal, 1), joined(noise[:, :content], noise), joined(part, torch.ones_like(noise))


def swapped(space: "TextSpace", contents: Sequence[Sequence[str]], styles: Sequence[str], *, content: int) -> list[str]:
    """The greedy text of each group's content with another text's style, both at their posterior means.

    Args:
        space: What encodes and decodes.
        contents: Texts that share the content to take: a group, or one text.
        styles: For each of them the text whose style is taken.
        content: Dimensions of the content, ``SequenceVAE.content``.
    """
    posterior = space.encode([text for group in contents for text in group])
    members = torch.block_diag(*(torch.ones(1, len(group)) for group in contents))
    means, _ = product(posterior.mean[:, :content], posterior.stddev[:, :content], members)
    return space.decode(torch.cat([means, space.encode(styles).mean[:, content:]], dim=1))
