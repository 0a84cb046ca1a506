"""A trained model whose texts are sentences."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor
from torch.distributions import Independent

from vaeseq.checkpoint import told
from vaeseq.errors import InputError, Rejected
from vaeseq.inversion import Inverted
from vaeseq.space import LatentSpace
from vaetext.sentence import sentence_record

if TYPE_CHECKING:
    from vaeseq.console import Line, Reading


class SentenceSpace:
    """A latent space of sentences.

    Attributes:
        space: The latent space of normalised sentences.
    """

    def __init__(self, space: LatentSpace) -> None:
        if space.metadata.get("name") != "sentences":
            raise InputError(f"model must be one of sentences, got one of {space.metadata.get('name')!r}")
        self.space = space
        self._limits = told(space.metadata, max_words=int, max_characters=int, lower=bool)

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> "SentenceSpace":
        """Read a checkpoint folder.

        Raises:
            InputError: It is missing, foreign or broken, or no model of sentences.
        """
        return cls(LatentSpace.load(folder, device))

    @property
    def latent(self) -> int:
        """Dimension of a code."""
        return self.space.latent

    def texts(self, sentences: Sequence[str]) -> list[str]:
        """Each sentence as the model reads it, normalised as the training set was.

        Raises:
            InputError: A sentence is empty or too long.
        """
        return [self._text(sentence) for sentence in sentences]

    def readings(self, lines: "Iterable[Line]") -> "Iterator[Reading]":
        """Each line with what ``texts`` gives of its sentence, or why there is nothing, in order."""
        for line in lines:
            try:
                yield line, InputError(line.error) if line.error else self.texts([line.text])
            except InputError as error:
                yield line, error

    def _text(self, sentence: str) -> str:
        try:
            return str(sentence_record(sentence, **self._limits)["text"])
        except Rejected as rejected:
            raise InputError(f"sentence must be readable text, got {sentence[:80]!r}: {rejected.reason}") from rejected

    def is_normal(self, sentence: str) -> bool:
        """Whether it is a sentence as the model would write it."""
        try:
            return self._text(sentence) == sentence
        except InputError:
            return False

    def spelled(self, sentence: str) -> list[str]:
        """The words of a sentence that the vocabulary has no symbol for, see ``Tokenizer.spelled``."""
        return self.space.tokenizer.spelled(sentence)

    def encode(self, sentences: Sequence[str]) -> Independent:
        """q(z | x) of each sentence; batch shape ``(sentences,)``, event shape ``(latent,)``."""
        return self.space.encode(self.texts(sentences))

    def pinned(self, sentences: Sequence[str]) -> Inverted:
        """Codes whose greedy text is the sentence, near its posterior mean, as far as there are any."""
        return self.space.pinned(self.texts(sentences))

    def denser(self, way: Tensor) -> Tensor:
        """A way between the same ends ``(knots, latent)`` through what the prior holds likely."""
        return self.space.denser(way)

    def decode(
        self, z: Tensor, *, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0, beams: int = 1
    ) -> list[str]:
        """The sentence of each code ``(codes, latent)``."""
        return self.space.decode(z, temperature=temperature, top_p=top_p, seed=seed, beams=beams)

    def likely(self, z: Tensor, beams: int) -> list[list[str]]:
        """The sentences that a beam search ends with at each code, see ``LatentSpace.likely``."""
        return self.space.likely(z, beams)

    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Codes from the prior, ``(count, latent)``."""
        return self.space.prior_sample(count, seed=seed)

    def sample(self, count: int, *, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0) -> list[str]:
        """Sentences decoded from draws of the prior."""
        return self.space.sample(count, temperature=temperature, top_p=top_p, seed=seed)

    def reconstruct(self, sentences: Sequence[str]) -> list[str]:
        """Posterior mean, one greedy pass."""
        return self.decode(self.encode(sentences).mean)
