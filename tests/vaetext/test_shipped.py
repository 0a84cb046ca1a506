import csv
import io
import re
from pathlib import Path

from vaetext.cli import main
from vaetext.shipped import MODEL
from vaetext.space import SentenceSpace

KNOWN = ("I don't know where she lives.", "He wrote a letter to his mother.", "The cat sleeps on the sofa.")


def test_the_model_of_the_package_writes_sentences_and_gives_known_ones_back():
    assert sum(file.stat().st_size for file in MODEL.folder.iterdir()) <= 10e6
    space = SentenceSpace.load(MODEL.folder)
    assert len(set(space.sample(100, seed=0))) >= 95
    assert space.reconstruct(KNOWN) == list(KNOWN)


def test_a_command_in_an_empty_folder_takes_the_model_of_the_package_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["path", *KNOWN[:2], "--steps", "5", "--beams", "1"]) == 0
    out, err = capsys.readouterr()
    assert [line.split(",")[2] for line in out.splitlines()[1:]][::4] == list(KNOWN[:2])
    assert "comes with the package" in err


def test_it_has_learnt_from_tatoeba_and_says_under_which_licence():
    assert SentenceSpace.load(MODEL.folder, "cpu").space.metadata["source"] == "tatoeba"
    card = (MODEL.folder / "README.md").read_text(encoding="utf-8")
    assert "https://tatoeba.org" in card
    assert "[CC BY 2.0 FR](https://creativecommons.org/licenses/by/2.0/fr/)" in card


def test_the_path_in_the_readme_is_the_one_that_is_printed(capsys):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"\(`vaetext path --model shipped`\):\n```\n(.*?)\n```", readme, re.DOTALL)
    lines = shown.splitlines()
    assert main(["path", lines[0], lines[-1], "--model", "shipped"]) == 0
    assert [row["text"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == lines
    assert len(lines) == 9
