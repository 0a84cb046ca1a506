"""The model that comes with the package: its folder is ``vaemol/weights``, its README.md says what it is."""

from pathlib import Path

NAME = "shipped"
FOLDER = Path(__file__).with_name("weights")
TRAINED = Path("models/molecules")  # where the pipeline puts its own


def folder_of(model: Path | None) -> Path:
    """The folder of the model that is meant.

    Args:
        model: A folder; ``shipped`` is the model of the package, None the pipeline's own, if there is one here.
    """
    if model is None:
        return TRAINED if TRAINED.is_dir() else FOLDER
    return FOLDER if str(model) == NAME else model
