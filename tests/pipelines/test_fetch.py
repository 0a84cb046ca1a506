import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.fetch import fetch
from pipelines.params import DataParams
from pipelines.readers import rows
from pipelines.sources import Raw
from vaeseq.errors import InputError

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "data" / "sources.yaml"


def fetched(out, domain, source, **settings):
    raw = fetch(domain, DataParams(source=source, **settings), SOURCES, out)
    assert Raw.load(out) == raw
    for file in raw.files:
        content = (out / file.path).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return raw, [row for table in raw.tables for row in rows(out / table.file, table, domain)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_builtin_molecules_need_nothing(tmp_path):
    raw, got = fetched(tmp_path, "molecules", "builtin", rows=100, seed=3)
    assert len(got) == 14_999
    assert len({row.id for row in got}) == 14_999
    assert (raw.rows, raw.seed, raw.licence[:3]) == (100, 3, "BSD")


def test_everyday_sentences_carry_their_labels(tmp_path):
    raw, got = fetched(tmp_path / "a", "sentences", "everyday", rows=50, seed=1)
    assert len(got) == 50
    assert set(raw.tables[0].labels) == {"frame", "tense", "polarity", "subject", "topic"}
    assert all(row.columns[label] for row in got for label in raw.tables[0].labels)
    fetched(tmp_path / "b", "sentences", "everyday", rows=50, seed=1)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert fetched(tmp_path / "c", "sentences", "everyday", rows=50, seed=2)[1] != got


def test_an_own_file_is_copied_with_its_columns(tmp_path):
    (tmp_path / "my mols.tsv").write_text("ref\tCompound\tpIC50\nx1\tCCO\t5\n")
    settings = {"column": "Compound", "id_column": "ref"}
    raw, got = fetched(tmp_path / "raw", "molecules", f"file:{tmp_path / 'my mols.tsv'}", **settings)
    assert raw.name == "file:my mols.tsv"
    assert [(row.id, row.text, row.columns) for row in got] == [("x1", "CCO", {"pIC50": "5"})]
    assert str(tmp_path) not in (tmp_path / "raw" / "source.json").read_text()


@pytest.mark.parametrize(
    ("domain", "settings", "says"),
    [
        ("molecules", {"source": "zink"}, r"molecules\.data\.source must be one of builtin, .*file:PATH, got 'zink'"),
        ("sentences", {"source": "zinc250k"}, r"sentences\.data\.source must be one of everyday"),
        ("sentences", {"source": "ptb"}, r"sentences\.data\.accept_licence must be true.*research"),
        ("molecules", {"source": "file:none.csv"}, r"a file that is there, got 'file:none\.csv'"),
        ("molecules", {"source": f"file:{'a' * 300}.smi"}, r"a file that is there, got 'file:aaa"),
        ("molecules", {"source": "file:none.doc"}, r"must end in one of"),
        ("sentences", {"source": f"file:{ROOT / 'LICENSE'}"}, r"must end in one of"),
    ],
)
def test_what_cannot_be_fetched_is_an_input_error(tmp_path, domain, settings, says):
    with pytest.raises(InputError, match=says):
        fetch(domain, DataParams(**settings), SOURCES, tmp_path)
    assert not (tmp_path / "source.json").exists()


def test_a_file_that_gives_no_bytes_or_lies_where_it_is_to_go_is_an_input_error(tmp_path):
    (tmp_path / "unreadable.smi").symlink_to("/proc/self/mem")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "mine.smi").write_text("C\n")
    for own in (tmp_path / "unreadable.smi", tmp_path / "raw" / "mine.smi"):
        with pytest.raises(InputError, match=r"^molecules\.data\.source must be a file that can be read, .*$"):
            fetch("molecules", DataParams(source=f"file:{own}"), SOURCES, tmp_path / "raw")
    assert (tmp_path / "raw" / "mine.smi").read_text() == "C\n"


@pytest.mark.parametrize("name", ["column", "id_column"])
def test_a_column_of_a_file_without_columns_is_an_input_error(tmp_path, name):
    (tmp_path / "a.smi").write_text("C\n")
    with pytest.raises(InputError, match=rf"data\.{name} must be null"):
        fetch("molecules", DataParams(source=f"file:{tmp_path / 'a.smi'}", **{name: "x"}), SOURCES, tmp_path / "raw")


def test_a_public_set_comes_from_the_mirror(tmp_path, monkeypatch):
    monkeypatch.delenv("LATENTPATH_MIRROR", raising=False)
    content = b"Oh.\nAh.\n"
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / "toy.txt").write_bytes(content)
    sources = tmp_path / "sources.yaml"
    file = {"path": "toy/toy.txt", "address": "https://example.org/toy.txt", "bytes": len(content)}
    file["sha256"] = hashlib.sha256(content).hexdigest()
    entry = {"domain": "sentences", "title": "t", "licence": "CC0", "attribution": "nobody", "files": [file]}
    sources.write_text(json.dumps({"toy": entry | {"tables": [{"file": "toy/toy.txt", "format": "txt"}]}}))
    raw = fetch("sentences", DataParams(source="toy", mirror=str(tmp_path / "mirror")), sources, tmp_path / "raw")
    assert (tmp_path / "raw" / "toy" / "toy.txt").read_bytes() == content
    assert raw.files[0].path == "toy/toy.txt"


def test_a_set_made_of_others_has_their_tables_and_their_shares(tmp_path):
    sources = tmp_path / "sources.yaml"
    about = {"domain": "molecules", "title": "t", "licence": "CC0", "attribution": "nobody"}
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "toy.smi").write_text(content := "CO\n")
    file = {"path": "toy.smi", "address": "https://example.org/toy.smi", "bytes": len(content)}
    file["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    toy = about | {"files": [file], "tables": [{"file": "toy.smi", "format": "smi", "split": "test"}]}
    made = about | {"of": {"toy": 0.5, "builtin": 1}}
    sources.write_text(json.dumps({"toy": toy, "builtin": about, "both": made}))
    raw = fetch("molecules", DataParams(source="both", mirror=str(tmp_path / "mirror")), sources, tmp_path / "raw")
    assert [(t.file, t.share, t.split) for t in raw.tables] == [("toy.smi", 0.5, "test"), ("builtin.csv", 1.0, None)]
    assert [file.path for file in raw.files] == ["toy.smi", "builtin.csv"]


def test_a_user_sees_one_line_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.fetch", "molecules"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
