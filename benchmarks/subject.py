"""A model of Tatoeba's sentences that is measured: its rows as it reads them, and the language model beside it."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.bench import SEED, Bench
from benchmarks.runs import trained
from vaeseq import checkpoint
from vaeseq.config import PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.files import key_of
from vaeseq.imputation import codeless
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig
from vaetext.space import SentenceSpace

TRAIN = TrainConfig(steps=8_000, batch_size=128, learning_rate=4e-3, evaluate_every=500, evaluate_rows=2_000)


def digest_of_folder(folder: Path) -> str:
    """Of all files of a checkpoint folder that decide what the model does; result files name the model by it."""
    return key_of("", *checkpoint.files_of(folder))


@dataclass(frozen=True)
class Subject:
    """One model, whatever its vocabulary.

    Attributes:
        bench: The sentences.
        space: The model.
        config: Its modules.
        corpus: All rows in the symbols of the model, in the order of the bench.
        digest: Of its files, see ``digest_of_folder``.
    """

    bench: Bench
    space: SentenceSpace
    config: VAEConfig
    corpus: Corpus
    digest: str

    @classmethod
    def of(cls, folder: Path, bench: Bench | None = None) -> "Subject":
        """A checkpoint folder, and Tatoeba unless other sentences are given.

        Raises:
            InputError: The folder holds no model of sentences, or one that cannot read a sentence.
        """
        bench, space = bench or Bench.of("tatoeba"), SentenceSpace.load(folder)
        texts = space.texts([row["text"] for row in bench.table])
        rows = [np.asarray(ids, np.uint16) for ids in space.space.tokenizer.encode_batch(texts)]
        corpus = Corpus(np.concatenate(rows), np.cumsum([0, *map(len, rows)]), bench.corpus.split)
        return cls(bench, space, checkpoint.load(folder).config, corpus, digest_of_folder(folder))

    @property
    def vae(self) -> SequenceVAE:
        """The model as it is used."""
        return self.space.space.vae

    @property
    def language(self) -> SequenceVAE:
        """The language model that the decoder corrects, where there is one, as a model without a code."""
        return codeless(self.vae.language)

    @cached_property
    def twin(self) -> SequenceVAE:
        """A language model of as many units, trained on the same rows and kept where it was best on validation rows.

        It has no code. Where the decoder corrects a language model, it has as many units as both have together, in one
        LSTM, and the dropout of that: without, it would learn its rows by heart (LOG.md).
        """
        own, language = self.config.decoder, self.config.language
        units = own.hidden + (language.hidden if language else 0)
        config = VAEConfig(
            self.config.vocabulary,
            0,
            self.config.embedding,
            decoder=replace(language or own, hidden=units),
            prior=PriorConfig(),
        )
        return trained("sentence-twin", config, TRAIN, ObjectiveConfig(), self.corpus, seed=SEED).vae.eval()
