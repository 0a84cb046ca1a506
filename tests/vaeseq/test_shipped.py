from pathlib import Path

from vaeseq.shipped import Shipped


def test_the_model_of_the_pipeline_goes_before_the_one_of_the_package(tmp_path, capsys):
    shipped = Shipped(folder=tmp_path / "package", trained=tmp_path / "trained")
    assert shipped.folder_of(None) == shipped.folder
    assert "comes with the package" in capsys.readouterr().err
    shipped.trained.mkdir()
    assert shipped.folder_of(None) == shipped.trained
    assert shipped.folder_of(Path("shipped")) == shipped.folder
    assert shipped.folder_of(Path("mine")) == Path("mine")
    assert not capsys.readouterr().err
