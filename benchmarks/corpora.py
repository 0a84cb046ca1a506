"""Corpora in the form that the literature counts them."""

from collections import Counter
from pathlib import Path

import numpy as np

from pipelines.download import cache_folder, mirror_folder, obtain
from pipelines.fetch import SOURCES, fetch
from pipelines.params import DataParams, MoleculePrepareParams, SentencePrepareParams
from pipelines.prepare import prepare_corpus
from pipelines.readers import rows
from pipelines.resume import locked, work_folder
from pipelines.sources import Domain, load_sources
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.tokenizer import BOS, EOS, RESERVED, Tokenizer


def prepared(
    domain: Domain, data: DataParams, settings: MoleculePrepareParams | SentencePrepareParams
) -> tuple[Corpus, Tokenizer, Path]:
    """A data set as the pipeline prepares it, and the folder where it is kept for the next time."""
    key = data.model_dump_json() + settings.model_dump_json(exclude={"mean_of"})
    with locked(work_folder(f"data-{data.source}", key)) as folder:
        if not (folder / "prepared" / "summary.json").exists():
            fetch(domain, data, SOURCES, folder / "raw")
            prepare_corpus(folder / "raw", folder / "prepared", settings)
    folder /= "prepared"
    return Corpus.load(folder), Tokenizer.load(folder / "tokenizer.json"), folder


def ptb() -> tuple[Corpus, int]:
    """The Penn Treebank of Mikolov et al. (2010), and the size of its vocabulary.

    Each of its 9,999 words is a symbol, ``<unk>`` and ``N`` among them: likelihoods are over words and ends.
    """
    source = load_sources(SOURCES)["ptb"]
    path = obtain(source.files[0], mirror=mirror_folder(None), cache=cache_folder())
    lines = {table.split: [row.text.split() for row in rows(path, table, "sentences")] for table in source.tables}
    counts = Counter(word for words in lines["train"] for word in words)
    number = {word: i for i, word in enumerate(sorted(counts, key=lambda word: (-counts[word], word)), len(RESERVED))}
    every = [[BOS, *(number[word] for word in words), EOS] for split in SPLITS for words in lines[split]]
    split = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(lines[split]) for split in SPLITS])
    tokens, offsets = np.concatenate([np.asarray(ids, np.uint16) for ids in every]), np.cumsum([0, *map(len, every)])
    return Corpus(tokens, offsets, split), len(RESERVED) + len(number)
