"""Molecules that a search starts with."""

import sys
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from vaemol.constraints import Constraint, kept
from vaemol.notation import to_smiles
from vaeseq.errors import InputError
from vaeseq.rounds import Call

AT_ONCE = 256


class PoolTexts:
    """Proposes molecules of a pool, the lead first, the others in random order; canonical, each once.

    They are read as far as they are needed, for of a large pool only the first few hundred ever are.

    Args:
        smiles: The pool.
        seed: Of the order.
        admits: What a molecule must hold.
        lead: What comes first, canonical, whether it is admitted or not.
    """

    def __init__(self, smiles: Iterable[str], seed: int, admits: Constraint | None = None, *, lead: str = "") -> None:
        pool = list(smiles)
        self._left = iter([pool[i] for i in np.random.default_rng(seed).permutation(len(pool))])
        self._admits, self._lead = admits, lead
        self._texts: dict[str, None] = {lead: None} if lead else {}
        self._looked = self._unread = self._barred = 0

    def __call__(self, calls: Sequence[Call], count: int) -> list[str]:
        """The first ``count`` that were not asked for."""
        return self.new(count, {call.text for call in calls})

    def new(self, count: int, known: set[str]) -> list[str]:
        """The first ``count`` that are not known."""
        count = max(0, count)
        while len(self._texts.keys() - known) < count and (some := list(islice(self._left, AT_ONCE))):
            self._read(some)
        return list(islice((text for text in self._texts if text not in known), count))

    def first(self, count: int) -> list[str]:
        """The first ``count``; says how many of those that were looked at for them are of no use.

        Raises:
            InputError: There is not even one.
        """
        found = self.new(count, set())
        if not found and self._unread == self._looked:
            raise InputError("molecules to start with must be readable SMILES, none of them is")
        if not found:
            raise InputError("molecules to start with must hold what is required, none of them does")
        if self._lead and not kept([self._lead], self._admits):
            print("the lead does not hold what is required: the search only starts with it", file=sys.stderr)
        if self._unread or self._barred:
            print(
                f"of {self._looked} molecules to start with {self._unread} are no readable SMILES, and {self._barred} "
                "do not hold what is required",
                file=sys.stderr,
            )
        return found

    def _read(self, some: Sequence[str]) -> None:
        read = [to_smiles(text, "smiles") for text in some]
        others = [text for text in dict.fromkeys(filter(None, read)) if text not in self._texts]
        held = kept(others, self._admits)
        self._texts |= dict.fromkeys(held)
        self._looked += len(some)
        self._unread += read.count("")
        self._barred += len(others) - len(held)
