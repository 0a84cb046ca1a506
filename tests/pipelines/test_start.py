from pathlib import Path

import pytest

from pipelines.start import SHIPPED, start_of


@pytest.mark.parametrize("domain", ["molecules", "sentences"])
def test_a_folder_is_itself_and_shipped_is_the_model_of_the_package(domain):
    assert start_of(domain, None) is None
    assert start_of(domain, "mine") == Path("mine")
    assert start_of(domain, "shipped") == start_of(domain, Path("shipped")) == SHIPPED[domain].folder
