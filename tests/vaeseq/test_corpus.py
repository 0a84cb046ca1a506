import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from vaeseq.corpus import SPLITS, Batch, Corpus, batch_of, choose, pad, write_tokens
from vaeseq.errors import InputError
from vaeseq.tokenizer import PAD

table = st.lists(st.tuples(st.lists(st.integers(1, 65_535), min_size=2, max_size=12), st.integers(0, 2)), max_size=15)


@given(rows=table)
def test_what_is_written_is_read(rows: list[tuple[list[int], int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    sequences, split = [row[0] for row in rows], [row[1] for row in rows]
    write_tokens(folder / "tokens.safetensors", iter(sequences), split)
    corpus = Corpus.load(folder)
    assert len(corpus) == len(rows)
    assert [corpus.sequence(row).tolist() for row in range(len(corpus))] == sequences
    assert corpus.lengths.tolist() == [len(ids) for ids in sequences]
    assert {name: corpus.rows(name).tolist() for name in SPLITS} == {
        name: [row for row, of in enumerate(split) if of == i] for i, name in enumerate(SPLITS)
    }


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16)])
def test_ids_take_as_few_bytes_as_they_can(largest: int, dtype: type, tmp_path: Path) -> None:
    write_tokens(tmp_path / "tokens.safetensors", [[1, largest, 2], [1, 2]], [0, 0])
    corpus = Corpus.load(tmp_path)
    assert corpus.tokens.dtype == dtype
    assert corpus.batch([1, 0]).tokens.tolist() == [[1, 2, PAD], [1, largest, 2]]


def test_ids_beyond_16_bits_are_not_wrapped(tmp_path: Path) -> None:
    with pytest.raises(OverflowError):
        write_tokens(tmp_path / "tokens.safetensors", [[1, 65_536, 2]], [0])


@given(sequences=st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=9))
def test_padding_is_on_the_right_only(sequences: list[list[int]]) -> None:
    tokens = pad(sequences)
    assert tokens.dtype == torch.int64
    assert tokens.shape == (len(sequences), max(map(len, sequences)))
    for row, ids in zip(tokens.tolist(), sequences, strict=True):
        assert row == ids + [PAD] * (len(row) - len(ids))


def test_a_batch_of_texts_is_all_observed() -> None:
    batch = batch_of([[1, 2], [1, 5, 6, 2]])
    assert batch.observed.all()
    assert batch.observed.shape == batch.tokens.shape == (2, 4)
    assert batch.row.tolist() == [0, 1]
    assert batch.to(torch.device("cpu")).tokens.equal(batch.tokens)


def test_a_batch_holds_the_named_rows_in_the_order_given(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=7, valid=0)
    rows = [4, 0, 4, 6]
    batch = corpus.batch(rows)
    assert batch.row.tolist() == rows
    for ids, row in zip(batch.tokens, rows, strict=True):
        assert ids[ids != PAD].tolist() == corpus.sequence(row).tolist()


def test_ids_are_put_on_a_device_once(build_corpus: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, put = build_corpus(train=7, valid=0), []
    monkeypatch.setattr(Corpus, "_on", lambda self, home, on=Corpus._on: put.append(home) or on(self, home))
    for rows in ([0], [1, 2], [0]):
        corpus.batch(rows)
    assert len(put) == 1


@pytest.mark.parametrize(("free", "home"), [([15, 0], "cuda"), ([14, 2**40], "cpu")])
def test_where_ids_are_kept_is_decided_once(free: list[int], home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, put = Corpus(np.arange(7, dtype=np.uint8), np.array([0, 3, 7]), np.zeros(2, np.uint8)), []
    answers = iter(free)  # other programs use the device too
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (next(answers), 2**40))
    monkeypatch.setattr(Batch, "to", lambda self, _: self)
    on = Corpus._on
    monkeypatch.setattr(Corpus, "_on", lambda self, place: put.append(place.type) or on(self, torch.device("cpu")))
    for _ in range(3):
        assert corpus.batch([1], torch.device("cuda")).tokens.tolist() == [[3, 4, 5, 6]]
    assert put == [home]


@given(
    seed=st.integers(0, 2**63), epoch=st.integers(0, 10_000), batch_size=st.integers(1, 40), count=st.integers(0, 30)
)
def test_an_epoch_visits_every_row_once(seed: int, epoch: int, batch_size: int, count: int) -> None:
    lengths = np.random.default_rng(0).integers(2, 9, 60)
    corpus = Corpus(np.ones(lengths.sum(), np.uint16), np.cumsum([0, *lengths]), np.zeros(60, np.uint8))
    rows = np.arange(60)[5 : 5 + count]
    batches = [batch.tolist() for batch in corpus.epoch(rows, batch_size, seed=seed, epoch=epoch)]
    assert sorted(row for batch in batches for row in batch) == rows.tolist()
    assert all(0 < len(batch) <= batch_size for batch in batches)
    assert batches == [batch.tolist() for batch in corpus.epoch(rows, batch_size, seed=seed, epoch=epoch)]


def _batches(corpus: Corpus, *, seed: int, epoch: int) -> list[list[int]]:
    return [batch.tolist() for batch in corpus.epoch(corpus.rows("train"), 8, seed=seed, epoch=epoch)]


def test_epochs_and_seeds_differ(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=64, valid=0)
    orders = [_batches(corpus, seed=seed, epoch=epoch) for seed in range(3) for epoch in range(3)]
    assert len({str(order) for order in orders}) == 9
    # Not only the order of the same batches: other rows meet.
    assert len({str(sorted(sorted(batch) for batch in order)) for order in orders}) == 9


def test_rows_of_like_length_share_a_batch(build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=200, valid=0, longest=40)
    spans = [
        (corpus.lengths[batch].min(), corpus.lengths[batch].max())
        for batch in corpus.epoch(corpus.rows("train"), 16, seed=0, epoch=0)
    ]
    shortest_first = sorted(spans)
    assert shortest_first != spans, "batches must come in random order, not by length"
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(shortest_first))


@given(batch_size=st.integers(1, 50))
def test_in_order_gives_every_row_once_by_length(batch_size: int) -> None:
    lengths = np.random.default_rng(1).integers(2, 30, 40)
    corpus = Corpus(np.ones(lengths.sum(), np.uint16), np.cumsum([0, *lengths]), np.zeros(40, np.uint8))
    rows = np.arange(40)[::-1]
    ordered = np.concatenate(list(corpus.in_order(rows, batch_size)))
    assert sorted(ordered) == sorted(rows)
    assert (np.diff(corpus.lengths[ordered]) >= 0).all()


def test_missing_truncated_and_foreign_files_are_input_errors(tmp_path: Path) -> None:
    path = tmp_path / "tokens.safetensors"
    with pytest.raises(InputError, match="prepare stage"):
        Corpus.load(tmp_path)
    write_tokens(path, [[1, 5, 2]] * 3, [0, 1, 2])
    whole = path.read_bytes()
    for content in [b"", whole[:5], whole[:40], whole[:-1], b"PK\x03\x04" + whole]:
        path.write_bytes(content)
        with pytest.raises(InputError):
            Corpus.load(tmp_path)
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(InputError):
        Corpus.load(tmp_path)


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens.safetensors"
    write_tokens(path, [[1, 5, 2]] * 3, [0, 1, 2])
    save_file(load_file(path) | {"weight": np.ones(3, np.float32)}, path)
    assert [Corpus.load(tmp_path).sequence(row).tolist() for row in range(3)] == [[1, 5, 2]] * 3


def test_as_many_rows_as_splits_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows and split must be as many, got 3 and 2"):
        write_tokens(tmp_path / "tokens.safetensors", [[1, 5, 2]] * 3, [0, 1])


@pytest.mark.parametrize("name", ["tokens", "offsets", "split"])
def test_a_table_whose_columns_do_not_agree_is_an_input_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens.safetensors"
    write_tokens(path, [[1, 5, 2]] * 3, [0, 1, 2])
    columns = load_file(path)
    save_file(columns | {name: columns[name][:-1].copy()}, path)
    with pytest.raises(InputError):
        Corpus.load(tmp_path)


@given(cut=st.integers(0, 400), junk=st.binary(max_size=8), rest=st.booleans())
def test_a_scratched_table_is_read_or_refused(
    cut: int, junk: bytes, rest: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    path = folder / "tokens.safetensors"
    write_tokens(path, [[1, 5, 2]] * 3, [0, 1, 2])
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + junk + (whole[cut + len(junk) :] if rest else b""))
    with contextlib.suppress(InputError):
        corpus = Corpus.load(folder)
        assert sum(len(corpus.sequence(row)) for row in range(len(corpus))) == len(corpus.tokens)


@pytest.mark.parametrize("name", ["tokens", "offsets", "split"])
@pytest.mark.parametrize(
    "column", [np.zeros(0, np.int64), np.zeros((), np.int64), np.zeros((4, 4), np.int64), np.array([0, 9, 3, 9])]
)
def test_a_table_of_another_shape_is_an_input_error(name: str, column: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "tokens.safetensors"
    write_tokens(path, [[1, 5, 2]] * 3, [0, 1, 2])
    save_file(load_file(path) | {name: column}, path)
    with pytest.raises(InputError, match="prepare stage"):
        Corpus.load(tmp_path)


def test_chosen_rows_are_random_of_their_seed_and_in_order():
    rows = np.arange(100, 1_100)
    chosen = choose(rows, 50, seed=0)
    assert sorted(set(chosen.tolist())) == chosen.tolist()
    assert len(chosen) == 50
    assert set(chosen.tolist()) <= set(rows.tolist())
    assert 400 < chosen.mean() < 800, "the first rows of a sorted file are not like the others"
    assert choose(rows, 50, seed=0).tolist() == chosen.tolist() != choose(rows, 50, seed=1).tolist()
    assert choose(rows, 5_000, seed=0).tolist() == rows.tolist()
