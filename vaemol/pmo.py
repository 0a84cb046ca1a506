"""The tasks of the PMO benchmark that need rdkit alone: functions of a molecule, 0 to 1, higher is better.

Each is the oracle of the same name in TDC, which PMO calls; ``benchmarks/oracles.py`` compares them. TDC has them from
GuacaMol's code and keeps to it where the paper prints something else, as the deviations of fexofenadine. GuacaMol's own
score is that of a list of molecules, and the tasks of its first suite are arithmetic means.

The isomers, zaleplon and sitagliptin are those of TDC since 0.3.7. Before, in 0.3.6 which PMO's repository names, the
number of all atoms was read off the SMILES as if it were a formula, and sitagliptin asked for likeness, not unlikeness.

References:
    Gao et al., 2022, https://arxiv.org/abs/2206.12411; Brown et al., 2019, https://doi.org/10.1021/acs.jcim.8b00839;
    https://github.com/mims-harvard/TDC/blob/c310c35f27e3f506411018ac43d97b8ba23ca652/tdc/chem_utils/oracle/oracle.py
"""

from collections.abc import Callable
from enum import StrEnum
from statistics import fmean

from rdkit.Chem import Mol
from rdkit.Chem.GraphDescriptors import BertzCT

from vaemol.modifiers import (
    at_least,
    at_most,
    atom_pairs,
    clipped,
    ecfp6,
    fcfp4,
    gaussian,
    geometric_mean,
    holds,
    isomers,
    of_reference,
    similarity,
)
from vaemol.pharmacophore import pharmacophore
from vaemol.properties import aromatic_rings, log_p, qed, rings, tpsa

# SMARTS: the scaffold of Target.HOPPED, what hangs on it, and a part of valsartan.
QUINAZOLINE = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
SULFONE = "CS([#6])(=O)=O"
BENZOTHIAZOLE = "[#7]-c1ccc2ncsc2c1"
DECORATION = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"
VALSARTAN_PART = "CN(C=O)Cc1ccc(c2ccccc2)cc1"


class Target(StrEnum):
    """Molecules that the tasks ask for, or for something near to, as SMILES; both hops start from ``HOPPED``."""

    ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
    AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
    CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
    CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
    FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
    HOPPED = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
    MENTHOL = "CC(C)C1CCC(C)CC1O"
    MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
    OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
    PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
    RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
    SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
    SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
    TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
    THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
    TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
    ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"


def celecoxib_rediscovery(mol: Mol) -> float:
    """Celecoxib itself."""
    return similarity(mol, Target.CELECOXIB)


def thiothixene_rediscovery(mol: Mol) -> float:
    """Thiothixene itself."""
    return similarity(mol, Target.THIOTHIXENE)


def troglitazone_rediscovery(mol: Mol) -> float:
    """Troglitazone itself."""
    return similarity(mol, Target.TROGLITAZONE)


def albuterol_similarity(mol: Mol) -> float:
    """As like albuterol as .75, by features."""
    return clipped(similarity(mol, Target.ALBUTEROL, fcfp4), 0.75)


def mestranol_similarity(mol: Mol) -> float:
    """As like mestranol as .75, by atom pairs."""
    return clipped(similarity(mol, Target.MESTRANOL, atom_pairs), 0.75)


def isomers_c7h8n2o2(mol: Mol) -> float:
    """Any isomer of C7H8N2O2."""
    return isomers(mol, "C7H8N2O2")


def isomers_c9h10n2o2pf2cl(mol: Mol) -> float:
    """Any isomer of C9H10N2O2PF2Cl."""
    return isomers(mol, "C9H10N2O2PF2Cl")


def median1(mol: Mol) -> float:
    """Between camphor and menthol."""
    return geometric_mean(similarity(mol, Target.CAMPHOR), similarity(mol, Target.MENTHOL))


def median2(mol: Mol) -> float:
    """Between tadalafil and sildenafil."""
    return geometric_mean(similarity(mol, Target.TADALAFIL, ecfp6), similarity(mol, Target.SILDENAFIL, ecfp6))


def osimertinib_mpo(mol: Mol) -> float:
    """The features of osimertinib in a molecule that is not it, more polar and less greasy."""
    return geometric_mean(
        clipped(similarity(mol, Target.OSIMERTINIB, fcfp4), 0.8),
        at_most(similarity(mol, Target.OSIMERTINIB, ecfp6), 0.85, 0.1),
        at_least(tpsa(mol), 100, 10),
        at_most(log_p(mol), 1, 1),
    )


def fexofenadine_mpo(mol: Mol) -> float:
    """Like fexofenadine, more polar and less greasy."""
    return geometric_mean(
        clipped(similarity(mol, Target.FEXOFENADINE, atom_pairs), 0.8),
        at_least(tpsa(mol), 90, 10),
        at_most(log_p(mol), 4, 1),
    )


def ranolazine_mpo(mol: Mol) -> float:
    """Like ranolazine, more polar, greasier, and with one fluorine."""
    fluorines = sum(atom.GetAtomicNum() == 9 for atom in mol.GetAtoms())
    return geometric_mean(
        clipped(similarity(mol, Target.RANOLAZINE, atom_pairs), 0.7),
        at_least(tpsa(mol), 95, 20),
        at_least(log_p(mol), 7, 1),
        gaussian(fluorines, 1, 1),
    )


def perindopril_mpo(mol: Mol) -> float:
    """Perindopril with two aromatic rings; it has none."""
    return geometric_mean(similarity(mol, Target.PERINDOPRIL), gaussian(aromatic_rings(mol), 2, 0.5))


def amlodipine_mpo(mol: Mol) -> float:
    """Amlodipine with three rings; it has two."""
    return geometric_mean(similarity(mol, Target.AMLODIPINE), gaussian(rings(mol), 3, 0.5))


def sitagliptin_mpo(mol: Mol) -> float:
    """Formula, logP and polar surface of sitagliptin in a molecule unlike it."""
    return geometric_mean(
        gaussian(similarity(mol, Target.SITAGLIPTIN), 0, 0.1),
        gaussian(log_p(mol), of_reference(log_p, Target.SITAGLIPTIN), 0.2),
        gaussian(tpsa(mol), of_reference(tpsa, Target.SITAGLIPTIN), 5),
        isomers(mol, "C16H15F6N5O"),
    )


def zaleplon_mpo(mol: Mol) -> float:
    """Like zaleplon, with another formula; its own is C17H15N5O."""
    return geometric_mean(similarity(mol, Target.ZALEPLON), isomers(mol, "C19H17N3O2"))


def valsartan_smarts(mol: Mol) -> float:
    """A part of valsartan in a molecule with logP, polar surface and complexity of sitagliptin."""
    return geometric_mean(
        holds(mol, VALSARTAN_PART),
        gaussian(log_p(mol), of_reference(log_p, Target.SITAGLIPTIN), 0.2),
        gaussian(tpsa(mol), of_reference(tpsa, Target.SITAGLIPTIN), 5),
        gaussian(BertzCT(mol), of_reference(BertzCT, Target.SITAGLIPTIN), 30),
    )


def deco_hop(mol: Mol) -> float:
    """The same scaffold and pharmacophore with other groups on it."""
    return fmean(
        (
            clipped(similarity(mol, Target.HOPPED, pharmacophore), 0.85),
            1 - holds(mol, SULFONE),
            1 - holds(mol, BENZOTHIAZOLE),
            holds(mol, QUINAZOLINE),
        )
    )


def scaffold_hop(mol: Mol) -> float:
    """The same groups and pharmacophore on another scaffold."""
    return fmean(
        (
            clipped(similarity(mol, Target.HOPPED, pharmacophore), 0.75),
            holds(mol, DECORATION),
            1 - holds(mol, QUINAZOLINE),
        )
    )


TASKS: dict[str, Callable[[Mol], float]] = {
    task.__name__: task
    for task in (
        albuterol_similarity,
        amlodipine_mpo,
        celecoxib_rediscovery,
        deco_hop,
        fexofenadine_mpo,
        isomers_c7h8n2o2,
        isomers_c9h10n2o2pf2cl,
        median1,
        median2,
        mestranol_similarity,
        osimertinib_mpo,
        perindopril_mpo,
        qed,
        ranolazine_mpo,
        scaffold_hop,
        sitagliptin_mpo,
        thiothixene_rediscovery,
        troglitazone_rediscovery,
        valsartan_smarts,
        zaleplon_mpo,
    )
}
