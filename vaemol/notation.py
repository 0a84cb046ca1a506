"""Two ways to write a molecule, SMILES and SELFIES, and how each is cut into symbols."""

import functools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import selfies
from rdkit import Chem, rdBase
from rdkit.Chem import Mol, rdqueries
from selfies.constants import ELEMENTS

from vaemol.molecule import MAX_CHARACTERS, canonical, parse
from vaeseq.errors import InputError, Rejected

Notation = Literal["smiles", "selfies"]

# One symbol; the last branch takes any character alone, so that cutting loses nothing. Schwaller et al., 2018
# (https://doi.org/10.1039/C8SC02339E) cut SMILES like this, but drop what they do not know.
SMILES_PATTERN = r"\[[^\[\]]*\]|Br|Cl|%[0-9]{2}|%\([0-9]+\)|[\s\S]"
SELFIES_PATTERN = r"\[[^\[\]]*\]|[\s\S]"

_CUT: dict[Notation, re.Pattern[str]] = {
    "smiles": re.compile(SMILES_PATTERN),
    "selfies": re.compile(SELFIES_PATTERN),
}
_SELFIES = re.compile(r"(?:\[[^\[\]]+\]|\.)*")
_FIXED = re.compile(r"[@+-]|H[1-9]?\]")
_RADICAL = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
_MAX_SELFIES = 10 * MAX_CHARACTERS
_KEPT = 10_000  # SELFIES last read: searches and paths meet the same ones again and again
_CONSTRAINTS_LOCK = threading.Lock()


def known(notation: object) -> Notation:
    """The notation, if it is one.

    Raises:
        InputError: It is none.
    """
    if notation not in _CUT:
        raise InputError(f"notation must be one of {', '.join(_CUT)}; got {notation!r}")
    return notation


def symbols(text: str, notation: Notation) -> list[str]:
    """The symbols of ``text``; joined they give it back, whatever it holds."""
    return _CUT[known(notation)].findall(text)


def to_text(smiles: str, notation: Notation) -> str:
    """``smiles`` in ``notation``, with its order of atoms.

    Raises:
        Rejected: ``unrepresentable``: SELFIES cannot write the molecule, or not so that the same one is read back.
    """
    if known(notation) == "smiles":
        return smiles
    try:
        text = selfies.encoder(smiles)
        back = _read(selfies.decoder(text))
    except (selfies.EncoderError, selfies.DecoderError, IndexError, KeyError, RecursionError) as error:
        raise Rejected("unrepresentable") from error
    # The usual caller gives canonical SMILES, and one comparison decides.
    if back is None or (Chem.MolToSmiles(back) != smiles and _canonical(back) != _canonical(parse(smiles))):
        raise Rejected("unrepresentable")
    return text


def to_smiles(text: str, notation: Notation) -> str:
    """The canonical SMILES of what ``text`` writes; '' where that is no molecule or has no stable canonical SMILES."""
    return _canonical(parse(text)) if known(notation) == "smiles" else _selfies_to_smiles(text)


def randomised(smiles: str, seed: int) -> str:
    """Another SMILES of the same molecule: the start and every branch are drawn by ``seed``.

    Raises:
        Rejected: ``unparsable``.

    References:
        Bjerrum, 2017, https://arxiv.org/abs/1703.07076
    """
    mol = parse(smiles)
    if mol is None:
        raise Rejected("unparsable")
    # rdkit takes 1 to 2**31 - 1 for a seed, and anything below 1 for "none".
    return Chem.MolToRandomSmilesVect(mol, 1, randomSeed=1 + seed % (2**31 - 1))[0]


def _read(smiles: str) -> Mol | None:
    """The molecule that the library decoded.

    It writes no hydrogens of an atom with a charge, a configuration or hydrogens of its own but those of its symbol,
    whatever bonds it then has; rdkit takes the missing ones for unpaired electrons. They are hydrogens here.
    """
    mol = parse(smiles)
    if mol is None or not mol.GetAtomsMatchingQuery(_RADICAL):
        return mol
    atoms = [symbol for symbol in symbols(smiles, "smiles") if symbol[0] == "[" or symbol.isalpha()]
    if len(atoms) != mol.GetNumAtoms():  # hydrogens of its own are none in the molecule
        return mol
    for atom, symbol in zip(mol.GetAtoms(), atoms, strict=True):
        if atom.GetNumRadicalElectrons() and _FIXED.search(symbol):
            atom.SetNumRadicalElectrons(0)
            atom.SetNoImplicit(False)
    with rdBase.BlockLogs():
        return mol if Chem.SanitizeMol(mol, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE else None


def _canonical(mol: Mol | None) -> str:
    if mol is None:
        return ""
    try:
        return canonical(mol)
    except Rejected:
        return ""


@functools.lru_cache(maxsize=_KEPT)
def _selfies_to_smiles(text: str) -> str:
    # The library's decoder skips what stands before the first bracket: an <unk> there would go unseen.
    if len(text) > _MAX_SELFIES or not _SELFIES.fullmatch(text):
        return ""
    try:
        decoded = selfies.decoder(text)
        smiles = _canonical(_read(decoded))
        if decoded and not smiles:
            with _rdkit_valences():
                smiles = _canonical(_read(selfies.decoder(text)))
    except (selfies.DecoderError, RecursionError):
        return ""
    return smiles


@contextmanager
def _rdkit_valences() -> Iterator[None]:
    """Decode under rdkit's valences for the time of the block.

    By default the library gives each element that it does not list, silicon say, eight bonds; rdkit refuses that, and a
    random SELFIES of such elements would be no molecule.
    """
    with _CONSTRAINTS_LOCK:
        before = selfies.get_semantic_constraints()
        selfies.set_semantic_constraints(_valences())
        try:
            yield
        finally:
            selfies.set_semantic_constraints(before)


@functools.cache
def _valences() -> dict[str, int]:
    """Most bonds of each element in each charge that both the library and rdkit accept."""
    listed = selfies.get_preset_constraints("default")
    table = Chem.GetPeriodicTable()
    valences = {"?": 0}
    for element in ELEMENTS:
        for charge in range(-8, 9):
            # rdkit's rule: a charged atom bonds like the element with as many electrons.
            electrons = table.GetAtomicNumber(element) - charge
            allowed = list(table.GetValenceList(electrons)) if 1 <= electrons <= 118 else [0]
            name = f"{element}{charge:+}" if charge else element
            valences[name] = min(listed.get(name, 8), 8 if min(allowed) < 0 else max(allowed))
    return valences
