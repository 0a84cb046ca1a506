"""Better molecules in few oracle calls: Bayesian optimisation in the latent space, and the baseline it must beat."""

from collections.abc import Iterator, Sequence

from rdkit import DataStructs
from torch import Tensor
from torch.distributions import Independent

from vaemol.molecule import fingerprint, parse
from vaemol.notation import to_text
from vaemol.oracles import Oracle
from vaemol.space import MoleculeSpace
from vaeseq.errors import Rejected
from vaeseq.rounds import Call, SearchConfig
from vaeseq.search import search
from vaeseq.tokenizer import UNK


class _Rereadable:
    """A space of molecules that decodes only what it can encode again, and remembers how that is written.

    The canonical SMILES of a decoded text may need a symbol, such as a larger ring number, that no training text had.
    """

    def __init__(self, space: MoleculeSpace) -> None:
        self._space = space
        self._texts: dict[str, str] = {}

    @property
    def latent(self) -> int:
        return self._space.latent

    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        return self._space.prior_sample(count, seed=seed)

    def decode(self, z: Tensor, *, temperature: float = 0.0, seed: int = 0, beams: int = 1) -> list[str]:
        decoded = self._space.decode(z, temperature=temperature, seed=seed, beams=beams)
        return [smiles if smiles and self._text(smiles) else "" for smiles in decoded]

    def encode(self, texts: Sequence[str]) -> Independent:
        return self._space.space.encode([self._text(smiles) for smiles in texts])

    def _text(self, smiles: str) -> str:
        if smiles not in self._texts:
            self._texts[smiles] = self._written(smiles)
        return self._texts[smiles]

    def _written(self, smiles: str) -> str:
        try:
            text = to_text(smiles, self._space.notation)
        except Rejected:
            return ""
        return "" if UNK in self._space.space.tokenizer.encode(text) else text


def optimize(
    space: MoleculeSpace, oracle: Oracle, config: SearchConfig, *, seed: int = 0, calls: Sequence[Call] = ()
) -> Iterator[list[Call]]:
    """Molecules that the oracle likes, by Bayesian optimisation; see ``vaeseq.search.search``.

    Molecules are asked for once each, as canonical SMILES.

    Args:
        space: A trained model.
        oracle: From SMILES to one value each, higher is better, nan for none.
        config: The budget.
        seed: Two runs with the same seed ask for the same molecules.
        calls: What an earlier run with the same arguments has paid for.

    Yields:
        The calls of each round, once they are answered.
    """
    return search(_Rereadable(space), oracle, config, method="bayesian", seed=seed, calls=calls)


def random_search(
    space: MoleculeSpace, oracle: Oracle, config: SearchConfig, *, seed: int = 0, calls: Sequence[Call] = ()
) -> Iterator[list[Call]]:
    """The baseline: greedy decodings of draws from the prior, the same as those that ``optimize`` starts with."""
    return search(_Rereadable(space), oracle, config, method="random_prior", seed=seed, calls=calls)


METHODS = {"bayesian": optimize, "random_prior": random_search}


def nearest_similarity(smiles: Sequence[str], known: Sequence[str]) -> list[float]:
    """Tanimoto similarity of each molecule to the likest of ``known``, 0 to 1; 0 where none is known."""
    fingerprints = [fingerprint(mol) for mol in map(parse, known) if mol]
    asked = [fingerprint(parse(text)) for text in smiles]
    return [max(DataStructs.BulkTanimotoSimilarity(its, fingerprints), default=0.0) for its in asked]
