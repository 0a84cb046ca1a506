import pytest

from vaeseq.commands import say_missed_ends


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (["A", "x", "B"], []),
        (["A", "C"], ["path 7 ends at 'C': no code was found that decodes to 'B'"]),
        (["C", "B"], ["path 7 begins at 'C': no code was found that decodes to 'A'"]),
        (
            [],
            [
                "path 7 begins at '': no code was found that decodes to 'A'",
                "path 7 ends at '': no code was found that decodes to 'B'",
            ],
        ),
    ],
)
def test_an_end_that_is_missed_is_said(capsys: pytest.CaptureFixture[str], found: list[str], said: list[str]) -> None:
    say_missed_ends(7, ["A", "B"], found)
    assert capsys.readouterr().err.splitlines() == said
