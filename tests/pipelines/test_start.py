from pathlib import Path

import pytest

from pipelines.start import start_of
from vaemol import shipped
from vaeseq.errors import InputError


def test_a_folder_is_itself_and_shipped_is_the_model_of_the_package():
    assert start_of("molecules", None) is None
    assert start_of("sentences", "mine") == Path("mine")
    assert start_of("molecules", "shipped") == start_of("molecules", Path("shipped")) == shipped.FOLDER


def test_no_model_of_sentences_comes_with_the_package():
    with pytest.raises(InputError, match="sentences comes with the package"):
        start_of("sentences", "shipped")
