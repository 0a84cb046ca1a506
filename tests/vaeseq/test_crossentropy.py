import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from vaeseq import crossentropy
from vaeseq.crossentropy import linear_cross_entropy

SYMBOLS, FEATURES, VOCABULARY = 23, 5, 11
LEFT_OUT = 3


def _case(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    inputs, weight = torch.randn(SYMBOLS, FEATURES, dtype=dtype), torch.randn(VOCABULARY, FEATURES, dtype=dtype)
    bias = torch.randn(VOCABULARY, dtype=dtype)
    targets = torch.randint(LEFT_OUT + 1, VOCABULARY, (SYMBOLS,))
    return inputs.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), targets


@pytest.fixture(params=[1, 3, 256], ids=["by one", "in pieces", "at once"])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crossentropy.PIECE, "cpu", 1)
    monkeypatch.setattr(crossentropy, "ROWS", request.param)


@pytest.mark.usefixtures("piece")
def test_it_is_the_cross_entropy_of_the_linear_layer() -> None:
    inputs, weight, bias, targets = _case()
    expected = functional.cross_entropy(functional.linear(inputs, weight, bias), targets, reduction="none")
    assert_close(linear_cross_entropy(inputs, weight, bias, targets), expected)


@pytest.mark.usefixtures("piece")
def test_gradients_are_those_of_finite_differences() -> None:
    inputs, weight, bias, targets = _case()
    assert torch.autograd.gradcheck(lambda *given: linear_cross_entropy(*given, targets), (inputs, weight, bias))


def test_an_entry_that_is_left_out_has_no_chance_and_no_gradient() -> None:
    inputs, weight, bias, targets = _case()
    mask = torch.zeros(VOCABULARY, dtype=torch.float64)
    mask[LEFT_OUT] = -torch.inf
    linear_cross_entropy(inputs, weight, bias + mask, targets).sum().backward()
    assert weight.grad is not None
    assert weight.grad[LEFT_OUT].abs().max() == 0
    assert weight.grad.isfinite().all()
    lost = linear_cross_entropy(inputs, weight, bias + mask, torch.full_like(targets, LEFT_OUT))
    assert (lost == torch.inf).all()


def test_without_gradients_the_values_are_the_same() -> None:
    given = _case()
    with torch.no_grad():
        values = linear_cross_entropy(*given)
    assert not values.requires_grad
    assert_close(values, linear_cross_entropy(*given).detach())


def test_in_bfloat16_a_sure_symbol_keeps_its_gradient() -> None:
    inputs = torch.tensor([[8.0]], requires_grad=True)
    weight, bias = torch.tensor([[1.0], [0.0]]), torch.zeros(2)
    with torch.autocast("cpu", torch.bfloat16):
        linear_cross_entropy(inputs, weight, bias, torch.tensor([0])).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.dtype == torch.float32
    assert inputs.grad.item() == pytest.approx(torch.sigmoid(torch.tensor(8.0)).item() - 1, rel=0.02)
