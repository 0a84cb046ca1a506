from argparse import ArgumentTypeError

import pytest

from vaeseq import options


@pytest.mark.parametrize("text", ["", "x", "1.5", "-1", "9" * 20])
def test_numbers_out_of_range_are_wrong_usage(text):
    with pytest.raises(ArgumentTypeError, match="whole number"):
        options.whole(0)(text)
    assert options.whole(0)("7") == 7


@pytest.mark.parametrize("text", ["", "x", "-0.5", "nan", "inf"])
def test_a_temperature_is_finite_and_not_negative(text):
    with pytest.raises(ArgumentTypeError, match="0 or above"):
        options.not_negative(text)
    assert options.not_negative("0.5") == 0.5


@pytest.mark.parametrize("text", ["", "x", "0", "-0.5", "1.01", "nan", "inf"])
def test_a_share_is_above_0_and_at_most_1(text):
    with pytest.raises(ArgumentTypeError, match="at most 1"):
        options.share(text)
    assert options.share("1") == 1
