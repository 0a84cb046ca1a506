"""A space of molecules as searches need it: what it decodes it can also encode."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Independent

from vaemol.constraints import Constraint, kept
from vaemol.notation import to_text
from vaemol.space import MoleculeSpace
from vaeseq.errors import Rejected
from vaeseq.tokenizer import UNK


class Rereadable:
    """A space of molecules that decodes only what is admitted and can be encoded again, and how that is written.

    The canonical SMILES of a decoded text may need a symbol, such as a larger ring number, that no training text had.

    Args:
        space: A trained model.
        admits: What a molecule must hold to be decoded.
    """

    def __init__(self, space: MoleculeSpace, admits: Constraint | None = None) -> None:
        self._space, self._admits = space, admits
        self._texts: dict[str, str] = {}

    @property
    def latent(self) -> int:
        """Dimension of a code."""
        return self._space.latent

    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Codes from the prior, ``(count, latent)``."""
        return self._space.prior_sample(count, seed=seed)

    def decode(self, z: Tensor, *, temperature: float = 0.0, seed: int = 0, beams: int = 1) -> list[str]:
        """As ``molecules``; empty also where it cannot be read again."""
        found = self.molecules(z, temperature=temperature, seed=seed, beams=beams)
        return [smiles if self.reads(smiles) else "" for smiles in found]

    def molecules(self, z: Tensor, *, temperature: float = 0.0, seed: int = 0, beams: int = 1) -> list[str]:
        """Canonical SMILES of each code; empty where it is no molecule or is not admitted."""
        decoded = self._space.decode(z, temperature=temperature, seed=seed, beams=beams)
        held = {*kept(list(dict.fromkeys(filter(None, decoded))), self._admits)}
        return [smiles if smiles in held else "" for smiles in decoded]

    def encode(self, texts: Sequence[str]) -> Independent:
        """q(z | x) of each molecule."""
        return self._space.space.encode([self._text(smiles) for smiles in texts])

    def nats(self, smiles: Sequence[str]) -> Tensor:
        """``-log p(x)`` of each by the language model beside the decoder, ``(molecules,)``; 0 where there is none."""
        if not self._space.space.vae.language:
            return torch.zeros(len(smiles))
        return -self._space.space.language_log_prob(self.texts(smiles))

    def texts(self, smiles: Sequence[str]) -> list[str]:
        """Each as the model reads it; '' where it cannot."""
        return [self._text(each) for each in smiles]

    def reads(self, smiles: str) -> bool:
        """Whether the model has a code of the molecule."""
        return bool(self._text(smiles))

    def _text(self, smiles: str) -> str:
        if smiles not in self._texts:
            self._texts[smiles] = self._written(smiles)
        return self._texts[smiles]

    def _written(self, smiles: str) -> str:
        if not smiles:
            return ""
        try:
            text = to_text(smiles, self._space.notation)
        except Rejected:
            return ""
        return "" if UNK in self._space.space.tokenizer.encode(text) else text
