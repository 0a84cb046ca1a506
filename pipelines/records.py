"""One raw row to its records, in a worker process, which loads what its own domain needs and nothing else."""

import hashlib
from collections.abc import Mapping
from typing import Literal

from pipelines.readers import RawRow
from vaeseq.errors import Rejected

Record = dict[str, object]
Split = Literal["train", "valid", "test"]


def molecule_records(
    row: RawRow,
    *,
    notation: Literal["selfies", "smiles"],
    standardise: bool,
    max_characters: int,
    max_heavy_atoms: int,
    randomise: int,
    seed: int,
) -> list[Record]:
    """The record of a molecule, ``copy`` 0, and then up to ``randomise`` others with its atoms in random order.

    Raises:
        Rejected: The molecule cannot be used.
    """
    from vaemol.molecule import Limits
    from vaemol.record import molecule_record

    _usable(row)
    limits = Limits(max_characters=max_characters, max_heavy_atoms=max_heavy_atoms)
    smiles = _smiles_of_record(row.text) if "\n" in row.text else row.text  # no SMILES runs over lines, every SDF does
    record = molecule_record(smiles, notation=notation, standardise=standardise, limits=limits)
    texts = _random_texts(str(record["smiles"]), notation, randomise, seed)
    texts = [text for text in dict.fromkeys(texts) if text != record["text"]]
    return [record | {"copy": 0}, *(record | {"text": text, "copy": i} for i, text in enumerate(texts, 1))]


def sentence_records(
    row: RawRow, *, labels: tuple[str, ...], max_words: int, max_characters: int, lower: bool
) -> list[Record]:
    """The record of a sentence, its labels with it.

    Raises:
        Rejected: The sentence cannot be used.
    """
    from vaetext.sentence import sentence_record

    _usable(row)
    record = sentence_record(row.text, max_words=max_words, max_characters=max_characters, lower=lower)
    return [record | {label: row.columns[label] for label in labels}]


def molecule_split(
    record: Mapping[str, object],
    *,
    split: Literal["random", "scaffold"],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
) -> Split:
    """A pure function of the molecule, or of its scaffold, and the seed; the other rows do not matter.

    By scaffold, molecules of one scaffold share a split; one without rings is drawn by itself.
    """
    key = str((record["scaffold"] if split == "scaffold" else "") or record["smiles"])
    drawn = _draw(seed, key) / 2**64
    if drawn < test_fraction:
        return "test"
    return "valid" if drawn < test_fraction + valid_fraction else "train"


def sentence_split(record: Mapping[str, object]) -> Split:
    """By the sentence alone."""
    from vaetext.sentence import split_of

    return split_of(str(record["text"]))


def _usable(row: RawRow) -> None:
    if row.reason is not None:
        raise Rejected(row.reason)


def _draw(seed: int, key: str) -> int:
    """64 random bits."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\t{key}".encode(), digest_size=8).digest(), "big")


def _random_texts(smiles: str, notation: Literal["selfies", "smiles"], count: int, seed: int) -> list[str]:
    from vaemol.notation import randomised, to_text

    texts = []
    for i in range(count):
        try:
            texts.append(to_text(randomised(smiles, _draw(seed, f"{i}\t{smiles}")), notation))
        except Rejected:  # this one order of atoms cannot be written; the molecule itself can
            continue
    return texts


def _smiles_of_record(block: str) -> str:
    """SMILES of one record of an SDF file."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(block)
    if mol is None:
        raise Rejected("unparsable")
    return Chem.MolToSmiles(mol)
