"""MOSES: its molecules, and its VAE where a copy of its repository is at hand.

References:
    Polykovskiy et al. (2020), Molecular Sets, https://arxiv.org/abs/1811.12823
"""

import argparse
import functools
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipelines.download import cache_folder, mirror_folder, obtain
from pipelines.fetch import SOURCES
from pipelines.readers import rows
from pipelines.sources import load_sources
from vaemol.notation import SMILES_PATTERN, symbols
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.tokenizer import Tokenizer

if TYPE_CHECKING:
    from moses.vae.model import VAE
    from moses.vae.trainer import VAETrainer

TRAIN = 1_584_663  # molecules
SEED = 0


def repository(description: str | None) -> Path | None:
    """The copy of MOSES' repository that the command line names, if it does."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--moses", type=Path, metavar="FOLDER", help="a copy of MOSES' repository")
    return parser.parse_args().moses


@functools.cache
def molecules(count: int) -> list[str]:
    """SMILES of random training molecules, in random order: the file is sorted by nothing in particular."""
    source = load_sources(SOURCES)["moses"]
    table = next(table for table in source.tables if table.split == "train")
    file = next(file for file in source.files if file.path == table.file)
    path = obtain(file, mirror=mirror_folder(None), cache=cache_folder())
    texts = [row.text for row in rows(path, table, "molecules")]
    return [texts[i] for i in np.random.default_rng(SEED).permutation(len(texts))[:count]]


def corpus(count: int, held_out: int) -> tuple[Corpus, Tokenizer]:
    """``count`` molecules as symbols of SMILES, the last ``held_out`` of them in the split ``valid``."""
    texts = molecules(count)
    tokenizer = Tokenizer.of_symbols({s for text in texts for s in symbols(text, "smiles")}, SMILES_PATTERN)
    ids = tokenizer.encode_batch(texts)
    offsets = np.cumsum([0, *map(len, ids)])
    split = np.full(count, SPLITS.index("train"), np.uint8)
    split[count - held_out :] = SPLITS.index("valid")
    flat = np.concatenate([np.asarray(row, np.uint8) for row in ids])
    return Corpus(flat, offsets, split), tokenizer


def peer(repository: Path, texts: list[str], device: torch.device) -> "tuple[VAE, VAETrainer]":
    """MOSES' VAE and its trainer for one epoch, with all settings as they come."""
    # Its `__init__` imports metrics that do not install beside today's rdkit; the model needs none of them.
    package = types.ModuleType("moses")
    package.__path__ = [str(repository / "moses")]
    sys.modules["moses"] = package
    from moses.vae import model as module
    from moses.vae.config import get_parser
    from moses.vae.trainer import VAETrainer

    # Its sampler indexes with bytes, which torch has since given up for bool.
    module.torch = types.SimpleNamespace(**{**vars(torch), "uint8": torch.bool})
    settings = get_parser().parse_args([])
    settings.lr_n_period = settings.lr_n_restarts = 1
    settings.log_file = settings.model_save = None
    settings.save_frequency = 1
    trainer = VAETrainer(settings)
    return module.VAE(trainer.get_vocabulary(texts), settings).to(device), trainer
