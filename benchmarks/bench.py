"""The corpora that families are compared on, and what samples of a model are worth on each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.corpora import prepared
from pipelines.params import DataParams, MoleculePrepareParams, SentencePrepareParams
from vaemol import fcd, metrics
from vaemol.notation import to_smiles
from vaeseq.corpus import Corpus, choose
from vaeseq.linear import counts
from vaeseq.tokenizer import Tokenizer
from vaetext.metrics import ORDER, reverse_perplexity
from vaetext.ngram import NgramModel

Row = dict[str, Any]
SEED, ROWS, DRAWS = 0, 1_000, 5_000
SETS = {
    "tatoeba": ("sentences", DataParams(source="tatoeba"), SentencePrepareParams(vocabulary=8_000)),
    "moses": ("molecules", DataParams(source="moses", rows=100_000), MoleculePrepareParams(notation="smiles")),
}


@dataclass(frozen=True)
class Bench:
    """One corpus, and what samples are measured against.

    Attributes:
        name: A key of ``SETS``.
        domain: Molecules or sentences.
        corpus: Its rows.
        tokenizer: Of its symbols.
        table: Its row table.
    """

    name: str
    domain: str
    corpus: Corpus
    tokenizer: Tokenizer
    table: list[Row]

    @classmethod
    def of(cls, name: str) -> "Bench":
        """Fetched and prepared."""
        domain, data, settings = SETS[name]
        corpus, tokenizer, folder = prepared(domain, data, settings)
        return cls(
            name, domain, corpus, tokenizer, pq.read_table(folder / "rows.parquet", columns=["text"]).to_pylist()
        )

    def texts(self, split: str, count: int, *, seed: int = SEED) -> list[str]:
        """Random rows."""
        return [self.table[row]["text"] for row in choose(self.corpus.rows(split), count, seed=seed)]

    def counts(self, split: str, count: int) -> np.ndarray:
        """How often each symbol stands in random rows, the rows of ``texts``."""
        return counts(self.corpus, choose(self.corpus.rows(split), count, seed=SEED), self.tokenizer.size)

    def counts_explained(self, found: np.ndarray) -> float:
        """Of the variance of the counts of test rows, what the counts that came back for them explain; can be < 0."""
        true = self.counts("test", len(found))
        return 1 - float(((true - found) ** 2).sum() / ((true - true.mean(axis=0)) ** 2).sum())

    def counted(self, texts: Sequence[str]) -> np.ndarray:
        """How often each symbol stands in texts, ``(texts, symbols)``."""
        return np.stack([np.bincount(ids, minlength=self.tokenizer.size) for ids in self.tokenizer.encode_batch(texts)])

    def quality(self, samples: list[str]) -> Row:
        """What ``DRAWS`` draws of a prior are worth.

        ``sample_quality`` of molecules is their FCD, of sentences the ratio of the reverse perplexity to that of text.
        """
        if self.domain == "sentences":
            reverse = reverse_perplexity(samples, self._held_out).value
            return {
                "sample_quality": reverse / self._reverse_of_text,
                "forward_perplexity": self._language.perplexity(samples).value,
            }
        smiles = [to_smiles(text, "smiles") for text in samples]
        valid = sum(map(bool, smiles))
        return {
            "sample_quality": fcd.fcd(smiles, self._chemistry).value if valid > 1 else math.nan,
            "validity": metrics.validity(smiles).value,
            "uniqueness": metrics.uniqueness(smiles, at=len(smiles)).value,
        }

    def of_data(self) -> Row:
        """What rows of the data get in place of samples: other training rows than the reference, and test rows forward.

        A model of the training rows knows them by heart, so forward they say nothing.
        """
        found = self.quality(self.texts("train", DRAWS, seed=SEED + 1))
        if self.domain == "sentences":
            found["forward_perplexity"] = self._language.perplexity(self.texts("test", DRAWS)).value
        return found

    @cached_property
    def _held_out(self) -> list[str]:
        return self.texts("test", len(self.corpus))

    @cached_property
    def _language(self) -> NgramModel:
        return NgramModel(self.texts("train", len(self.corpus)), order=ORDER)

    @cached_property
    def _reverse_of_text(self) -> float:
        return reverse_perplexity(self.texts("train", DRAWS), self._held_out).value

    @cached_property
    def _chemistry(self) -> fcd.Statistics:
        return fcd.statistics(self.texts("test", DRAWS))
