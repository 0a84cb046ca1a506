"""SMILES from strangers, read in processes that can be killed."""

from collections.abc import Iterable, Iterator
from functools import partial

from vaemol.notation import to_smiles
from vaeseq.errors import Rejected
from vaeseq.parallel import ordered_map


def canonical_each(texts: Iterable[str], *, workers: int | None = None) -> Iterator[str]:
    """The canonical SMILES of each; '' of what is no molecule, and of what hangs or crashes, which costs itself alone.

    Args:
        texts: Read ahead, in order.
        workers: Processes, see ``vaeseq.parallel.ordered_map``.
    """
    read = partial(to_smiles, notation="smiles")
    for _, found in ordered_map(read, texts, workers=workers, preload=(to_smiles.__module__,)):
        yield "" if isinstance(found, Rejected) else found
