import pytest

from pipelines.glossary import in_words, meaning, number, reason


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (14803, "14,803"),
        (1.0, "1.000"),
        (0.0614, "0.061"),
        (3.2e-7, "3.2e\N{MINUS SIGN}07"),
        (-0.00456789, "\N{MINUS SIGN}0.00457"),
        (0.0, "0.000"),
        (-43.21, "\N{MINUS SIGN}43.21"),
        (123.456, "123.5"),
        (float("nan"), "none"),
    ],
)
def test_numbers_are_printed_with_the_digits_that_matter(value, shown):
    assert number(value) == shown


def test_a_figure_that_is_not_known_is_shown_under_its_own_name():
    assert meaning("mean_steps").title == "Mean steps"
    assert in_words("log_p") == "logP"
    assert reason("too_odd") == "too odd"
