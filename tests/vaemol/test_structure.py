"""What a search by structure asks for when one of its sources is short."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from vaemol.constraints import all_of
from vaemol.structure import Structural
from vaeseq.rounds import Call

CHAINS = [f"{'C' * n}{end}" for n in range(2, 26) for end in "NOS"]
STEREO = [f"C[C@H]({'C' * n}){end}" for n in range(2, 9) for end in "OF"]


class Chains:
    """A space of some molecules, whose codes are their places."""

    latent = 2

    def __init__(self, smiles: list[str]) -> None:
        self.smiles = smiles

    def reads(self, text: str) -> bool:
        return text in self.smiles

    def encode(self, texts: list[str]) -> Independent:
        mean = torch.tensor([[1.0 + self.smiles.index(text), 0.0] for text in texts])
        return Independent(Normal(mean, torch.ones_like(mean)), 1)

    def prior_sample(self, count: int, *, seed: int = 0) -> torch.Tensor:
        return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))

    def molecules(self, z: torch.Tensor) -> list[str]:
        return [self.smiles[int(code.abs().sum() * 7) % len(self.smiles)] for code in z]


class Spent:
    """A source that has nothing left."""

    def __call__(self, calls, count):
        return []

    def new(self, count, known):
        return []


def calls_of(smiles: list[str], values: list[float]) -> list[Call]:
    return [Call(text, value, 0.0) for text, value in zip(smiles, values, strict=True)]


def test_where_no_child_is_admitted_the_space_gives_all_of_a_round():
    propose = Structural(Chains(STEREO), Spent(), seed=0, candidates=20, admits=all_of(["stereocentres>=1"]))
    asked = calls_of(STEREO[:3], [1.0, 2.0, 3.0])
    found = propose(asked, 6)
    assert len(set(found)) == 6
    assert set(found) <= set(STEREO[3:])


@pytest.mark.parametrize("values", [[1.0, 1.0], [2.0, np.nan]])
def test_before_values_differ_the_space_is_asked_too(values):
    propose = Structural(Chains(STEREO), Spent(), seed=0, candidates=20, admits=all_of(["stereocentres>=1"]))
    found = propose(calls_of(STEREO[:2], values), 4)
    assert len(set(found)) == 4
    assert set(found) <= set(STEREO[2:])


def test_rounds_of_one_are_by_turns_of_the_space_and_bred():
    propose, asked = Structural(Chains(CHAINS), Spent(), seed=0, candidates=20), calls_of(CHAINS[:2], [1.0, 2.0])
    for _ in range(6):
        (text,) = propose(asked, 1)
        asked.append(Call(text, 1.0 + len(text) / 10, 0.0))
    of_space = [call.text in CHAINS for call in asked[2:]]
    assert 2 <= sum(of_space) <= 4


def test_without_the_space_nothing_is_decoded():
    propose = Structural(Chains(STEREO), Spent(), seed=0, candidates=20, share=0.0)
    found = propose(calls_of(CHAINS[:3], [1.0, 2.0, 3.0]), 6)
    assert len(found) == 6
    assert not set(found) & set(STEREO)


class Drawn(Chains):
    """Chains that reads none of them, and whose prior knows iodides alone."""

    def reads(self, text: str) -> bool:
        return False

    def prior_sample(self, count: int, *, seed: int = 0) -> torch.Tensor:
        return 100 + super().prior_sample(count, seed=seed)

    def molecules(self, z: torch.Tensor) -> list[str]:
        return [f"{'C' * (2 + i % 20)}I" if code.sum() > 50 else "" for i, code in enumerate(z)]


def test_draws_of_the_prior_are_candidates():
    found = Structural(Drawn(CHAINS), Spent(), seed=0, candidates=40, share=1.0)(
        calls_of(CHAINS[:6], [*map(float, range(6))]), 3
    )
    assert len(found) == 3
    assert all(text.endswith("I") for text in found)


class Counted(Chains):
    """Chains that tells how often each of them was encoded, and reads the first half alone."""

    def __init__(self) -> None:
        super().__init__(CHAINS)
        self.encoded: Counter[str] = Counter()

    def reads(self, text: str) -> bool:
        return text in self.smiles[: len(self.smiles) // 2]

    def encode(self, texts: list[str]) -> Independent:
        self.encoded.update(texts)
        return super().encode(texts)


def test_molecules_are_encoded_once_as_the_calls_grow(monkeypatch):
    monkeypatch.setattr("vaemol.structure.ENCODED", 3)
    space = Counted()
    propose, asked = Structural(space, Spent(), seed=0, candidates=20), calls_of(CHAINS[:6], [*map(float, range(6))])
    first = propose(asked, 4)
    asked += calls_of(first, [1.0] * 4)
    second = propose(asked, 4)
    assert all(space.encoded[text] == 1 for text in CHAINS[:6])
    assert Structural(Counted(), Spent(), seed=0, candidates=20)(asked, 4) == second


def test_what_the_space_cannot_read_again_may_be_asked_for():
    propose = Structural(Counted(), Spent(), seed=0, candidates=40, share=1.0)
    found = propose(calls_of(CHAINS[:6], [*map(float, range(6))]), 20)
    assert set(found) & set(CHAINS[len(CHAINS) // 2 :])
