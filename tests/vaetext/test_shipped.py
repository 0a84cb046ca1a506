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
