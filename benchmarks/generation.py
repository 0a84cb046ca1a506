"""What a model of molecules draws from its prior, and whether molecules come back from their codes.

Run as ``python -m benchmarks.generation moses MODEL`` after ``python -m pipelines.reference``, MODEL a checkpoint
folder of a model of MOSES' molecules, or ``zinc MODEL``, of one that learnt ZINC250k as the pipeline splits it; killed,
it goes on after the last part that was finished. All figures of a file are of the same weights and prior.

*moses*: the first 30,000 draws of the prior at temperature 1, by the measures of MOSES; all molecules of its two test
sets, posterior mean, one greedy pass; and whether the prior has learnt codes by heart: how far its draws are from the
nearest code of a training molecule, beside how far the codes of test molecules are, all of the signal that is drawn.

*zinc*: 5,000 test molecules the same, and a thousand of them by the protocol of JT-VAE: each read ten times, ten texts
drawn of each code; beside it the greedy text of each code.

References:
    Polykovskiy et al. (2020), Molecular Sets, https://arxiv.org/abs/1811.12823
    Jin, Barzilay and Jaakkola (2018), Junction tree VAE, section 3.1, https://arxiv.org/abs/1802.04364
"""

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from benchmarks.corpora import SOURCES
from benchmarks.moses import molecules
from benchmarks.parts import Parts, Row
from benchmarks.subject import digest_of_folder
from pipelines.download import cache_folder, mirror_folder, obtain, sha256_of
from pipelines.readers import rows
from pipelines.records import molecule_split
from pipelines.reference import OUT, smiles_in
from pipelines.sources import load_sources
from vaemol.judge import judged
from vaemol.molecule import canonical, parse, scaffold
from vaemol.notation import to_smiles
from vaemol.reference import Reference, load_training
from vaemol.space import MoleculeSpace
from vaeseq.blurring import blurred_posterior
from vaeseq.checkpoint import files_of
from vaeseq.console import Line
from vaeseq.errors import InputError
from vaeseq.posteriors import drawn
from vaeseq.seeds import mixed_seed

DRAWS, SEED = 30_000, 0
NEAREST_OF, NEAREST = 100_000, 2_000  # training codes, and codes whose nearest of these is sought
ZINC, PROTOCOL, READ, DECODED = 5_000, 1_000, 10, 10
AT_ONCE = 10_000


def drawn_figures(space: MoleculeSpace) -> Row:
    """Draws of the prior by the measures of MOSES."""
    figures = judged(space.sample(DRAWS, seed=SEED), Reference.load(OUT))
    return {name: value for name, (value, _) in figures.items()} | _size(space)


def given_back(space: MoleculeSpace, name: str, smiles: Iterable[str]) -> Row:
    """Which share of molecules comes back; what cannot be read does not. Their KL is that to N(0, I)."""
    exact, nats, of = 0, [], 0
    texts = _texts(space, smiles)
    while some := list(itertools.islice(texts, AT_ONCE)):
        of += len(some)
        read = [text for text in some if text]
        posterior = space.space.encode(read)
        exact += _same([to_smiles(text, space.notation) for text in read], space.decode(posterior.mean))
        nats.append(kl_divergence(posterior, _standard(posterior)))
    row = {f"exact_reconstruction_{name}": exact / of, f"exact_reconstruction_{name}_of": of}
    return row | {"kl" if name == "test" else f"kl_{name}": float(torch.cat(nats).mean())}


def distances(space: MoleculeSpace) -> Row:
    """From draws of the prior and from codes of test molecules to the nearest code of a training molecule, medians.

    All are codes as the prior draws them: of its signal.
    """
    test = list(smiles_in("test.csv.gz"))
    chosen = np.random.default_rng(SEED).permutation(len(test))[:NEAREST]
    learnt = _codes(space, molecules(NEAREST_OF), seed=mixed_seed(SEED, 1))  # equal seeds are one stream
    held_out = _codes(space, [test[i] for i in chosen], seed=mixed_seed(SEED, 2))
    return {
        "signal": space.space.vae.signal,
        "nearest_of": len(learnt),
        "nearest_to_draws": _nearest(space.prior_sample(NEAREST, seed=SEED), learnt),
        "nearest_to_test": _nearest(held_out, learnt),
    }


def by_protocol(space: MoleculeSpace, smiles: Sequence[str]) -> Row:
    """Of a hundred texts of each molecule those that are the molecule: drawn, and greedy."""
    read = [text for text in _texts(space, smiles) if text]
    true, posterior = [to_smiles(text, space.notation) for text in read], space.space.encode(read)
    generator, exact = torch.Generator().manual_seed(SEED), {"": 0, "_greedy": 0}
    for reading in range(READ):
        codes = drawn(posterior, torch.randn(posterior.mean.shape, generator=generator))[0]
        exact["_greedy"] += DECODED * _same(true, space.decode(codes))
        for decoding in range(DECODED):
            seed = mixed_seed(SEED, DECODED * reading + decoding)
            exact[""] += _same(true, space.decode(codes, temperature=1.0, seed=seed))
    of = len(smiles) * READ * DECODED
    return {f"jtvae_protocol_reconstruction{how}": count / of for how, count in exact.items()}


def validity(space: MoleculeSpace) -> Row:
    """Of draws of the prior."""
    return {"validity": sum(map(bool, space.sample(DRAWS, seed=SEED))) / DRAWS} | _size(space)


def zinc_test(space: MoleculeSpace) -> list[str]:
    """Random test molecules of ZINC250k as the data of the model are split, none of them of MOSES' training set.

    Those that the model cannot read are among them, by chance as many as belong to a test set.
    """
    told, training = space.space.metadata, load_training(OUT / "training.npz")
    names = ("split", "valid_fraction", "test_fraction", "seed")
    split, zinc = partial(molecule_split, **{name: told[name] for name in names}), list(_zinc())
    test: dict[str, None] = {}
    for given, text in zip(zinc, _texts(space, zinc), strict=True):
        smiles = to_smiles(text, space.notation) or to_smiles(given, "smiles")
        mol = parse(smiles)
        if split({"smiles": smiles, "scaffold": scaffold(mol)}) == "test":
            Chem.RemoveStereochemistry(mol)  # MOSES has none
            if canonical(mol) not in training:
                test[smiles] = None
    return [list(test)[i] for i in np.random.default_rng(SEED).permutation(len(test))[:ZINC]]


def _zinc() -> Iterator[str]:
    source = load_sources(SOURCES)["zinc250k"]
    path = obtain(source.files[0], mirror=mirror_folder(None), cache=cache_folder())
    return (row.text for row in rows(path, source.tables[0], "molecules"))


def _texts(space: MoleculeSpace, smiles: Iterable[str]) -> Iterator[str]:
    """As the model reads them; '' of what it cannot."""
    return ("" if isinstance(its, InputError) else its[0] for _, its in space.readings(map(Line, smiles)))


def _same(true: Sequence[str], found: Sequence[str]) -> int:
    return sum(bool(a) and a == b for a, b in zip(true, found, strict=True))


def _codes(space: MoleculeSpace, smiles: Sequence[str], *, seed: int) -> Tensor:
    """One code of each molecule, of the signal that the prior draws."""
    read = [text for text in _texts(space, smiles) if text]
    posterior = blurred_posterior(space.space.encode(read), space.space.vae.signal)
    return drawn(posterior, torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(seed)))[0]


def _nearest(codes: Tensor, learnt: Tensor) -> float:
    return float(torch.cat([torch.cdist(some, learnt).amin(dim=1) for some in codes.split(100)]).median())


def _standard(posterior: Independent) -> Independent:
    return Independent(Normal(torch.zeros_like(posterior.mean), 1.0), 1)


def _size(space: MoleculeSpace) -> Row:
    return {"parameters": sum(weight.numel() for weight in space.space.vae.parameters())}


def main(data: str, folder: Path) -> None:
    """Write ``benchmarks/results/moses_generation.json`` or ``zinc_generation.json``."""
    space = MoleculeSpace.load(folder)
    if data == "moses":
        made = {
            "draws": partial(drawn_figures, space),
            "test": lambda: given_back(space, "test", smiles_in("test.csv.gz")),
            "scaffolds": lambda: given_back(space, "scaffolds", smiles_in("test_scaffolds.csv.gz")),
            "distances": partial(distances, space),
        }
    else:
        test = cache(partial(zinc_test, space))
        made = {
            "draws": partial(validity, space),
            "test": lambda: given_back(space, "test", test()),
            "protocol": lambda: by_protocol(space, test()[:PROTOCOL]),
        }
    parts = Parts(
        f"{data}_generation",
        command=f"python -m benchmarks.generation {data} MODEL",
        data={"name": "moses" if data == "moses" else "zinc250k", "model": digest_of_folder(folder)},
        seed=SEED,
        budget={"draws": DRAWS},
    )
    settings = " ".join(map(sha256_of, [*files_of(folder), *sorted(OUT.iterdir())]))
    settings += f" {SEED} {DRAWS} {NEAREST_OF} {NEAREST} {ZINC} {PROTOCOL} {READ} {DECODED}"
    for part, make in made.items():
        parts.several(part, f"{part} {settings}", make)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("moses" | "zinc") as data, folder]:
            main(data, Path(folder))
        case _:
            sys.exit("usage: python -m benchmarks.generation moses|zinc MODEL")
