"""Sentences with blanks."""

import csv
import io
import math
import re

import numpy as np
import pytest
import torch

from vaeseq.errors import InputError
from vaeseq.imputation import Completions
from vaeseq.tokenizer import MASK, PAD
from vaetext import cli
from vaetext.imputation import LEAST, _ids, _lengths, completed, with_blanks
from vaetext.shipped import MODEL
from vaetext.space import SentenceSpace

SENTENCE = "The young ___ enjoyed ___ very much."


def test_a_blank_is_one_symbol_and_the_space_before_it_is_part_of_what_fills_it(space):
    ids, whole = (
        _ids(space, SENTENCE, [1, 1]),
        space.space.tokenizer.encode("The young woman enjoyed castles very much."),
    )
    assert len(ids) == len(whole)
    assert [i for i in ids if i != MASK] == [w for i, w in zip(ids, whole, strict=True) if i != MASK]
    assert [place for place, i in enumerate(ids) if i == MASK] == [3, 5]
    assert _ids(space, "_ _", [1, 2])[1:-1] == [MASK] * 3
    assert _ids(space, "_ , did I?", [1]) == [whole[0], MASK, *space.space.tokenizer.encode(" , did I?")[1:]]


def test_blanks_take_the_place_of_whole_words_and_leave_the_punctuation():
    sentence = "I didn't sell the old-fashioned house, did I?"
    found = {with_blanks(sentence, 2, np.random.default_rng(seed)) for seed in range(60)}
    assert len(found) > 10
    for text in found:
        assert text.count("___") == 2
        assert re.sub(r"[\w'-]+", "", text.replace("___", "")) == re.sub(r"[\w'-]+", "", sentence)
    assert with_blanks("Go!", 2, np.random.default_rng(0)) == "___!"
    assert with_blanks("?!", 1, np.random.default_rng(0)) == "?!"


@pytest.mark.parametrize("sentence", ["No blank.", "snake_case is none", "a__b ___c c___", ""])
def test_a_sentence_without_a_blank_is_an_input_error(space, sentence):
    with pytest.raises(InputError, match="sentence must"):
        completed(space, sentence)


def test_completions_keep_what_was_given_and_weigh_at_most_one(space):
    found = completed(space, SENTENCE, count=4, samples=6, particles=5, seed=1)
    assert 1 < len(found) <= 4
    assert len({its.text for its in found}) == len(found)
    for its in found:
        assert re.fullmatch(r"The young.* enjoyed.* very much\.", its.text, re.DOTALL)
        assert "_" not in its.text
    weights = [its.weight for its in found]
    assert weights == sorted(weights, reverse=True)
    assert 0 < sum(weights) <= 1 + 1e-6
    assert completed(space, SENTENCE, count=4, samples=6, particles=5, seed=1) == found
    assert completed(space, SENTENCE, count=4, samples=6, particles=5, seed=2) != found


def test_what_fills_a_blank_leaves_the_words_beside_it_as_they_are():
    space = SentenceSpace.load(MODEL.folder)  # whose symbols are pieces of words
    for its in completed(space, "I can ___ convince ___ of his innocence.", count=1_000):
        assert re.fullmatch(r"I can \w+\S* convince \w+\S* of his innocence\.", its.text)
    for its in completed(space, "___ are you going to ___?", count=1_000):
        assert re.fullmatch(r"\w+\S* are you going to \w+\S*\?", its.text)


def test_a_blank_may_be_a_word_of_several_pieces():
    assert list(_lengths(2, 2)) == [[1, 1], [2, 1], [1, 2], [3, 1], [2, 2], [1, 3]]
    assert [len(list(_lengths(blanks, 3))) for blanks in (1, 2, 3, 4, 5, 19, 20, 50)] == [4, 10, 20, 15, 6, 20, 1, 1]
    space = SentenceSpace.load(MODEL.folder)
    tokenizer, text = space.space.tokenizer, "I'll see you on Wednesday."
    pieces = len(tokenizer.encode(text)) - len(tokenizer.encode("I'll see you on."))
    assert pieces > 1
    found = completed(space, text.replace("Wednesday", "___"), count=10_000)
    assert any(len(tokenizer.encode(its.text)) == len(tokenizer.encode(text)) - pieces + 2 for its in found)
    assert sum(its.weight for its in found) == pytest.approx(1, abs=1e-5)
    assert all(re.fullmatch(r"I'll see you on \w[\w'\u2019-]*\.", its.text) for its in found)


def test_ways_of_more_pieces_weigh_what_the_model_says(space, monkeypatch):
    monkeypatch.setitem(space.space.metadata, "cut", "bpe")
    monkeypatch.setattr("vaetext.imputation.EXTRA", 1)
    shortest = len(_ids(space, "The ___ sleeps", [1]))
    word, other = (space.space.tokenizer.encode(text)[1] for text in ("young", "old"))

    def imputed(vae, batch, **how):
        length = batch.tokens.shape[1]
        tokens = torch.full((1, 2, length), word)
        tokens[0, 1] = other if length == shortest else PAD
        weight = torch.tensor([[0.5, 0.5] if length == shortest else [1.0, 0.0]])
        times = likelier[vae] if length == shortest else 1.0
        return Completions(tokens, weight, torch.tensor([math.log(times)]), torch.ones(1))

    vae = space.space.vae
    likelier = {vae: 3.0, "language": 1.0}  # how much one symbol is than two
    monkeypatch.setattr("vaetext.imputation.impute", imputed)
    monkeypatch.setattr("vaetext.imputation.codeless", lambda language: "language")
    found = completed(space, "The ___ sleeps", count=3)
    assert [its.weight for its in found] == pytest.approx([0.375, 0.375, 0.25])
    monkeypatch.setattr(vae, "language", torch.nn.Identity())
    found = completed(space, "The ___ sleeps", count=3)
    assert [its.weight for its in found] == pytest.approx([0.5, 0.25, 0.25])
    likelier["language"] = 2 / LEAST
    assert [its.weight for its in completed(space, "The ___ sleeps", count=3)] == pytest.approx([0.5, 0.5])


def test_with_all_completions_the_weights_sum_to_one(space):
    found = completed(space, "I did not sell the ___.", count=10_000, samples=8, particles=8)
    assert sum(its.weight for its in found) == pytest.approx(1, abs=1e-5)


def test_the_command_line_fills_each_line_and_keeps_what_it_cannot_read(model, capsys, space):
    arguments = ["--model", str(model), "--count", "3", "--samples", "4", "--particles", "4"]
    assert cli.main(["impute", SENTENCE, "None here.", *arguments]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    wanted = completed(space, SENTENCE, count=3, samples=4, particles=4)
    good = [row for row in rows if not row["error"]]
    assert [row["completion"] for row in good] == [its.text for its in wanted]
    assert {row["text"] for row in good} == {SENTENCE}
    assert [row["text"] for row in rows if row["error"]] == ["None here."]
