"""One molecule to one row of the prepared data."""

from rdkit.Chem import Mol, rdqueries

from vaemol import molecule
from vaemol.molecule import Limits
from vaemol.notation import Notation, to_text
from vaemol.properties import properties
from vaeseq.errors import Rejected

# Why a molecule is rejected, in the order of the checks.
REASONS = {
    "empty": "no text",
    "too_long": "more characters than the limit",
    "unparsable": "no SMILES that rdkit reads",
    "wildcard": "holds an atom that stands for any (*)",
    "not_standardised": "rdkit fails to standardise it",
    "no_carbon": "standardising finds no organic parent",
    "too_many_atoms": "more heavy atoms than the limit",
    "unstable": "its canonical SMILES does not read back as itself",
    "unrepresentable": "SELFIES does not give the same molecule back",
}

_ANY = rdqueries.AtomNumEqualsQueryAtom(0)


def molecule_record(smiles: str, *, notation: Notation, standardise: bool, limits: Limits) -> dict[str, object]:
    """The row of one molecule: ``text`` in ``notation``, ``smiles``, ``changed``, ``scaffold`` and the properties.

    ``smiles`` is canonical, ``changed`` the comma-separated list of what standardising did, and everything else follows
    from ``smiles`` alone. Depends on nothing outside, so that any process can make any row.

    Raises:
        Rejected: The molecule cannot be a row; ``reason`` is one of ``REASONS``.
    """
    canonical, mol, changed = _settled(smiles, standardise, limits)
    return {
        "text": to_text(canonical, notation),
        "smiles": canonical,
        "changed": ",".join(changed),
        "scaffold": molecule.scaffold(mol),
        **properties(mol),
    }


def molecule_text(smiles: str, *, notation: Notation, standardise: bool, limits: Limits) -> tuple[str, list[str]]:
    """The ``text`` of ``molecule_record`` and what was ``changed``, which is half of the work; it raises the same."""
    canonical, _, changed = _settled(smiles, standardise, limits)
    return to_text(canonical, notation), changed


def _settled(smiles: str, standardise: bool, limits: Limits) -> tuple[str, Mol, list[str]]:
    """Canonical SMILES, their molecule, and what standardising did."""
    mol, changed = _read(smiles, limits), []
    if standardise:
        mol, changed = molecule.standardise(mol)
    if mol.GetNumHeavyAtoms() > limits.max_heavy_atoms:
        raise Rejected("too_many_atoms")
    canonical, mol = molecule.settled(mol)
    if len(canonical) > limits.max_characters:
        raise Rejected("too_long")
    return canonical, mol, changed


def _read(smiles: str, limits: Limits) -> Mol:
    text = smiles.strip()
    if not text:
        raise Rejected("empty")
    if len(text) > limits.max_characters:
        raise Rejected("too_long")
    mol = molecule.parse(text)
    if mol is None:
        raise Rejected("unparsable")
    if mol.GetAtomsMatchingQuery(_ANY):
        raise Rejected("wildcard")
    return mol
