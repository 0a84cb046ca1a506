"""The laws of asking known rows beside the network."""

import numpy as np
import pytest
import torch
from torch import Tensor

from vaeseq.kernel import JUDGES, learn, left_out, some_rows
from vaeseq.regression import PropertyHead, squared_distances

LATENT = 3


def bent(codes: Tensor) -> Tensor:
    """Two properties that no network knows yet, the second unknown of every third row."""
    values = torch.stack([torch.sin(3 * codes[:, 0]) + codes[:, 1], 5 - codes.square().sum(dim=1)], dim=1)
    values[::3, 1] = torch.nan
    return values


@pytest.fixture
def head() -> PropertyHead:
    torch.manual_seed(0)
    head = PropertyHead(("wave", "hill"), LATENT)
    head.measure(bent(codes(0, 400)).numpy())
    return head


def codes(seed: int, rows: int) -> Tensor:
    return torch.randn(rows, LATENT, generator=torch.Generator().manual_seed(seed))


def error(head: PropertyHead) -> Tensor:
    asked = codes(2, 500)
    return (head(asked).mean - bent(asked)).square().nanmean(dim=0).detach()


@pytest.mark.parametrize("judges", [0, 4, JUDGES - 1, 200])
def test_rows_are_asked_as_far_as_held_out_ones_say(head: PropertyHead, judges: int) -> None:
    before, taught, held = error(head), codes(0, 400), codes(1, judges)
    learn(head, taught, bent(taught), held, bent(held))
    share = {0: [0.0, 0.0], 4: [0.0, 0.0], JUDGES - 1: [0.5, 0.5], 200: [1.0, 1.0]}[judges]
    assert head.share.tolist() == share
    assert (error(head) <= before * torch.tensor([1.0 if each == 0 else 0.5 for each in share]) + 1e-6).all()


def test_a_network_that_is_right_already_is_left_alone(head: PropertyHead) -> None:
    taught, held = codes(0, 400), codes(1, 200)
    told = head(held).mean.detach()
    learn(head, taught, bent(taught), held, told)
    assert head.share.tolist() == [0.0, 0.0]
    torch.testing.assert_close(head(held).mean, told)


def test_few_held_out_rows_leave_a_network_alone_that_meets_them_better_than_rows_meet_rows(head: PropertyHead) -> None:
    taught, held = codes(0, 400), codes(1, JUDGES - 1)
    noise = torch.randn(400, 2, generator=torch.Generator().manual_seed(3))
    learn(head, taught, head.centre + head.scale * noise, held, head(held).mean.detach())
    assert head.share.tolist() == [0.0, 0.0]


def test_rows_of_a_property_that_few_know_are_among_those_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaeseq.kernel.SUPPORT", 64)
    targets = torch.zeros(5_000, 2)
    targets[:, 1] = torch.nan
    targets[1_000:1_040, 1] = 1.0
    chosen = some_rows(targets)
    assert len(set(chosen.tolist())) == 64
    assert (np.diff(chosen) > 0).all()
    assert (~targets[chosen, 1].isnan()).sum() == 32
    assert some_rows(targets[:10]).tolist() == list(range(10))


def test_what_was_remembered_is_kept_with_the_head_and_forgotten_for_other_rows(head: PropertyHead) -> None:
    taught, held = codes(0, 50), codes(1, 200)
    learn(head, taught, bent(taught), held, bent(held))
    other = PropertyHead(("wave", "hill"), LATENT)
    other.load_state_dict(head.state_dict())
    torch.testing.assert_close(other(held).mean, head(held).mean, rtol=0, atol=0)
    other.measure(bent(taught).numpy())
    other.load_state_dict(PropertyHead(("wave", "hill"), LATENT).state_dict())
    assert len(other.support) == 0
    head.measure(bent(taught).numpy())
    assert (len(head.support), head.share.tolist()) == (0, [0.0, 0.0])


def test_few_rows_and_rows_of_one_code_are_not_asked(head: PropertyHead) -> None:
    held = codes(1, 200)
    for taught in (codes(0, 10), torch.ones(400, LATENT)):
        learn(head, taught, bent(taught), held, bent(held))
        assert head.share.tolist() == [0.0, 0.0]
        assert head(held).mean.isfinite().all()


def test_leaving_out_is_what_it_says() -> None:
    taught, ridge = codes(0, 12).double(), 0.1
    values = bent(taught)[:, 0]
    kernel = torch.exp(-squared_distances(taught, taught))

    def solved(rows: Tensor) -> tuple[Tensor, Tensor]:
        factor = torch.linalg.cholesky(kernel[rows][:, rows] + ridge * torch.eye(len(rows)))
        return factor, torch.cholesky_solve(values[rows].unsqueeze(1), factor).squeeze(1)

    every = torch.arange(12)
    by_hand = []
    for i in range(12):
        others = every[every != i]
        by_hand.append(values[i] - kernel[i, others] @ solved(others)[1])
    torch.testing.assert_close(left_out(*solved(every)), torch.stack(by_hand))


def test_distances_are_squares_and_have_a_gradient_where_they_are_none() -> None:
    one = codes(0, 5).requires_grad_()
    found = squared_distances(one, one.detach())
    torch.testing.assert_close(found, torch.cdist(one, one).square(), rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(found.sum(), one)
    assert gradient.isfinite().all()
