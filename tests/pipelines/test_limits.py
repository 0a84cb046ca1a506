"""Rows that are too long, what is said of them, and how a fit takes longer ones."""

from pathlib import Path

import pytest

from pipelines import cli, fit, plan
from pipelines.params import SentencePrepareParams
from pipelines.plan import Asked
from vaeseq.errors import InputError

LONG = "".join(f"{' '.join(f'{word}{number}' for word in 'abcdef' * 10)}.\n" for number in range(90))  # of 60 words


def settings(max_words: int | None) -> SentencePrepareParams:
    asked = Asked(Path("mine.txt"), max_words=max_words)
    return SentencePrepareParams(**plan.settings_of("sentences", asked, None)["prepare"])


def test_most_characters_follow_from_most_words() -> None:
    assert settings(None) == SentencePrepareParams()
    assert (settings(120).max_words, settings(120).max_characters) == (120, 1_200)


def test_a_book_of_long_lines_says_what_takes_them_and_is_taken_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(LONG)
    run, ran = fit.run_stage, []

    def until_prepared(stage: str, domain: str, folder: Path) -> None:
        ran.append(stage)
        if stage == "train":
            raise InputError("enough")
        run(stage, domain, folder)

    monkeypatch.setattr(fit, "run_stage", until_prepared)
    monkeypatch.setattr(fit, "_training", lambda *_: {"steps": 1})
    assert cli.vaetext(["fit", "book.txt"]) == 1
    err = capfd.readouterr().err
    assert "90 of 90 rows are too long: take wider limits (prepare.max_words" in err
    assert "fit --max-words" in err
    assert "scaffold" not in err
    assert "the same command goes on" not in err
    assert ran == ["fetch", "prepare"]
    assert cli.vaetext(["fit", "book.txt", "--max-words", "60"]) == 1
    assert "too long" not in capfd.readouterr().err
    assert ran[-1] == "train"
    assert '"max_words": "60"' in (tmp_path / "book-sentences/fit.json").read_text()


def test_molecules_that_are_too_long_are_told_by_their_own_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.smi").write_text("".join("C" * length + "\n" for length in (60, 300)))
    assert cli.vaemol(["fit", "mine.smi"]) == 1
    err = capfd.readouterr().err
    assert "2 of 2 rows are too long: take wider limits (prepare.max_characters, prepare.max_heavy_atoms)" in err
    assert "share a scaffold" in err
    assert "max_words" not in err


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("sys.exit(1)", r"held stopped, see above$"),
        ("sys.exit(130)", "held stopped; the same command goes on from here"),
        ("os.kill(os.getpid(), 15)", "held stopped; the same command goes on from here"),
        ("os.kill(os.getpid(), 9)", "held was killed; memory may have run out.* goes on from here"),
    ],
)
def test_the_same_command_goes_on_only_where_a_signal_ended_a_stage(tmp_path: Path, ends: str, says: str) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/__init__.py").touch()
    (tmp_path / "pipelines/held.py").write_text(f"import os, sys\n{ends}\n")
    with pytest.raises(InputError, match=says):
        fit.run_stage("held", "", tmp_path)
