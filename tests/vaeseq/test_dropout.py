import torch
from torch import Tensor
from torch.testing import assert_close

from vaeseq.dropout import LockedDropout, WeightDropLSTM

SHARE = 0.4


def _zeros() -> tuple[Tensor, Tensor]:
    return torch.zeros(1, 3, 7), torch.zeros(1, 3, 7)


def test_a_locked_mask_is_one_for_a_row_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    states = LockedDropout(SHARE)(torch.ones(500, 6, 40))
    assert states.equal(states[:, :1].expand_as(states))
    assert set(states.unique().tolist()) == {0.0, torch.tensor(1 / (1 - SHARE)).item()}
    assert_close(states.mean(), torch.tensor(1.0), rtol=0, atol=0.05)
    assert states[0].ne(states[1]).any()


def test_weights_that_are_dropped_are_those_of_an_lstm_that_lacks_them() -> None:
    torch.manual_seed(0)
    lstm, inputs = WeightDropLSTM(4, 7, SHARE), torch.randn(3, 5, 4)
    torch.manual_seed(1)
    dropped, (hidden, cell) = lstm(inputs, _zeros())
    torch.manual_seed(1)
    lacking = torch.nn.LSTM(4, 7, batch_first=True)
    lacking.load_state_dict(lstm.state_dict())
    torch.manual_seed(1)
    with torch.no_grad():
        lacking.weight_hh_l0.copy_(torch.nn.functional.dropout(lstm.weight_hh_l0, SHARE))
    states, (last_hidden, last_cell) = lacking(inputs, _zeros())
    assert_close((dropped, hidden, cell), (states, last_hidden, last_cell))


def test_a_weight_that_was_dropped_learns_nothing() -> None:
    lstm = WeightDropLSTM(4, 7, SHARE)
    lstm(torch.randn(3, 5, 4), _zeros())[0].sum().backward()
    share = (lstm.weight_hh_l0.grad == 0).float().mean()
    assert abs(float(share) - SHARE) < 0.15


def test_nothing_is_dropped_in_evaluation() -> None:
    lstm, locked, inputs = WeightDropLSTM(4, 7, SHARE).eval(), LockedDropout(SHARE).eval(), torch.randn(3, 5, 4)
    assert lstm(inputs, _zeros())[0].equal(lstm(inputs, _zeros())[0])
    assert locked(inputs) is inputs


def test_nothing_is_dropped_where_nothing_is_learnt() -> None:
    lstm, locked, inputs = WeightDropLSTM(4, 7, SHARE), LockedDropout(SHARE), torch.randn(3, 5, 4)
    with torch.no_grad():
        assert locked(inputs) is inputs
        assert lstm(inputs, _zeros())[0].equal(lstm.eval()(inputs, _zeros())[0])
