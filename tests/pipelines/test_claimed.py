"""Which folders a fit takes for its own."""

from pathlib import Path

import pytest

from pipelines import fit
from pipelines.plan import Asked
from pipelines.resume import locked
from vaeseq.errors import InputError


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("smiles\nC\n")
    return path


def test_a_folder_is_of_one_fit(molecules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fit"
    summary = folder / "data/prepared/molecules/summary.json"
    folder.mkdir()

    def claim(asked: Asked, folder: Path = folder) -> None:
        fit._claim("molecules", asked, folder)

    claim(Asked(molecules))
    (folder / "data/raw/molecules").mkdir(parents=True)
    claim(Asked(molecules, minutes=3.0))
    assert not (folder / "data/raw/molecules").exists(), "nothing was learnt from it yet, so it begins anew"
    summary.parent.mkdir(parents=True)
    summary.touch()
    claim(Asked(molecules, minutes=3.0))
    assert summary.exists()
    with pytest.raises(InputError, match=r"holds another fit \(minutes '3\.0'\)"):
        claim(Asked(molecules))
    molecules.write_text("smiles\nCCO\n")
    with pytest.raises(InputError, match=r"holds another fit \(file 'mine\.csv sha256"):
        claim(Asked(molecules, minutes=3.0))
    with pytest.raises(InputError, match=r"folder must be empty or hold a fit"):
        claim(Asked(molecules), tmp_path)
    with pytest.raises(InputError, match=r"file must be one that is there, got 'none\.smi'"):
        fit.fit("molecules", Asked(Path("none.smi")), folder)
    monkeypatch.setattr("pipelines.resume.PATIENCE", 0.0)
    with locked(folder), pytest.raises(InputError, match="another process works in"):
        fit.fit("molecules", Asked(molecules), folder)


@pytest.mark.parametrize("note", [b'{"fit": "mine"}', b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_folder_that_is_no_fit_stays_as_it_is(molecules: Path, tmp_path: Path, note: bytes) -> None:
    (tmp_path / "own/data/raw/molecules").mkdir(parents=True)
    (tmp_path / "own/fit.json").write_bytes(note)
    (tmp_path / "own/data/raw/molecules/thesis.csv").write_text("years")
    with pytest.raises(InputError, match=r"folder must be empty or hold a fit"):
        fit.fit("molecules", Asked(molecules), tmp_path / "own")
    assert (tmp_path / "own/data/raw/molecules/thesis.csv").read_text() == "years"
    assert (tmp_path / "own/fit.json").read_bytes() == note


def test_a_fit_of_one_domain_leaves_that_of_the_other(molecules: Path, tmp_path: Path) -> None:
    (tmp_path / "fit").mkdir()
    fit._claim("sentences", Asked(molecules), tmp_path / "fit")
    with pytest.raises(InputError, match=r"holds another fit \(domain 'sentences'\)"):
        fit.fit("molecules", Asked(molecules), tmp_path / "fit")
