"""Real molecules that samples are judged by: made once, and kept in a folder.

It holds ``test.npz`` and ``scaffolds.npz``, molecules like the training molecules and such whose scaffolds no training
molecule has; ``training.npz``, the training molecules; and ``patterns.txt``, SMARTS that no molecule may hold.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaemol import fcd, guacamol
from vaemol.filters import AGAIN, kept_patterns
from vaemol.notation import to_smiles
from vaemol.portrait import Portrait
from vaemol.strangers import canonical_each, smiles_in
from vaeseq.console import given_file
from vaeseq.errors import InputError, Rejected
from vaeseq.parallel import ordered_map


@dataclass(frozen=True)
class Training:
    """Training molecules: which they are, and what GuacaMol looks at of some of them.

    Attributes:
        hashes: Of each canonical SMILES eight bytes, sorted; one in 10^13 others is taken for one of 1.6 million.
        sketch: Of ``guacamol.MOLECULES`` of them.
    """

    hashes: np.ndarray
    sketch: guacamol.Sketch

    def __contains__(self, smiles: object) -> bool:
        """Whether a canonical SMILES is one of them."""
        wanted = np.uint64(_hash(str(smiles)))
        place = np.searchsorted(self.hashes, wanted)
        return bool(place < len(self.hashes) and self.hashes[place] == wanted)


class Reference(NamedTuple):
    """All of a folder."""

    test: Portrait
    scaffolds: Portrait
    training: Training
    patterns: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path) -> "Reference":
        """Read a folder.

        Raises:
            InputError: A file is missing or holds something else.
        """
        test, scaffolds = (load_portrait(folder / f"{name}.npz") for name in ("test", "scaffolds"))
        patterns = kept_patterns(folder)
        return cls(test, scaffolds, load_training(folder / "training.npz"), patterns)


def hashes(smiles: Iterable[str]) -> np.ndarray:
    """Of each text that is a molecule, as ``Training`` keeps them."""
    found = ordered_map(_hash_of, smiles, preload=("vaemol.reference",))
    return np.unique(np.array([each for _, each in found if not isinstance(each, Rejected)], np.uint64))


def known_in(path: Path) -> Container[str]:
    """Which canonical SMILES are in a file, or among the training molecules of a folder.

    A file is a csv table with a column ``smiles``, or has a SMILES a line, maybe before a name. How many of it are no
    molecules is said. Of a salt the organic parent is known too.

    Raises:
        InputError: A folder that is none of this module's, or a file without a molecule.
        OSError: A file that cannot be read.
    """
    if path.is_dir():
        return load_training(path / "training.npz")
    found = list(canonical_each(smiles_in(given_file(str(path), "known molecules"))))
    charged = [smiles for smiles in found if set(".+-") & set(smiles)]
    unread = found.count("")
    if unread == len(found):
        raise InputError(f"known molecules must be SMILES, none of the {unread} in {str(path)!r} can be read")
    if unread:
        print(f"{unread} of {len(found)} known molecules are no readable SMILES", file=sys.stderr)
    return frozenset([*found, *canonical_each(charged, parents=True)]) - {""}


def save_portrait(path: Path, found: Portrait) -> None:
    """Keep a portrait; the folder must be there."""
    counters = {"fragments": found.fragments, "scaffolds": found.scaffolds}
    arrays = {name: np.array(list(counter), np.str_) for name, counter in counters.items()}
    arrays |= {f"{name}_counts": np.array(list(counter.values()), np.int64) for name, counter in counters.items()}
    _save(path, fingerprints=found.fingerprints, **arrays, **found.chemnet._asdict())


def load_portrait(path: Path) -> Portrait:
    """A portrait as ``save_portrait`` has kept it.

    Raises:
        InputError: The file is missing or holds something else.
    """
    names = ("fragments", "scaffolds")
    arrays = _load(path, "fingerprints", *names, *(f"{name}_counts" for name in names))
    counters = (
        Counter(dict(zip(arrays[name].tolist(), arrays[f"{name}_counts"].tolist(), strict=True))) for name in names
    )
    return Portrait(arrays["fingerprints"], *counters, _chemnet(arrays))


def save_training(path: Path, found: Training) -> None:
    """Keep what is known of the training molecules; the folder must be there."""
    _save(path, hashes=found.hashes, descriptors=found.sketch.descriptors, **found.sketch.chemnet._asdict())


def load_training(path: Path) -> Training:
    """As ``save_training`` has kept it.

    Raises:
        InputError: The file is missing or holds something else.
    """
    arrays = _load(path, "hashes", "descriptors")
    return Training(arrays["hashes"], guacamol.Sketch(arrays["descriptors"], _chemnet(arrays)))


def _save(path: Path, **arrays: np.ndarray | int) -> None:
    """A file that appears only once it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    partial.replace(path)


def _load(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Arrays by name, those of ChemNet among them."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in (*names, *fcd.Statistics._fields)}
    except Exception as error:  # numpy lets what zlib, tokenize and others say of a damaged file through
        raise InputError(f"{str(path)!r} must hold {', '.join(names)}, got {error}; {AGAIN}") from error
    shapes = found["mean"].shape, found["covariance"].shape
    if shapes != ((fcd.FEATURES,), (fcd.FEATURES, fcd.FEATURES)):
        raise InputError(
            f"{str(path)!r} must hold a mean of {fcd.FEATURES} and a covariance of {fcd.FEATURES} x {fcd.FEATURES} "
            f"numbers, got {shapes[0]} and {shapes[1]}; {AGAIN}"
        )
    return found


def _chemnet(arrays: dict[str, np.ndarray]) -> fcd.Statistics:
    return fcd.Statistics(arrays["mean"], arrays["covariance"], int(arrays["of"]))


def _hash_of(smiles: str) -> int:
    if not (canonical := to_smiles(smiles, "smiles")):
        raise Rejected("unparsable")
    return _hash(canonical)


def _hash(canonical: str) -> int:
    return int.from_bytes(hashlib.blake2b(canonical.encode(), digest_size=8).digest(), "little")
