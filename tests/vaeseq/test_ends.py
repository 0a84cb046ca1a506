import pytest

from vaeseq.ends import tell_missed_ends

NO_A, NO_B = (f"no code was found that decodes to {text!r}" for text in "AB")


@pytest.mark.parametrize(
    ("found", "errors", "said"),
    [
        ("AxB", ["", "", ""], []),
        ("AC", ["", NO_B], [f"path 7 ends at 'C': {NO_B}"]),
        ("CB", [NO_A, ""], [f"path 7 begins at 'C': {NO_A}"]),
        ("C", [f"{NO_A}; {NO_B}"], [f"path 7 begins at 'C': {NO_A}", f"path 7 ends at 'C': {NO_B}"]),
        ("", [f"{NO_A}; {NO_B}"], [f"path 7 begins at '': {NO_A}", f"path 7 ends at '': {NO_B}"]),
    ],
)
def test_an_end_that_is_missed_is_an_error_of_its_row(
    capsys: pytest.CaptureFixture[str], found: str, errors: list[str], said: list[str]
) -> None:
    told = tell_missed_ends(7, ["A", "B"], [{"path": 7, "text": text} for text in found], "text")
    assert [row.get("error", "") for row in told] == errors
    assert [row.get("text", "") for row in told] == list(found or [""])
    assert capsys.readouterr().err.splitlines() == said
