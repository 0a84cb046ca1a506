"""A trained model seen from outside: strings in, codes out, and back."""

import copy
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaeseq import checkpoint
from vaeseq.corpus import batch_of
from vaeseq.device import autocast, device_of
from vaeseq.errors import InputError
from vaeseq.inversion import Inverted, inverted
from vaeseq.likeness import fingerprints
from vaeseq.model import SequenceVAE
from vaeseq.paths import lifted
from vaeseq.regression import PropertyHead
from vaeseq.seeds import mixed_seed
from vaeseq.tokenizer import Tokenizer

BATCH = 256  # texts encoded at once, and beams
BEAMS = 1_024  # where all beams are wanted, at once
LOGITS = 2**24  # of texts whose codes are sought, at once at most
SYMBOLS = 2**20  # decoded at once at most: of each code as many as a text may have
MAX_LENGTH = 100_000
MOST_BEAMS = 64
_NO_DRAWS = ("probability tensor contains", "elements of std >= 0", "to satisfy the constraint")  # torch's words
GUIDE = 3.0  # weight of the language model next to the decoder (LOG.md)


class Told(NamedTuple):
    """What a model predicts of texts.

    Attributes:
        mean: ``(texts, properties)``, in the order of ``vae.properties.names``.
        deviation: How far the truth may be, one standard deviation, as many.
        inside: Whether the text is like those that the model was taught the properties of, ``(texts,)``.
    """

    mean: Tensor
    deviation: Tensor
    inside: Tensor


class LatentSpace:
    """A sequence VAE with its tokenizer.

    Attributes:
        vae: The model, in evaluation mode.
        tokenizer: Cuts its texts.
        metadata: What the texts are and how they were prepared.
        latent: Dimension of a code.
        max_length: Most symbols decoded before a text is cut off.
    """

    def __init__(
        self, vae: SequenceVAE, tokenizer: Tokenizer, metadata: dict[str, Any], *, latent: int, device: torch.device
    ) -> None:
        self.vae, self.tokenizer, self.metadata = vae.to(device).eval(), tokenizer, metadata
        self.latent, self.device = latent, device
        self._head = copy.deepcopy(self.vae.encoder.head).cpu().requires_grad_(False)
        self.max_length = metadata.get("max_length", 256)
        if not isinstance(self.max_length, int) or not 1 <= self.max_length <= MAX_LENGTH:
            raise InputError(f"max_length of a model must be 1 to {MAX_LENGTH:,}, got {self.max_length!r}")

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> "LatentSpace":
        """Read a checkpoint folder.

        Raises:
            InputError: It is missing, foreign or broken.
        """
        stored = checkpoint.load(Path(folder))
        return cls(stored.vae, stored.tokenizer, stored.domain, latent=stored.config.latent, device=device_of(device))

    def of(self, vae: SequenceVAE) -> "LatentSpace":
        """The same space with another model."""
        return LatentSpace(vae, self.tokenizer, self.metadata, latent=self.latent, device=self.device)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Distribution:
        """q(z | x) of each text, on the CPU; batch shape ``(texts,)``, event shape ``(latent,)``.

        Raises:
            InputError: Its mean is not finite.
        """
        summaries = torch.empty(len(texts), self.vae.encoder.width)
        for rows, tokens in self._batches(texts):
            summaries[rows] = self.vae.encoder.summary(tokens).cpu()
        posterior = self._head(summaries)
        _finite(posterior.mean)
        return posterior

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        """Texts of like lengths, as their places and their tokens on the device of the model."""
        sequences = self.tokenizer.encode_batch(texts)
        by_length = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
        for start in range(0, len(by_length), BATCH):
            rows = by_length[start : start + BATCH]
            yield rows, batch_of([sequences[i] for i in rows]).tokens.to(self.device)

    def pinned(self, texts: Sequence[str]) -> Inverted:
        """Codes whose greedy text is the text given, near its posterior mean, as far as there are any; on the CPU.

        A text that holds an unknown symbol has none.
        """
        sequences, codes = self.tokenizer.encode_batch(texts), self.encode(texts).mean
        exact = torch.tensor([text == again for text, again in zip(texts, self.decode(codes), strict=True)])
        left = sorted((~exact.bool()).nonzero().flatten().tolist(), key=lambda i: len(sequences[i]))
        longest = max((len(sequences[i]) for i in left), default=1)
        at_once = max(1, LOGITS // (longest * self.tokenizer.size))
        for start in range(0, len(left), at_once):
            rows = left[start : start + at_once]
            tokens = batch_of([sequences[i] for i in rows]).tokens
            with autocast(self.device, "auto"):
                found = inverted(self.vae, tokens.to(self.device), codes[rows].to(self.device)).codes.cpu()
            again = self.decode(found)
            for i, code, text in zip(rows, found, again, strict=True):
                if text == texts[i]:
                    codes[i], exact[i] = code, True
        return Inverted(codes, exact)

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of what the model predicts.

        Raises:
            InputError: That is nothing.
        """
        return self._predicting.names

    @property
    def _predicting(self) -> PropertyHead:
        if not self.vae.properties:
            raise InputError("model must be one that predicts properties (`fit --property`), this one predicts none")
        return self.vae.properties

    @torch.no_grad()
    def predict(self, texts: Sequence[str]) -> Told:
        """Properties of each text from the mean of its posterior; on the CPU.

        Raises:
            InputError: The model predicts none.
        """
        head = self._predicting
        codes = self.encode(texts).mean.to(self.device)
        told = [(its.mean, its.stddev) for its in map(head, codes.split(BATCH))]
        mean, deviation = (torch.cat(parts).cpu() for parts in zip(*told, strict=True))
        prints = head.known.new_zeros(len(texts), head.known.shape[1])
        for rows, tokens in self._batches(texts):
            prints[rows] = fingerprints(tokens)
        return Told(mean, deviation, head.inside(codes, prints).cpu())

    def denser(self, way: Tensor) -> Tensor:
        """A way between the same ends ``(knots, latent)`` through what the prior holds likely; on the CPU.

        A prior of blurred codes is asked about the mean of each when it is blurred (``vaeseq.blurring``).

        Raises:
            InputError: The codes are discrete.
        """
        if self.vae.discrete:
            raise InputError("kind must be slerp or lerp for a model of discrete codes, got 'density'")
        kept = self.vae.signal**2
        return lifted(way, lambda codes: self.vae.prior().log_prob(kept * codes.to(self.device)).cpu())

    @torch.no_grad()
    def decode(
        self, z: Tensor, *, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0, beams: int = 1
    ) -> list[str]:
        """The text of each code ``(codes, latent)``.

        Args:
            z: Codes.
            temperature: 0 takes the greedy text; above, it is drawn.
            top_p: Draws from the likeliest symbols that together have at least this probability.
            seed: Of the draws.
            beams: Above 1, and at temperature 0, the likeliest text that a beam search of that width finds, by
                ``log p(x | z) + 3 log p(x)`` where the model has a language model: between the codes of two texts the
                likeliest by the first alone is often no text at all (LOG.md).

        Raises:
            InputError: The codes are not of this space, or not finite; or another argument is out of range.
        """
        z = self._checked(z, beams, temperature)
        if not 0 <= temperature < math.inf:
            raise InputError(f"temperature must be 0 or more, got {temperature!r}")
        if not 0 < top_p <= 1:
            raise InputError(f"top_p must be above 0 and at most 1, got {top_p!r}")
        generator = torch.Generator(self.device).manual_seed(seed)
        texts: list[str] = []
        with autocast(self.device, "auto"):
            for codes in z.split(max(1, SYMBOLS // self.max_length if beams == 1 else BATCH // beams)):
                if beams > 1:
                    drawn = self._beams(codes, beams, GUIDE)[:, 0]
                else:
                    likelihood = self.vae.decoder(codes)
                    drawn = likelihood.draw(self.max_length, temperature=temperature, top_p=top_p, generator=generator)
                texts += [self.tokenizer.decode(ids) for ids in drawn.tolist()]
        return texts

    @torch.no_grad()
    def likely(self, z: Tensor, beams: int) -> list[list[str]]:
        """The texts that a beam search ends with at each code ``(codes, latent)``, the likeliest first.

        By ``log p(x | z) + log p(x)`` where the model has a language model: with the weight of ``decode`` the texts of
        one code would all be alike, and unlike what the code says (LOG.md).

        Raises:
            InputError: As of ``decode``.
        """
        found: list[list[str]] = []
        z = self._checked(z, beams)
        with autocast(self.device, "auto"):
            for codes in z.split(max(1, BEAMS // beams)):
                drawn = self._beams(codes, beams, 1.0).tolist()
                found += [[self.tokenizer.decode(ids) for ids in rows] for rows in drawn]
        return found

    def _checked(self, z: Tensor, beams: int, temperature: float = 0.0) -> Tensor:
        """Codes on the device of the model."""
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise InputError(f"codes must be (count, {self.latent}) for this model, got {tuple(z.shape)}")
        z = _finite(z.float())
        if not 1 <= beams <= MOST_BEAMS or (beams > 1 and temperature > 0):
            raise InputError(f"beams must be 1 to {MOST_BEAMS}, and 1 where the temperature is not 0; got {beams!r}")
        return z.to(self.device)

    def _beams(self, codes: Tensor, width: int, weight: float) -> Tensor:
        guide = self.vae.language(len(codes)) if self.vae.language else None
        return self.vae.decoder(codes).beams(self.max_length, width=width, guide=guide, weight=weight)[0]

    def language_log_prob(self, texts: Sequence[str]) -> Tensor:
        """``log p(x)`` of each text under the language model beside the decoder, nats, ``(texts,)``.

        Raises:
            InputError: There is none.
        """
        found = torch.empty(len(texts))
        for rows, log_prob in self._language(texts):
            found[rows] = log_prob.sum(dim=1)
        return found

    def language_symbol_log_prob(self, texts: Sequence[str]) -> list[Tensor]:
        """The parts of ``language_log_prob``: of each symbol of each text and of its end, and 0 after it, ``(any,)``.

        Raises:
            InputError: There is no language model.
        """
        found = [torch.empty(0)] * len(texts)
        for rows, log_prob in self._language(texts):
            for row, its in zip(rows, log_prob, strict=True):
                found[row] = its
        return found

    @torch.no_grad()
    def _language(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        """Texts of like lengths, as their places and the log-probabilities of all after ``<bos>``, 0 at padding."""
        if not self.vae.language:
            raise InputError("model must have a language model beside its decoder, this one has none")
        for rows, tokens in self._batches(texts):
            yield rows, self.vae.language(len(rows)).symbol_log_prob(tokens).float().cpu()

    @torch.no_grad()
    def prior_sample(self, count: int, *, seed: int = 0) -> Tensor:
        """Codes from the prior, ``(count, latent)``, on the CPU.

        Raises:
            InputError: They are not finite.
        """
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            try:
                return _finite(self.vae.prior().sample((count,)).cpu())
            except (RuntimeError, ValueError) as error:
                if any(words in str(error) for words in _NO_DRAWS):
                    raise InputError("prior must have weights to draw by, these are too large") from error
                raise

    def sample(self, count: int, *, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0) -> list[str]:
        """Texts decoded from draws of the prior."""
        # Of another seed: equal seeds are one stream.
        codes, other = self.prior_sample(count, seed=seed), mixed_seed(seed, 1)
        return self.decode(codes, temperature=temperature, top_p=top_p, seed=other)

    def reconstruct(self, texts: Sequence[str]) -> list[str]:
        """Posterior mean, one greedy pass."""
        return self.decode(self.encode(texts).mean)


def _finite(codes: Tensor) -> Tensor:
    if not bool(codes.isfinite().all()):
        raise InputError(f"codes must be finite; {int((~codes.isfinite()).any(dim=1).sum())} of {len(codes)} are not")
    return codes
