from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, pad
from vaeseq.diagnostics import summarise
from vaeseq.errors import InputError
from vaeseq.groups import Groups
from vaeseq.history import Record
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.team import Team
from vaeseq.tokenizer import BOS, EOS, Tokenizer
from vaeseq.training import fit

VOCABULARY = 12
TRAIN = TrainConfig(
    steps=14, batch_size=6, learning_rate=5e-3, precision="float32", evaluate_every=5, evaluate_rows=8, average=0.8
)
AIM = ObjectiveConfig(rate=2.0, word_dropout=0.2, code_noise=0.2)
ENCODER, DECODER = EncoderConfig("bilstm", 10), DecoderConfig("lstm", 10, 0.2)


def _corpus(of: list[int], size: int, seed: int = 0) -> Corpus:
    lengths = np.random.default_rng(seed).integers(2, 30, len(of))
    train, groups = np.zeros(len(of), np.uint8), Groups(np.array(of, np.int64), size)
    return Corpus(np.ones(lengths.sum(), np.uint8), np.cumsum([0, *lengths]), train, groups)


@given(
    count=st.integers(0, 60), groups=st.integers(1, 12), size=st.integers(1, 9), batch_size=st.integers(1, 12),
    seed=st.integers(0, 2**63), epoch=st.integers(0, 9),
)  # fmt: skip
def test_an_epoch_visits_every_row_once_in_whole_small_groups(
    count: int, groups: int, size: int, batch_size: int, seed: int, epoch: int
) -> None:
    of = np.random.default_rng(seed).integers(0, groups, 60).tolist()
    corpus, rows = _corpus(of, size), np.arange(60)[:count]
    orders = [list(corpus.epoch(rows, batch_size, seed=seed, epoch=epoch)) for _ in range(2)]
    assert [batch.tolist() for batch in orders[0]] == [batch.tolist() for batch in orders[1]]
    for batches in (orders[0], list(corpus.in_order(rows, batch_size))):
        assert sorted(row for batch in batches for row in batch) == rows.tolist()
        assert all(0 < len(batch) <= batch_size for batch in batches)
        found: Counter[tuple[int, int]] = Counter()
        for batch in batches:
            small = corpus.batch(batch).group.numpy()
            for number in np.unique(small):
                its = {of[row] for row in batch[small == number]}
                assert len(its) == 1, "rows of two groups share a content"
                found[its.pop(), int((small == number).sum())] += 1
        expected: Counter[tuple[int, int]] = Counter()
        most = min(size, batch_size)
        for number, count in Counter(of[row] for row in rows).items():
            expected[number, most] += count // most
            expected[number, count % most] += 1
        assert found == Counter({key: count for key, count in expected.items() if count and key[1]})


def test_others_of_its_group_meet_a_row_in_each_epoch_whatever_their_lengths() -> None:
    corpus = _corpus([0] * 400 + [1] * 400, 4)
    epochs = [list(corpus.epoch(np.arange(800), 40, seed=0, epoch=epoch)) for epoch in range(2)]
    met = [{frozenset(batch[i : i + 4].tolist()) for batch in batches for i in range(0, 40, 4)} for batches in epochs]
    assert len(met[0]) == len(met[1]) == 200
    assert not met[0] & met[1]
    assert {of for batch in epochs[0] for of in [len(set(corpus.groups.of[batch]))]} == {2}, "a batch is of one group"
    within = np.mean([corpus.lengths[list(each)].var(ddof=1) for each in met[0]])
    assert within == pytest.approx(corpus.lengths.var(), rel=0.15), "rows of one length share a content"


def test_small_groups_of_like_length_share_a_batch_and_batches_come_in_random_order() -> None:
    corpus = _corpus(list(range(100)) * 8, 4)
    batches = list(corpus.epoch(np.arange(800), 40, seed=0, epoch=0))
    spans = [sorted({int(corpus.lengths[batch[i : i + 4]].max()) for i in range(0, 40, 4)}) for batch in batches]
    assert spans != sorted(spans)
    assert all(one[-1] <= other[0] for one, other in zip(sorted(spans), sorted(spans)[1:], strict=False))


def test_rows_without_a_label_are_alone() -> None:
    groups = Groups.named(["a", "", None, "b", "a", "", 0, 0, None], 4)
    rows = np.arange(9)
    of = [groups.of[groups.of == number].size for number in groups.of]
    assert of == [2, 1, 1, 1, 2, 1, 2, 2, 1]
    assert groups.small(rows).tolist() == [0, 1, 2, 3, 4, 5, 6, 6, 7]
    with pytest.raises(InputError, match="at least 1, got 0"):
        Groups.named(["a"], 0)


def _grouped(folder: Path, rows: int) -> Corpus:
    return Corpus.load(folder, Groups(np.arange(rows) % 5, 3))


def _model(content: int = 2, seed: int = 0) -> SequenceVAE:
    torch.manual_seed(seed)
    return SequenceVAE.build(VAEConfig(VOCABULARY, 4, 6, ENCODER, DECODER, content=content))


def _timeless(history: list[Record]) -> list[Record]:
    return [replace(record, seconds=0.0, symbols_per_second=None) for record in history]


def _finish(state: TrainState, corpus: Corpus) -> list[Record]:
    return _timeless([record for records in fit(state, corpus, record_every=2) for record in records])


@pytest.fixture
def corpus(build_corpus: Callable[..., Corpus], tmp_path: Path) -> Corpus:
    """Four batches an epoch, so that 14 steps end within the fourth."""
    build_corpus(train=20, valid=8, vocabulary=VOCABULARY)
    return _grouped(tmp_path, 28)


def test_a_killed_run_in_groups_is_the_run_that_was_not_and_the_seed_decides_it(corpus: Corpus, tmp_path: Path) -> None:
    runs = [TrainState(_model(), TRAIN, AIM, seed=seed) for seed in (3, 3, 4)]
    histories = [_finish(state, corpus) for state in runs]
    assert histories[0] == histories[1] != histories[2]
    resumed = TrainState(_model(), TRAIN, AIM, seed=3)
    while resumed.step < TRAIN.steps:
        torch.manual_seed(resumed.step)
        next(fit(resumed, corpus, record_every=2))
        resumed.save(tmp_path / "state")
        resumed = TrainState(_model(seed=resumed.step), TRAIN, AIM, seed=3)
        resumed.load(tmp_path / "state")
    assert _timeless(resumed.history) == histories[0]
    for name, value in resumed.vae.state_dict().items():
        assert value.equal(runs[0].vae.state_dict()[name]), name


def test_groups_change_training_and_what_is_looked_at(corpus: Corpus) -> None:
    grouped = _finish(TrainState(_model(), TRAIN, AIM, seed=3), corpus)
    plain = _finish(TrainState(_model(content=0), TRAIN, AIM, seed=3), corpus)
    assert all(one.kl != other.kl for one, other in zip(grouped, plain, strict=True))
    vae, rows = _model(), corpus.rows("valid")
    together = summarise(vae, corpus, rows, seed=0)
    corpus.groups = None
    apart = summarise(vae, corpus, rows, seed=0)
    assert together.kl != apart.kl


@pytest.mark.slow  # two models of 400 steps
def test_what_a_group_shares_goes_into_the_content_and_with_shuffled_groups_does_not() -> None:
    # Three symbols that are those of the row's group, one of eight, and three of its own.
    random, kept, taken = np.random.default_rng(0), [], []
    label, split = random.integers(0, 8, 512), np.repeat(np.array([0, 1], np.uint8), [400, 112])
    rows = [[BOS, *(5 + (label_ >> np.arange(3)) % 2), *random.integers(5, 7, 3), EOS] for label_ in label]
    for of in (label, random.permutation(label)):
        groups = Groups(of, 4)
        corpus = Corpus(np.concatenate(rows).astype(np.uint8), np.arange(513) * 8, split, groups)
        torch.manual_seed(0)
        vae = SequenceVAE.build(VAEConfig(7, 8, 8, EncoderConfig(hidden=16), DecoderConfig(hidden=32), content=4))
        train = replace(TRAIN, steps=400, batch_size=64, learning_rate=1e-2, average=0.0, evaluate_every=400)
        _finish(TrainState(vae, train, ObjectiveConfig(beta=0.4), seed=0), corpus)
        batch = corpus.batch(corpus.rows("valid"))
        other = torch.randperm(len(batch.row), generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            mean = vae.eval().encoder(batch.tokens).mean
            codes = torch.cat([mean[:, :4], mean[other, 4:]], dim=1)
            found = pad(vae.decoder(codes).draw(7, temperature=0.0).tolist())[:, 1:4]
        kept.append((found == batch.tokens[:, 1:4]).all(dim=1).float().mean())
        taken.append((found == batch.tokens[other, 1:4]).all(dim=1).float().mean())
    assert kept[0] > 0.5 > 0.25 > taken[0], "by chance it is an eighth"
    assert kept[1] < 0.25


def test_what_would_tear_a_group_apart_is_refused(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"1 processes, samples 2 and splicing 0\.0"):
        next(fit(TrainState(_model(), TRAIN, ObjectiveConfig(samples=2), seed=0), corpus))
    with pytest.raises(InputError, match=r"1 processes, samples 1 and splicing 0\.5"):
        next(fit(TrainState(_model(), TRAIN, ObjectiveConfig(splicing=0.5), seed=0), corpus))
    monkeypatch.setattr(Team, "here", lambda: Team(0, 2))
    with pytest.raises(InputError, match="2 processes, samples 1"):
        next(fit(TrainState(_model(), TRAIN, AIM, seed=0), corpus))


def test_groups_of_other_rows_are_an_input_error(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"28 rows.*got 27"):
        _grouped(tmp_path, 27)


@pytest.mark.parametrize("content", [-1, 4, 2.0, True])
def test_content_leaves_room_for_style(content: object) -> None:
    with pytest.raises(InputError, match="content must be"):
        VAEConfig(VOCABULARY, 4, content=content)


@pytest.mark.parametrize(("posterior", "prior"), [("flow", "standard_normal"), ("gaussian", "mixture")])
def test_content_needs_gaussians_that_multiply(posterior: str, prior: str) -> None:
    parts = {"encoder": EncoderConfig(posterior=posterior), "prior": PriorConfig(prior)}
    with pytest.raises(InputError, match=f"got '{posterior}' and '{prior}'"):
        VAEConfig(VOCABULARY, 4, content=2, **parts)
    VAEConfig(VOCABULARY, 4, **parts)


def test_a_checkpoint_keeps_the_content(tmp_path: Path) -> None:
    tokenizer = Tokenizer.of_words(["a b c"], size=560)
    config = VAEConfig(tokenizer.size, 4, 6, ENCODER, DECODER, content=3)
    checkpoint.save(tmp_path, Checkpoint(SequenceVAE.build(config), config, tokenizer, {}), card="")
    stored = checkpoint.load(tmp_path)
    assert stored.config == config
    assert stored.vae.content == 3
