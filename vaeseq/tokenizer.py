"""Text to ids and back, kept as one ``tokenizer.json``.

Three ways of cutting share one class: a closed vocabulary of symbols (SMILES, SELFIES), words with a fallback to bytes,
and byte-pair encoding. ``decode(encode(text)) == text`` holds for every text whose symbols are known; a symbol that is
not stays visible as ``<unk>``.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Regex, models, pre_tokenizers, trainers

from vaeseq.errors import InputError

RESERVED = ("<pad>", "<bos>", "<eos>", "<unk>", "<mask>")
PAD, BOS, EOS, UNK, MASK = range(5)

# A leading space belongs to its word, so that cutting loses nothing; an apostrophe inside a word does not end it. A run
# of 64 letters is cut: the time to look a word up grows with the square of its length.
WORD_PATTERN = r" ?[\p{L}\p{M}\p{N}]{1,64}(?:['\x{2019}][\p{L}\p{M}\p{N}]{1,64})?| ?[^\s\p{L}\p{M}\p{N}]|\s"
_CONTINUES = "##"
_UNICODE_OF_BYTE = {  # the printable stand-ins of GPT-2's byte-level alphabet
    **{b: chr(b) for b in (*range(33, 127), *range(161, 173), *range(174, 256))},
    **{b: chr(256 + i) for i, b in enumerate((*range(33), *range(127, 161), 173))},
}
_BYTE_OF_UNICODE = {character: byte for byte, character in _UNICODE_OF_BYTE.items()}


class Tokenizer:
    """Cuts text into ids framed by ``<bos>`` and ``<eos>``, and joins ids to text.

    The reserved symbols have the ids 0 to 4 in every vocabulary and never match text: a text holding the letters
    ``<eos>`` is cut like any other.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        if _shape(backend) not in _OURS:
            raise InputError("tokenizer must cut texts and do nothing else to them; this file is not one of ours")
        vocabulary = backend.get_vocab()
        if [vocabulary.get(symbol) for symbol in RESERVED] != list(range(len(RESERVED))):
            raise InputError(f"tokenizer must hold {RESERVED} at ids 0 to 4; this file is not one of ours")
        if sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise InputError(f"tokenizer must hold every id from 0 to {len(vocabulary) - 1} once; this file does not")
        self._backend = backend
        self._pieces = _pieces(backend, sorted(vocabulary, key=vocabulary.__getitem__))

    @classmethod
    def of_symbols(cls, symbols: Iterable[str], pattern: str) -> "Tokenizer":
        """A closed vocabulary; ``pattern`` is the regular expression that matches one symbol."""
        ordered = [*RESERVED, *sorted(set(symbols) - set(RESERVED))]
        return cls(_of_symbols({symbol: i for i, symbol in enumerate(ordered)}, rf"{pattern}|[\s\S]"))

    @classmethod
    def of_words(cls, lines: Iterable[str], *, size: int) -> "Tokenizer":
        """The most frequent words of ``lines`` and all bytes, ``size`` in all; bytes spell the other words."""
        alphabet = [*_BYTE_OF_UNICODE, *(_CONTINUES + character for character in _BYTE_OF_UNICODE)]
        room = size - len(RESERVED) - len(alphabet)
        if room < 1:
            raise InputError(f"vocabulary size must be above {size - room}: reserved symbols and bytes; got {size}")
        cut = _of_words({}).pre_tokenizer.pre_tokenize_str
        counts = Counter(word for line in lines for word, _ in cut(line))
        # A word that looks like a continuation would be read back without its mark: bytes spell it instead.
        words = [word for word in counts if len(word) > 1 and not word.startswith(_CONTINUES)]
        words.sort(key=lambda word: (-counts[word], word))
        return cls(_of_words({piece: i for i, piece in enumerate([*RESERVED, *alphabet, *words[:room]])}))

    @classmethod
    def of_bpe(cls, lines: Iterable[str], *, size: int) -> "Tokenizer":
        """Byte-level byte-pair encoding with ``size`` pieces."""
        if size < len(RESERVED) + len(_BYTE_OF_UNICODE):
            raise InputError(f"vocabulary size must have room for reserved symbols and bytes, 261; got {size}")
        backend = _of_bpe()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(RESERVED),
            initial_alphabet=sorted(_BYTE_OF_UNICODE),
            show_progress=False,
        )
        backend.train_from_iterator(lines, trainer)
        # Trained reserved symbols are "added tokens", which match text; the copy has the same ids without that.
        return cls(_of_bpe(backend.get_vocab(), _merges(backend)))

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a ``tokenizer.json``.

        Raises:
            InputError: The file is missing or is not a tokenizer.
        """
        try:
            with _no_panic():
                return cls(tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"tokenizer {str(path)!r} cannot be read: {error.strerror}") from error
        except InputError:
            raise
        except Exception as error:  # the library raises nothing narrower than Exception
            raise InputError(f"tokenizer {str(path)!r} is not a tokenizer.json: {error}") from error

    def save(self, path: Path) -> None:
        """Write the ``tokenizer.json``."""
        path.write_text(self._backend.to_str(pretty=True), encoding="utf-8")

    def __eq__(self, other: object) -> bool:
        """Whether both cut every text alike."""
        return isinstance(other, Tokenizer) and self._backend.to_str() == other._backend.to_str()

    @property
    def size(self) -> int:
        """Ids in the vocabulary, the reserved ones included."""
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        """``<bos> ... <eos>``."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """``encode`` of each text, in parallel.

        Raises:
            InputError: The pattern of a foreign file takes too long.
        """
        with _no_panic():
            found = self._backend.encode_batch([*map(_readable, texts)], add_special_tokens=False)
        return [[BOS, *_of_text(cut.ids), EOS] for cut in found]

    def decode(self, ids: Iterable[int]) -> str:
        """Text up to the first ``<eos>``; unknown symbols read ``<unk>``."""
        pieces = []
        for i in ids:
            if i == EOS:
                break
            if i not in (PAD, BOS):
                pieces.append(self._pieces[i])
        return b"".join(pieces).decode("utf-8", errors="replace")

    def starts(self, ids: Sequence[int]) -> list[int]:
        """The byte of the text at which each symbol between ``<bos>`` and ``<eos>`` begins."""
        return list(accumulate((len(self._pieces[i]) for i in ids[1:-1]), initial=0))[:-1]

    def spelled(self, text: str) -> list[str]:
        """The words of a text, each once, that have no symbol of their own: bytes or pieces spell them."""
        text = _readable(text)
        words = (text[slice(*place)] for _, place in self._backend.pre_tokenizer.pre_tokenize_str(text))
        return list(dict.fromkeys(word.strip() for word in words if len(self.encode(word)) > 3))  # with <bos> and <eos>

    def symbol(self, i: int) -> str:
        """The text of one id."""
        return self._pieces[i].decode("utf-8", errors="replace")


def _readable(text: str) -> str:
    """A lone surrogate is no text: it becomes "?" here, as in any lossy UTF-8 writer."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _of_text(ids: list[int]) -> list[int]:
    """A text may spell a reserved symbol, but never is one."""
    return ids if min(ids, default=MASK + 1) > MASK else [i if i > MASK else UNK for i in ids]


@contextmanager
def _no_panic() -> Iterator[None]:
    """A panic of Rust, which is no ``Exception``, is an ``InputError``."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise InputError(f"tokenizer must cut every text, this one gave up: {error}") from error
        raise


def _of_symbols(vocabulary: dict[str, int], pattern: str) -> tokenizers.Tokenizer:
    model = models.WordLevel(vocabulary, unk_token=RESERVED[UNK])
    return _backend(model, pre_tokenizers.Split(Regex(pattern), "isolated"))


def _of_words(vocabulary: dict[str, int]) -> tokenizers.Tokenizer:
    model = models.WordPiece(
        vocabulary, unk_token=RESERVED[UNK], continuing_subword_prefix=_CONTINUES, max_input_chars_per_word=1_000_000
    )
    cut = [pre_tokenizers.Split(Regex(WORD_PATTERN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    return _backend(model, pre_tokenizers.Sequence(cut))


def _of_bpe(*model: Any) -> tokenizers.Tokenizer:  # noqa: ANN401 - its vocabulary and merges, if it has any yet
    return _backend(models.BPE(*model), pre_tokenizers.ByteLevel(False))


def _backend(model: models.Model, cut: pre_tokenizers.PreTokenizer) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = cut
    return backend


def _shape(backend: tokenizers.Tokenizer) -> object:
    """All of a file but the vocabulary, and the patterns that it cuts by."""
    free = ("vocab", "merges", "Regex")
    return json.loads(
        backend.to_str(), object_hook=lambda told: {name: told[name] for name in told if name not in free}
    )


_OURS = [_shape(backend) for backend in (_of_symbols({}, "."), _of_words({}), _of_bpe())]


def _merges(backend: tokenizers.Tokenizer) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]


def _pieces(backend: tokenizers.Tokenizer, symbols: Sequence[str]) -> list[bytes]:
    """The bytes each id stands for."""
    if isinstance(backend.model, models.WordLevel):
        return [symbol.encode() for symbol in symbols]
    continues = isinstance(backend.model, models.WordPiece)
    reserved = len(RESERVED)
    first_word = reserved + 2 * len(_BYTE_OF_UNICODE) if continues else reserved
    bodies = [
        symbol.removeprefix(_CONTINUES) if continues and len(symbol) > 2 and i < first_word else symbol
        for i, symbol in enumerate(symbols)
    ]
    return [
        body.encode() if i < reserved else bytes(_BYTE_OF_UNICODE[character] for character in body)
        for i, body in enumerate(bodies)
    ]
