"""A trained model whose texts are molecules: SMILES in, canonical SMILES out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from torch import Tensor
from torch.distributions import Independent

from vaemol.molecule import Limits
from vaemol.notation import to_smiles
from vaemol.record import molecule_text
from vaeseq.errors import InputError, Rejected
from vaeseq.inversion import Inverted
from vaeseq.parallel import each
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import UNK


class MoleculeSpace:
    """A latent space of molecules.

    Attributes:
        space: The latent space of texts in the model's notation.
        notation: ``selfies`` or ``smiles``.
        reread: How many molecules that were given to ``texts`` the model reads as others, standardised, and one of them
            with what it is read as.
    """

    def __init__(self, space: LatentSpace) -> None:
        if space.metadata.get("name") != "molecules":
            raise InputError(f"model must be one of molecules, got one of {space.metadata.get('name')!r}")
        self.space, self.notation = space, space.metadata["notation"]
        limits = {name: value for name in ("max_characters", "max_heavy_atoms") if (value := space.metadata.get(name))}
        how = {"standardise": space.metadata.get("standardise", False), "limits": Limits(**limits)}
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
            InputError: As ``read``.
        """
        found = [self.read(entry) for entry in smiles]
        for entry, (text, changed) in zip(smiles, found, strict=True):
            if changed:
                count, *example = self.reread
                self.reread = (count + 1, *(example if count else (entry, to_smiles(text, self.notation))))
        return [text for text, _ in found]

    def read(self, smiles: str) -> tuple[str, list[str]]:
        """A molecule as the model reads it, and what standardising changed.

        Raises:
            InputError: It is no molecule, is larger than those of the training set, or holds an atom or bond that the
                model does not know.
        """
        (found,) = each(self._made, [smiles])
        if isinstance(found, Rejected):
            raise InputError(f"molecule must be readable SMILES, got {smiles[:80]!r}: {found.reason}") from found
        if UNK in self.space.tokenizer.encode(found[0]):
            raise InputError(f"molecule {smiles[:80]!r} holds a symbol that this model was not trained on")
        return found

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
