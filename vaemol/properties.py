"""Properties of one molecule."""

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from rdkit import Chem, RDConfig
from rdkit.Chem import QED, Descriptors, Mol, rdMolDescriptors, rdqueries
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogEntry, SmartsMatcher

from vaeseq.errors import InputError

_STATED = rdqueries.HasChiralTagQueryAtom()


def qed(mol: Mol) -> float:
    """Quantitative estimate of drug-likeness, 0 to 1, higher is more drug-like; mean weights.

    The value of ``rdkit.Chem.QED.qed`` at less cost: the molecule is not copied, so that what rdkit remembers of it
    serves the other properties too, and the structural alerts are matched in one go.

    References:
        Bickerton et al., 2012, equation 3, https://doi.org/10.1038/nchem.1243
    """
    return QED.qed(
        mol,
        qedProperties=QED.QEDproperties(
            MW=molecular_weight(mol),
            ALOGP=log_p(mol),
            HBA=sum(len(mol.GetSubstructMatches(acceptor)) for acceptor in QED.Acceptors),
            HBD=h_bond_donors(mol),
            PSA=tpsa(mol),
            ROTB=rotatable_bonds(mol),
            AROM=len(Chem.GetSSSR(Chem.DeleteSubstructs(Mol(mol), QED.AliphaticRings))),
            ALERTS=len(_alerts().GetMatches(mol)),
        ),
    )


def log_p(mol: Mol) -> float:
    """Octanol-water partition coefficient, log10, estimated from the kinds of atoms.

    References:
        Wildman & Crippen, 1999, https://doi.org/10.1021/ci990307l
    """
    return rdMolDescriptors.CalcCrippenDescriptors(mol)[0]


def sa_score(mol: Mol) -> float:
    """Synthetic accessibility, 1 (easy) to 10 (hard), as rdkit's contributed ``sascorer`` computes it.

    Raises:
        InputError: This rdkit came without its contributed scorer.

    References:
        Ertl & Schuffenhauer, 2009, https://doi.org/10.1186/1758-2946-1-8
    """
    return _sascorer().calculateScore(mol)


def molecular_weight(mol: Mol) -> float:
    """Mean mass of a molecule in g/mol."""
    return Descriptors.MolWt(mol)


def tpsa(mol: Mol) -> float:
    """Topological polar surface area in Å², from N and O.

    References:
        Ertl, Rohde & Selzer, 2000, https://doi.org/10.1021/jm000942e
    """
    return rdMolDescriptors.CalcTPSA(mol)


def rings(mol: Mol) -> int:
    """Rings in the smallest set of smallest rings."""
    return rdMolDescriptors.CalcNumRings(mol)


def aromatic_rings(mol: Mol) -> int:
    """Rings of which every bond is aromatic."""
    return rdMolDescriptors.CalcNumAromaticRings(mol)


def heavy_atoms(mol: Mol) -> int:
    """Atoms other than hydrogen."""
    return mol.GetNumHeavyAtoms()


def rotatable_bonds(mol: Mol) -> int:
    """Single bonds that turn freely, by rdkit's strict definition: no amides, no bonds to end atoms."""
    return rdMolDescriptors.CalcNumRotatableBonds(mol)


def h_bond_donors(mol: Mol) -> int:
    """Atoms that give a hydrogen bond."""
    return rdMolDescriptors.CalcNumHBD(mol)


def h_bond_acceptors(mol: Mol) -> int:
    """Atoms that take a hydrogen bond."""
    return rdMolDescriptors.CalcNumHBA(mol)


def formal_charge(mol: Mol) -> int:
    """Net charge, in elementary charges."""
    return Chem.GetFormalCharge(mol)


def stereocentres(mol: Mol) -> int:
    """Atoms whose configuration the SMILES states (@ or @@); one that it leaves open does not count."""
    return len(mol.GetAtomsMatchingQuery(_STATED))


PROPERTIES: dict[str, Callable[[Mol], float | int]] = {
    function.__name__: function
    for function in (
        qed,
        log_p,
        sa_score,
        molecular_weight,
        tpsa,
        rings,
        aromatic_rings,
        heavy_atoms,
        rotatable_bonds,
        h_bond_donors,
        h_bond_acceptors,
        formal_charge,
        stereocentres,
    )
}


def properties(mol: Mol) -> dict[str, float | int]:
    """Every property by name."""
    return {name: function(mol) for name, function in PROPERTIES.items()}


@functools.cache
def _alerts() -> FilterCatalog:
    catalog = FilterCatalog()
    for smarts in QED.StructuralAlertSmarts:
        catalog.AddEntry(FilterCatalogEntry(smarts, SmartsMatcher(smarts, smarts, 1)))
    return catalog


@functools.cache
def _sascorer() -> ModuleType:
    """The module from rdkit's own folder of contributions; it unpickles the fragment table that lies beside it."""
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    if not path.is_file():
        raise InputError(f"sa_score needs {str(path)!r}, which is not there; use the wheel of rdkit")
    spec = importlib.util.spec_from_file_location("vaemol_sascorer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
