from pathlib import Path

import pytest

from pipelines.params import MoleculePrepareParams, SentencePrepareParams
from pipelines.prepare import prepare_corpus
from pipelines.sources import Raw, Table
from pipelines.start import SHIPPED, domain_of, start_of
from vaeseq.errors import InputError


@pytest.mark.parametrize("domain", ["molecules", "sentences"])
def test_a_folder_is_itself_and_shipped_is_the_model_of_the_package(domain):
    assert start_of(domain, None) is None
    assert start_of(domain, "mine") == Path("mine")
    assert start_of(domain, "shipped") == start_of(domain, Path("shipped")) == SHIPPED[domain].folder


@pytest.mark.parametrize("config", ["{}", "[]", "null", "{", "[" * 100_000 + "]" * 100_000])
def test_a_folder_of_no_model_is_an_input_error(config, tmp_path):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match=r"^model\.start must be the folder of a model, got .*$"):
        domain_of(tmp_path)


@pytest.mark.parametrize(
    ("domain", "settings", "says"),
    [
        ("molecules", MoleculePrepareParams(notation="smiles"), "prepare.notation must be 'selfies'.*got 'smiles'"),
        (
            "sentences",
            SentencePrepareParams(lower=True),
            "prepare.lower must be False.*got True; with",
        ),
    ],
)
def test_texts_of_another_kind_than_the_model_reads_are_refused_at_once(domain, settings, says, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("CCO\n")
    raw = Raw(
        name="mine",
        domain=domain,
        licence="none",
        attribution="nobody",
        files=(),
        tables=(Table(file="mine.txt", format="smi" if domain == "molecules" else "txt"),),
    )
    raw.save(tmp_path)
    with pytest.raises(InputError, match=says):
        prepare_corpus(tmp_path, tmp_path / "out", settings, start=SHIPPED[domain].folder)
    assert not (tmp_path / "out").exists()
