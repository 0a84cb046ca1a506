"""The known molecule that is most like another."""

from collections.abc import Iterable

from rdkit import DataStructs

from vaemol.molecule import fingerprint, parse


class Neighbours:
    """Known molecules; those that cannot be read are left out.

    Args:
        known: SMILES.
    """

    def __init__(self, known: Iterable[str]) -> None:
        read = [(text, mol) for text in known if (mol := parse(text))]
        self._smiles = [text for text, _ in read]
        self._fingerprints = [fingerprint(mol) for _, mol in read]

    def nearest(self, smiles: str) -> tuple[str, float]:
        """The likest known molecule and its Tanimoto similarity, 0 to 1; '' and 0 where none is known."""
        alike = DataStructs.BulkTanimotoSimilarity(fingerprint(parse(smiles)), self._fingerprints)
        return max(zip(self._smiles, alike, strict=True), key=lambda pair: pair[1], default=("", 0.0))
