"""The models that come with the packages, and which model is meant where none or one of them is named."""

import sys
from dataclasses import dataclass
from pathlib import Path

NAME = "shipped"


@dataclass(frozen=True)
class Shipped:
    """A model that comes with a package.

    Attributes:
        folder: Where it is; its README.md says what it is.
        trained: Where the pipeline puts its own.
    """

    folder: Path
    trained: Path

    def folder_of(self, model: Path | None) -> Path:
        """The folder of the model that is meant; where nobody named the one of the package, it says so.

        Args:
            model: A folder; ``shipped`` is the model of the package, None the pipeline's own, if there is one here.
        """
        if model is None and not self.trained.is_dir():
            print("the model that comes with the package; --model names another", file=sys.stderr)
            return self.folder
        return self.trained if model is None else self.folder if str(model) == NAME else model
