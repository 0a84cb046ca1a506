"""Corpora of sentences in the form their literature counts them."""

from collections import Counter
from pathlib import Path

import numpy as np

from pipelines.download import cache_folder, mirror_folder, obtain
from pipelines.readers import rows
from pipelines.sources import load_sources
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.tokenizer import BOS, EOS, RESERVED


def texts(name: str, *, domain: str) -> dict[str, list[str]]:
    """The rows of a source by split, in its order; "" where it has no splits of its own."""
    source = load_sources(Path("data/sources.yaml"))[name]
    paths = {file.path: obtain(file, mirror=mirror_folder(None), cache=cache_folder()) for file in source.files}
    return {table.split or "": [row.text for row in rows(paths[table.file], table, domain)] for table in source.tables}


def packed(sequences: dict[str, list[list[int]]]) -> Corpus:
    """Ids of each split as a corpus."""
    every = [ids for split in SPLITS for ids in sequences[split]]
    split = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), [len(sequences[split]) for split in SPLITS])
    flat = np.concatenate([np.asarray(ids, np.uint16) for ids in every])
    return Corpus(flat, np.cumsum([0, *map(len, every)]), split, np.ones(len(every), np.float32))


def ptb() -> tuple[Corpus, int]:
    """The Penn Treebank of Mikolov et al. (2010), and the size of the vocabulary.

    Its 9,999 words, ``<unk>`` and ``N`` among them, are a symbol each: the likelihood is over words and ends.
    """
    lines = {split: [text.split() for text in of] for split, of in texts("ptb", domain="sentences").items()}
    counts = Counter(word for words in lines["train"] for word in words)
    number = {word: i for i, word in enumerate(sorted(counts, key=lambda word: (-counts[word], word)), len(RESERVED))}
    ids = {split: [[BOS, *(number[word] for word in words), EOS] for words in of] for split, of in lines.items()}
    return packed(ids), len(RESERVED) + len(number)
