from pathlib import Path

import pytest

from pipelines.sources import Raw, RawFile, Table, load_sources
from vaeseq.errors import InputError

SOURCES = Path(__file__).parents[2] / "data" / "sources.yaml"
ENTRY = """
toy:
  domain: sentences
  title: a toy
  licence: none
  attribution: nobody
  files: [{path: toy.txt, address: "%s", sha256: %s, bytes: %s}]
  tables: [{file: toy.txt, format: txt}]
"""


def test_every_promised_set_is_listed():
    sources = load_sources(SOURCES)
    assert {name for name, source in sources.items() if source.domain == "molecules"} == {
        "builtin",
        "zinc250k",
        "moses",
        "broad",
        "esol",
        "lipophilicity",
    }
    assert {name for name, source in sources.items() if source.domain == "sentences"} == {"everyday", "tatoeba", "ptb"}
    assert [name for name, source in sources.items() if source.opt_in] == ["ptb"]


@pytest.mark.parametrize("name", ["zinc250k", "moses", "esol", "lipophilicity", "tatoeba", "ptb"])
def test_tables_read_files_that_are_fetched_from_an_immutable_address(name):
    source = load_sources(SOURCES)[name]
    assert {table.file for table in source.tables} == {file.path for file in source.files}
    # A commit is in the address: no branch name, whose bytes could change.
    assert all(any(len(part) == 40 for part in file.address.split("/")) for file in source.files)


@pytest.mark.parametrize(
    ("address", "sha256", "size", "place"),
    [
        ("http://example.org/toy.txt", "0" * 64, "5", "toy.files.0.address"),
        ("https://example.org/toy.txt", "123", "5", "toy.files.0.sha256"),
        ("https://example.org/toy.txt", "0" * 63 + "f", "0", "toy.files.0.bytes"),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(tmp_path, address, sha256, size, place):
    path = tmp_path / "sources.yaml"
    path.write_text(ENTRY % (address, f'"{sha256}"', size))
    with pytest.raises(InputError, match=place):
        load_sources(path)


@pytest.mark.parametrize("part", ["toy", "none", "moses", "ptb"])
def test_a_set_is_made_of_sets_that_are_there(tmp_path, part):
    path = tmp_path / "sources.yaml"
    made = "toy: {domain: sentences, title: t, licence: l, attribution: a, of: {%s: 1}}\n" % part  # noqa: UP031
    others = "moses: {domain: molecules, title: t, licence: l, attribution: a}\n"
    others += "ptb: {domain: sentences, title: t, licence: l, attribution: a, opt_in: true}\n"
    path.write_text(made + others)
    with pytest.raises(InputError, match=rf"toy\.of: must name free sets of its domain that hold rows, got '{part}'"):
        load_sources(path)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "a: {domain: birds}"])
def test_what_is_no_list_of_sets_is_an_input_error(tmp_path, text):
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"sources\.yaml"):
        load_sources(path)


def test_source_json_reads_back_as_it_was_written(tmp_path):
    raw = Raw(
        name="toy",
        domain="molecules",
        licence="x",
        attribution="y",
        rows=3,
        tables=(Table(file="toy.csv", format="csv", delimiter="\t", labels=("frame",), split="train"),),
        files=(RawFile(path="toy.csv", sha256="0" * 64, bytes=3),),
    )
    raw.save(tmp_path)
    assert Raw.load(tmp_path) == raw


@pytest.mark.parametrize("content", [None, "", "{}", "no json"])
def test_a_raw_folder_without_its_description_is_an_input_error(tmp_path, content):
    if content is not None:
        (tmp_path / "source.json").write_text(content)
    with pytest.raises(InputError, match="run the fetch stage"):
        Raw.load(tmp_path)
