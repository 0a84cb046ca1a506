"""Does a swap of styles keep the scaffold of a molecule, and the frame of a sentence? Against groups that mean nothing.

Run as ``python -m benchmarks.groups``, or with the name of one domain; killed, it goes on where it was. Two models of
each domain, of one seed and equal steps: one whose groups are the scaffolds or frames, one for which the same group
sizes were dealt out at random. Then the content of a test row, or of a few rows of its group, is decoded with the style
of a test row of another group.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from benchmarks.corpora import prepared
from benchmarks.parts import Parts
from benchmarks.runs import trained
from pipelines.params import DataParams, MoleculePrepareParams, SentencePrepareParams
from vaemol import metrics
from vaemol.space import MoleculeSpace
from vaeseq.bounds import Bound, elbo
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.diagnostics import batches
from vaeseq.groups import Groups, swapped
from vaeseq.objectives import ObjectiveConfig
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig
from vaeseq.tokenizer import UNK, Tokenizer
from vaetext import everyday
from vaetext.evaluation import same_label
from vaetext.space import SentenceSpace

SEED, GROUP_SIZE, SWAPS, RECONSTRUCTED = 0, 4, 500, 500
Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """One domain: its rows, what groups them, the model, and how a decoded text is judged.

    Attributes:
        data: Where the rows come from.
        prepare: How they are prepared.
        group: The column whose values are the groups.
        written: The column that holds the texts as the space reads and writes them.
        config: The model, of a vocabulary of any size.
        aim: What is minimised.
        train: How long.
        space: From a latent space of texts to one of the domain.
        right: Of texts, the share that is right by itself, and their number.
        alike: Of texts and others, the share that has the other's group, and their number.
    """

    data: DataParams
    prepare: MoleculePrepareParams | SentencePrepareParams
    group: str
    written: str
    config: Callable[[int], VAEConfig]
    aim: ObjectiveConfig
    train: TrainConfig
    space: Callable[[LatentSpace], MoleculeSpace | SentenceSpace]
    right: Callable[[Sequence[str]], tuple[float, int]]
    alike: Callable[[Sequence[str], Sequence[str]], tuple[float, int]]


def parsed(texts: Sequence[str]) -> tuple[float, int]:
    """The share of sentences that the grammar can have written, and their number."""
    return sum(map(everyday.parses, texts)) / len(texts), len(texts)


SETTINGS = {
    "molecules": Setting(
        DataParams(source="builtin"),
        MoleculePrepareParams(),
        "scaffold",
        "smiles",
        lambda size: VAEConfig(size, 32, 64, EncoderConfig(hidden=128), DecoderConfig(dropout=0.1), content=16),
        ObjectiveConfig(rate=30.0),
        TrainConfig(2_500, 64, 4e-3, evaluate_every=250),
        MoleculeSpace,
        metrics.validity,
        metrics.same_scaffold,
    ),
    "sentences": Setting(
        DataParams(source="everyday", rows=100_000),
        SentencePrepareParams(vocabulary=4_000),
        "frame",
        "text",
        lambda size: VAEConfig(size, 64, 128, EncoderConfig(hidden=128), DecoderConfig(hidden=256), content=16),
        ObjectiveConfig(rate=40.0, rate_start=90.0),
        TrainConfig(2_500, 128, 8e-3, evaluate_every=500),
        SentenceSpace,
        parsed,
        same_label,
    ),
}


def shuffled(groups: Groups, split: np.ndarray) -> Groups:
    """Groups of the same sizes in each split, dealt out at random."""
    random, of = np.random.default_rng(SEED), groups.of.copy()
    for number in range(len(SPLITS)):
        of[split == number] = random.permutation(of[split == number])
    return Groups(of, groups.size)


def pairs(labels: Sequence[str], count: int) -> list[tuple[list[int], int]]:
    """Rows of one label, at most ``GROUP_SIZE`` and at least two, and a row of another label, so many times.

    Rows without a label are in no group, but their style is as good as any.
    """
    random, numbers = np.random.default_rng(SEED), {label: i for i, label in enumerate(dict.fromkeys(labels))}
    of = np.array([numbers[label] for label in labels])
    often = [row for row, label in enumerate(labels) if label and (of == of[row]).sum() > 1]
    found = []
    for row in random.choice(often, count):
        others = random.permutation(np.flatnonzero((of == of[row]) & (np.arange(len(of)) != row)))
        style = random.choice(np.flatnonzero(of != of[row]))
        found.append(([int(row), *others[: GROUP_SIZE - 1].tolist()], int(style)))
    return found


@torch.no_grad()
def bound_of(space: LatentSpace, corpus: Corpus, rows: np.ndarray) -> Bound:
    """The bound of rows in their groups, each row's part of it."""
    generator = torch.Generator(space.device).manual_seed(SEED)
    return Bound.joined([elbo(space.vae, batch, generator=generator) for batch in batches(corpus, rows, space.device)])


def figures_of(setting: Setting, texts: LatentSpace, corpus: Corpus, table: list[Row]) -> Row:
    """Swaps, reconstruction and the KL of both parts, all of test rows whose symbols the model knows; nats a row."""
    rows = np.array([row for row in corpus.rows("test") if UNK not in corpus.sequence(row)])
    content = texts.vae.content
    test, space = [table[row] for row in rows], setting.space(texts)
    written = [row[setting.written] for row in test]
    bound = bound_of(texts, corpus, rows)
    by_part = bound.kl_by_dimension.split([content, texts.latent - content], dim=1)
    figures: Row = {"elbo": float(bound.elbo.mean()), "rows": len(rows)}
    figures |= {f"kl_{n}": float(part.sum(dim=1).mean()) for n, part in zip(("content", "style"), by_part, strict=True)}
    again = space.reconstruct(written[:RECONSTRUCTED])
    figures["exact_reconstruction"] = sum(map(str.__eq__, again, written)) / len(again)
    chosen = pairs([row[setting.group] for row in test], SWAPS)
    styles = [written[style] for _, style in chosen]
    for name, most in (("row", 1), ("group", GROUP_SIZE)):
        contents = [[written[row] for row in group[:most]] for group, _ in chosen]
        found = swapped(space, contents, styles, content=content)
        figures[f"content_of_a_{name}"] = {
            "keeps_the_group_of_the_content": setting.alike(found, [texts[0] for texts in contents])[0],
            "takes_the_group_of_the_style": setting.alike(found, styles)[0],
            "right": setting.right(found)[0],
            "is_the_row_of_the_content": sum(map(str.__eq__, found, [group[0] for group in contents])) / len(found),
            "is_the_row_of_the_style": sum(map(str.__eq__, found, styles)) / len(found),
            "of": len(found),
        }
    return figures


def measured(domain: str, label: str, groups: Groups, corpus: Corpus, tokenizer: Tokenizer, folder: Path) -> Row:
    """What a model of such groups does with them."""
    setting = SETTINGS[domain]
    table = pq.read_table(folder / "rows.parquet").to_pylist()
    metadata = {"name": domain, "max_length": int(corpus.lengths.max() * 1.25) + 1, **setting.prepare.model_dump()}
    config = setting.config(tokenizer.size)
    corpus.groups = groups
    state = trained(f"groups-{domain}-{label}", config, setting.train, setting.aim, corpus, seed=SEED)
    space = LatentSpace(state.vae, tokenizer, metadata, latent=config.latent, device=state.device)
    return figures_of(setting, space, corpus, table) | {"seconds": round(state.seconds, 1)}


def main() -> None:
    """Write ``benchmarks/results/groups_<domain>.json``."""
    for domain in sys.argv[1:] or SETTINGS:
        setting = SETTINGS[domain]
        corpus, tokenizer, folder = prepared(domain, setting.data, setting.prepare)
        labels = pq.read_table(folder / "rows.parquet", columns=[setting.group])[setting.group].to_pylist()
        true = Groups.named(labels, GROUP_SIZE)
        parts = Parts(
            f"groups_{domain}",
            command="python -m benchmarks.groups",
            data={"name": setting.data.source, "rows": setting.data.rows},
            seed=SEED,
            budget={"steps": setting.train.steps, "batch": setting.train.batch_size, "group_size": GROUP_SIZE},
        )
        asked = (
            f"{setting.data} {setting.prepare} {setting.config(tokenizer.size)} {setting.aim} {setting.train} {SWAPS}"
        )
        parts.several("groups", asked, lambda true=true, corpus=corpus: told(true.of[corpus.rows("train")]))
        for name, groups in (("true", true), ("shuffled", shuffled(true, corpus.split))):
            run = partial(measured, domain, name, groups, corpus, tokenizer, folder)
            parts.take(name, f"{asked} {name}", run)


def told(train: np.ndarray) -> Row:
    """How many groups there are among training rows, and the share of rows that are not alone."""
    sizes = np.array(list(Counter(train.tolist()).values()))
    return {"groups": len(sizes), "training_rows_in_a_group_of_two": float(sizes[sizes > 1].sum() / len(train))}


if __name__ == "__main__":
    main()
