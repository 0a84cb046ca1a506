"""SMILES and sentences that nobody would write but somebody who wants a parser to fail: functions of a seed."""

import random as chances
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem

from vaemol.builtin import builtin_molecules
from vaeseq.files import csv_line

LONG = 1_000_000  # characters of the longest sentences, of which each batch has one
_ALPHABET = "CNOF" * 6 + "CNOSPFIBrcnosp[]()=#$:/\\.%0123456789+-@*~<>|{}, \t\0é"
_HUGE = [str(10**power) for power in (2, 3, 4, 5, 9, 10, 19, 40)]
_ELEMENTS = ("Og", "U", "Xe", "He", "Pt", "Si", "B", "Xx", "13C", "2H", "C@@", "C@TH2", "C@SP9", "Co@OH30", "Fe@TB21")
WORDS = (
    *(
        "the",
        "a",
        "every",
        "no",
        "some",
        "old",
        "green",
        "very",
        "quietly",
        "sailor",
        "teacher",
        "boat",
        "letter",
        "rain",
    ),
    *(
        "sold",
        "saw",
        "did not write",
        "wonders",
        "whether",
        "and",
        "but",
        "because",
        "in London",
        "it's",
        "Why",
        "naïve.",
    ),
)
_PIECES = (
    *map(chr, range(32)),
    *"\x7f\x85\xa0\xad\u200b\u200d\u200f\u2028\u2029\u202e\u2066\ufeff\ufffe\U0010ffff\ud800\udfff\udcff\udc00",
    "\N{FAMILY}\u200d\N{WOMAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}",
    "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}",
    "e" + "\u0301\u0323" * 40,
    "\N{ARABIC LETTER ALEF}\N{HEBREW LETTER ALEF}\ufdfa",
    '=HYPERLINK("http://x.example","!")',
    "@SUM(A1:A9)",
    "+1-1|cmd",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><!-- ]]>",
    "{{ 7 * 7 }}{% raw %}",
    "<pad><bos><eos><unk><mask>",
    "##'\u2019",
    "%s%n\\ud800\\0",
    '"',
    '""",',
    ",;|",
    "\r\n",
    "x" * 2_000,
    "word " * 200,
)
_ENDLESS = ("a", "a ", "\0", '"', "<b>", "\N{GRINNING FACE}", "\u0301\u0323", "\u202e", "\ud800", " ")


def molecules(count: int, seed: int, batch: int) -> list[str]:
    """Texts of one batch: built-in molecules that were changed, and texts at the borders of the grammar."""
    random, parents = chances.Random(f"molecules {seed} {batch}"), _parents()
    return [_odd(random) if random.random() < 0.2 else _mutant(random, parents) for _ in range(count)]


@cache
def _parents() -> list[str]:
    return [smiles for _, smiles in builtin_molecules()]


def _mutant(random: chances.Random, parents: list[str]) -> str:
    text = random.choice(parents)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        a, b = sorted(random.randrange(len(text) + 1) for _ in range(2))
        match random.randrange(5):
            case 0:
                text = text[:a] + random.choice(_ALPHABET) + text[a:]
            case 1:
                text = text[:a] + text[min(b, a + 3) :]
            case 2:
                text = text[:a] + random.choice(_ALPHABET) + text[a + 1 :]
            case 3:
                text = text[:a] + text[a:b] * random.randrange(2, 9) + text[b:]
            case 4:
                other = random.choice(parents)
                text = text[:a] + other[random.randrange(len(other)) :]
    return text


def _odd(random: chances.Random) -> str:
    huge, many, element = random.choice(_HUGE), random.choice((5, 50, 200, 490, 2_000)), random.choice(_ELEMENTS)
    match random.randrange(8):
        case 0:
            return "C(" * many + "C" + ")" * random.choice((many, many - 1))
        case 1:
            return "".join(f"C%{ring:02d}" for ring in range(10, 99)) * 2
        case 2:
            return f"C%({huge})CCC%({huge})"
        case 3:
            return f"[{huge}C][C+{huge}][CH{huge}][C:{huge}]"
        case 4:
            return f"[{element}]([{element}{random.choice('+-')}])" + "F" * random.randrange(9)
        case 5:
            return random.choice(("C", "[", "(", "C1", "c", "=", "C.", "[C+]", "C/C=", "[Fe]")) * many
        case 6:
            return random.choice(("C->[Pt]<-N", "C>>O", "C |$a;$|", "[*]C", "[#6]", "[$(C)]", "C:C", "[C]~[C]", "C$C"))
    return random.randbytes(random.randrange(60)).decode("utf-8", "surrogateescape")


def sentences(count: int, seed: int, batch: int) -> list[str]:
    """Texts of one batch: sentences with pieces put in that are none, any Unicode, and one of ``LONG`` characters."""
    random = chances.Random(f"sentences {seed} {batch}")
    endless = _ENDLESS[batch % len(_ENDLESS)]
    texts = [_sentence(random) for _ in range(count - 1)]
    texts.insert(random.randrange(count), (endless * LONG)[:LONG])
    return texts


def _sentence(random: chances.Random) -> str:
    text = " ".join(random.choices(WORDS, k=random.randrange(2, 12)))
    if random.random() < 0.1:
        return "".join(chr(random.randrange(random.choice((0x80, 0x3000, 0x110000)))) for _ in range(9))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        place = random.randrange(len(text) + 1)
        text = text[:place] + random.choice(_PIECES) * random.choice((1, 1, 1, 7)) + text[place:]
    return text


def encoded(text: str) -> bytes:
    """As bytes; what is no text becomes bytes that are no UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def line_of(text: str) -> bytes:
    """As one line, without its end."""
    return encoded(text.replace("\n", "\v"))


def written(texts: list[str], file: Path, *, column: str) -> dict[int, str]:
    """Write a source file of the kind that its name says, and give the text of each row by its line, or its record.

    Parquet holds text alone, with a mark for each byte that is none. The records of an SD file are built-in
    molecules that the texts were put into. A blank line is no row.
    """
    if file.suffix == ".parquet":
        readable = [encoded(text).decode("utf-8", "replace") for text in texts]
        pq.write_table(pa.table({"id": range(len(texts)), column: readable}), file)
        return dict(enumerate(texts, 1))
    if file.suffix == ".sdf":
        blocks = [_block(text, number) for number, text in enumerate(texts)]
        file.write_bytes(b"".join(block + b"$$$$\n" for block in blocks))
        return {number: block.decode("utf-8", "surrogateescape") for number, block in enumerate(blocks, 1)}
    lines = [*_cells(texts, column)] if file.suffix == ".csv" else [b"", *map(line_of, texts)]
    file.write_bytes(b"\n".join([*lines, b""]))
    rows, number = {}, 1
    for line, text in zip(lines, ["", *texts], strict=True):
        if number > 1 and line.decode("utf-8", "surrogateescape").strip():
            rows[number] = text
        number += 1 + line.count(b"\n")
    return rows


def _block(text: str, number: int) -> bytes:
    """A molecule with the text as its title, or anywhere; behind a space, for no line is to begin as the end does."""
    smiles = _parents()[number % len(_parents())]
    block = Chem.MolToMolBlock(Chem.MolFromSmiles(smiles)).encode()
    place = number % len(block) if number % 2 else 0
    return block[:place] + b" " + line_of(text) + block[place:]


def _cells(texts: list[str], column: str) -> Iterator[bytes]:
    yield f"id,{column}".encode()
    for number, text in enumerate(texts):
        yield encoded(csv_line([number, text]).removesuffix("\n"))
