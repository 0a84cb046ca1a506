"""A trained model whose texts are molecules: SMILES in, canonical SMILES out."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor
from torch.distributions import Independent

from vaemol.molecule import Limits
from vaemol.notation import known, to_smiles
from vaemol.record import REASONS, molecule_text
from vaeseq.checkpoint import told
from vaeseq.errors import InputError, Rejected
from vaeseq.inversion import Inverted
from vaeseq.parallel import each, ordered_map
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import UNK

if TYPE_CHECKING:
    from vaeseq.console import Line, Reading

Made = tuple[str, tuple[str, list[str]] | Rejected]  # a SMILES with what ``vaemol.record.molecule_text`` makes of it
LINES_AT_ONCE = 64  # sent to a process together


class MoleculeSpace:
    """A latent space of molecules.

    Attributes:
        space: The latent space of texts in the model's notation.
        notation: ``selfies`` or ``smiles``.
        standardise: Whether it reads of a salt the parent, as its training molecules were prepared.
        reread: How many molecules that were given to ``texts`` or ``readings`` the model reads as others, standardised,
            and one of them with what it is read as.
    """

    def __init__(self, space: LatentSpace) -> None:
        if space.metadata.get("name") != "molecules":
            raise InputError(f"model must be one of molecules, got one of {space.metadata.get('name')!r}")
        said = told(space.metadata, notation=str, standardise=bool, max_characters=int, max_heavy_atoms=int)
        self.space, self.notation = space, known(said.pop("notation", None))
        self.standardise = said.pop("standardise", False)
        how = {"standardise": self.standardise, "limits": Limits(**said)}
        self._made = partial(molecule_text, notation=self.notation, **how)
        self.reread: tuple[int, str, str] = (0, "", "")

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> "MoleculeSpace":
        """Read a checkpoint folder.

        Raises:
            InputError: It is missing, foreign or broken, or no model of molecules.
        """
        return cls(LatentSpace.load(folder, device))

    @property
    def latent(self) -> int:
        """Dimension of a code."""
        return self.space.latent

    def texts(self, smiles: Sequence[str]) -> list[str]:
        """Each molecule as the model reads it, prepared as the training set was.

        Raises:
            InputError: One is no molecule, is larger than those of the training set, or holds an atom or bond that the
                model does not know.
        """
        return [self._read(entry, found) for entry, found in zip(smiles, each(self._made, smiles), strict=True)]

    def readings(self, lines: "Iterable[Line]", *, several: bool = False) -> "Iterator[Reading]":
        """Each line with what ``texts`` gives of its molecule, or why there is nothing, in order.

        The lines may come from strangers: they are read in processes, and one that hangs or crashes there costs itself.

        Args:
            lines: A molecule each, and behind a space whatever there is; read ahead.
            several: Each word of a line is one, up to a tab and what is no SMILES, the ``name`` among its ``others``. A
                line is read only when what comes of the one before has been used: whoever writes them may wait for it.
        """
        lines, again = itertools.tee(lines)
        entries = (entry for line in again for entry in _entries(line, several))
        how = {"preload": (molecule_text.__module__,), "chunk": LINES_AT_ONCE, "in_turn": several}
        found = ordered_map(self._made, entries, **how)
        for line in lines:
            its = list(itertools.islice(found, len(_entries(line, several))))
            if several:
                line, its = _without_name(line, its)
            try:
                yield line, InputError(line.error) if line.error else [self._read(*each) for each in its]
            except InputError as error:
                yield line, error

    def _read(self, smiles: str, found: tuple[str, list[str]] | Rejected) -> str:
        if isinstance(found, Rejected):
            why = REASONS.get(found.reason, found.reason)
            raise InputError(f"molecule must be readable SMILES, got {smiles[:80]!r}: {why}") from found
        text, changed = found
        if UNK in self.space.tokenizer.encode(text):
            raise InputError(f"molecule {smiles[:80]!r} holds a symbol that this model was not trained on")
        if changed:
            count, *example = self.reread
            self.reread = (count + 1, *(example if count else (smiles, to_smiles(text, self.notation))))
        return text

    def encode(self, smiles: Sequence[str]) -> Independent:
        """q(z | x) of each molecule; batch shape ``(molecules,)``, event shape ``(latent,)``."""
        return self.space.encode(self.texts(smiles))

    def pinned(self, smiles: Sequence[str]) -> Inverted:
        """Codes whose greedy text is the molecule, near its posterior mean, as far as there are any."""
        return self.space.pinned(self.texts(smiles))

    def denser(self, way: Tensor) -> Tensor:
        """A way between the same ends ``(knots, latent)`` through what the prior holds likely."""
        return self.space.denser(way)

    def decode(
        self, z: Tensor, *, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0, beams: int = 1
    ) -> list[str]:
        """Canonical SMILES of each code ``(codes, latent)``; empty where the decoded text is no molecule."""
        texts = self.space.decode(z, temperature=temperature, top_p=top_p, seed=seed, beams=beams)
        return [to_smiles(text, self.notation) for text in texts]

    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Codes from the prior, ``(count, latent)``."""
        return self.space.prior_sample(count, seed=seed)

    def sample(self, count: int, *, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0) -> list[str]:
        """Canonical SMILES decoded from draws of the prior; empty where the text is no molecule."""
        texts = self.space.sample(count, temperature=temperature, top_p=top_p, seed=seed)
        return [to_smiles(text, self.notation) for text in texts]

    def reconstruct(self, smiles: Sequence[str]) -> list[str]:
        """Posterior mean, one greedy pass."""
        return self.decode(self.encode(smiles).mean)


def _entries(line: "Line", several: bool) -> list[str]:
    if line.error:
        return []
    return line.text.split() if several else [line.word]


def _without_name(line: "Line", its: list[Made]) -> tuple["Line", list[Made]]:
    """A line that holds several, and what was made of them, up to the name of the set."""
    first, *cells = line.text.split("\t")
    count = len(first.split())
    for number, cell in enumerate(cells):
        ends = count + len(cell.split())
        if any(isinstance(found, Rejected) and found.reason == "unparsable" for _, found in its[count:ends]):
            name = " ".join(" ".join(cells[number:]).split())
            return line._replace(others=(*line.others, ("name", name))), its[:count]
        count = ends
    return line, its
