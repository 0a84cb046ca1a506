"""Files that were cut, scratched, made up or written in another encoding are read or refused, never more."""

import contextlib
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rdkit import Chem

from pipelines.params import load_params
from pipelines.readers import rows
from pipelines.sources import Raw, RawFile, Table, load_sources
from vaeseq.errors import InputError

ROOT = Path(__file__).parents[2]
MEMBER = "in/a.smi"
SLY = (
    b'"',
    b'"x"y',
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"$$$$\n",
    b"M  END\n",
    b"> <",
    b"\n" * 3,
    b"x" * 200_000,
)
SLY_YAML = (b"2001-13-45", b"9" * 5_000, b"0x" + b"f" * 5_000, b"[" * 400, b"!!int x", b"!!bool x", b"!!float ''")
DAMAGE = st.binary(max_size=8) | st.sampled_from(SLY + SLY_YAML)


@st.composite
def damaged(draw, whole):
    """Bytes with some put in, written over, or all the rest cut off."""
    place, junk = draw(st.integers(0, len(whole))), draw(DAMAGE)
    return whole[:place] + junk + draw(st.sampled_from([whole[place:], whole[place + len(junk) :], b""]))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("strangers") / "file"


def read_or_refused(load, path, content):
    path.write_bytes(content)
    try:
        return load(path)
    except InputError as error:
        told = str(error)
    assert len(told) < 10_000
    return None


def rows_or_refused(path, content, format_, domain="molecules", member=None):
    table = Table(file="file", format=format_, member=member)
    found = read_or_refused(lambda path: list(rows(path, table, domain)), path, content) or []
    lines = [row.line for row in found]
    assert lines == sorted(set(lines)), "a row is out of order, or comes twice"
    for row in found:
        "".join([row.text, row.id or "", *row.columns, *row.columns.values()]).encode()  # no lone surrogate is left
    return found


PARAMS = damaged((ROOT / "params.yaml").read_bytes()) | damaged(b"molecules: ") | damaged(b"")
SET = b"toy: {domain: sentences, title: t, licence: l, attribution: a, tables: [{file: toy.txt, format: txt}]}\n"
SOURCES = damaged(SET) | damaged(b"toy: ") | damaged(b"")


@given(PARAMS)
@example(b"molecules: 0x" + b"f" * 5_000)
@example(
    b"a: &a [x, x]\nb: &b [*a, *a]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (i, i, i - 1, i - 1) for i in range(99, 123))
)
def test_params_are_read_or_refused(path, content):
    read_or_refused(load_params, path, content)


@given(SOURCES)
def test_sources_are_read_or_refused(path, content):
    read_or_refused(load_sources, path, content)


RAW = Raw(
    name="toy",
    domain="molecules",
    licence="x",
    attribution="y",
    tables=(Table(file="toy.csv", format="csv", labels=("frame",)),),
    files=(RawFile(path="toy.csv", sha256="0" * 64, bytes=3),),
)


@given(damaged(RAW.model_dump_json().encode()))
def test_a_raw_folder_is_read_or_refused(path, content):
    path.with_name("source.json").write_bytes(content)
    with contextlib.suppress(InputError):
        Raw.load(path.parent)


def sdf():
    mol = Chem.MolFromSmiles("CCO")
    mol.SetProp("_Name", "ethanol")
    return f"{Chem.MolToMolBlock(mol)}> <key>\n7\n\n$$$$\n".encode() * 2


TEXTS = {
    "smi": b"CCO ethanol\nC methane\n",
    "txt": b"Well.\nOh no.\n",
    "csv": b'id,smiles,note\n1,CCO,"so, so"\n2,C,"over\ntwo lines"\n3,CC,\n',
    "sdf": sdf(),
}


@pytest.mark.parametrize("format_", TEXTS)
@given(data=st.data())
def test_a_text_file_is_rows_or_refused(path, format_, data):
    content = data.draw(damaged(TEXTS[format_]))
    rows_or_refused(path, data.draw(damaged(content)), format_, "sentences" if format_ == "txt" else "molecules")


@pytest.mark.parametrize("line", [b'1,"a"b' + b"C" * 200_000, b'1,"a"\rb'])
def test_a_line_that_no_reader_can_cut_costs_its_row_only(path, line):
    found = rows_or_refused(path, b"id,smiles\n" + line + b"\n2,C\n", "csv")
    assert [row.reason is None for row in found] == [False, True]


@pytest.mark.parametrize(
    "codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "cp037", "shift_jis"]
)
@pytest.mark.parametrize("format_", ["smi", "txt", "csv"])
def test_another_encoding_is_refused_or_costs_its_rows_only(path, codec, format_):
    text = {"smi": "CCO Ethanol\n", "txt": "Ein Gruß.\n", "csv": "id,smiles\n1,CCO\n"}[format_]
    content = text.encode(codec, errors="replace")
    found = rows_or_refused(path, content, format_, "sentences" if format_ == "txt" else "molecules")
    if codec in ("utf-8-sig", "latin-1", "cp1252", "shift_jis"):  # ASCII stays ASCII there
        assert len(found) == 1
        assert found[0].reason == ("encoding" if format_ == "txt" and codec in ("latin-1", "cp1252") else None)


def parquet():
    out = io.BytesIO()
    moments = pa.array([1, 2_000, None], pa.timestamp("ns"))
    pq.write_table(pa.table({"smiles": ["C", None, "é"], "when": moments, "more": [[1], [], None]}), out)
    return out.getvalue()


@given(damaged(parquet()))
@example(parquet())
def test_a_parquet_file_is_rows_or_refused(path, content):
    rows_or_refused(path, content, "parquet")


def zipped(method, name=MEMBER):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, "CCO\n" * 50)
    return out.getvalue()


def tarred(mode):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        member = tarfile.TarInfo(MEMBER)
        member.size = 200
        archive.addfile(member, io.BytesIO(b"CCO\n" * 50))
    return out.getvalue()


ARCHIVES = {
    "zip": zipped(zipfile.ZIP_STORED),
    "deflated": zipped(zipfile.ZIP_DEFLATED),
    "lzma": zipped(zipfile.ZIP_LZMA),
    "tar": tarred("w"),
    "tar.gz": tarred("w:gz"),
    "tar.xz": tarred("w:xz"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
@given(data=st.data())
def test_an_archive_is_rows_or_refused(path, kind, data):
    assert len(rows_or_refused(path, ARCHIVES[kind], "smi", member=MEMBER)) == 50
    rows_or_refused(path, data.draw(damaged(ARCHIVES[kind])), "smi", member=MEMBER)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_truncated_archive_is_refused_whole(path, kind):
    cut = ARCHIVES[kind][: min(600, len(ARCHIVES[kind]) // 3)]  # most of a small tar archive is zeros after its end
    assert rows_or_refused(path, cut, "smi", member=MEMBER) == []


@pytest.mark.parametrize(("byte", "value"), [(6, 1), (6, 32), (8, 99), (8, 12)])
def test_a_member_that_is_encrypted_or_packed_otherwise_is_refused(path, byte, value):
    whole = bytearray(ARCHIVES["deflated"])
    central = whole.index(b"PK\x01\x02")
    whole[byte] = whole[central + byte + 2] = value
    with pytest.raises(InputError, match="cannot be read"):
        list(rows(write(path, whole), Table(file="file", format="smi", member=MEMBER), "molecules"))


def write(path, content):
    path.write_bytes(content)
    return path


@given(st.binary(max_size=200) | damaged(gzip.compress(TEXTS["csv"])))
def test_a_gzip_file_is_rows_or_refused(path, content):
    rows_or_refused(path, content, "csv")


@pytest.mark.parametrize("name", ["../outside.smi", "/outside.smi", "C:\\..\\outside.smi"])
def test_a_member_with_a_way_out_is_read_and_written_nowhere(tmp_path, name):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.zip", zipped(zipfile.ZIP_DEFLATED, name))
    assert len(list(rows(folder / "a.zip", Table(file="a.zip", format="smi", member=name), "molecules"))) == 50
    assert sorted(tmp_path.rglob("*")) == [folder, folder / "a.zip"]


@pytest.mark.parametrize("place", ["../a.csv", "a/../../b.csv", "/etc/passwd", "", "a\0.csv"])
def test_no_place_in_a_description_leaves_its_folder(tmp_path, place):
    stored = RAW.model_dump_json()
    for was in ('"file":"toy.csv"', '"path":"toy.csv"'):
        key = was.split(":")[0]
        told = place.replace("\0", "\\u0000")
        (tmp_path / "source.json").write_text(stored.replace(was, f'{key}:"{told}"'))
        with pytest.raises(InputError, match="run the fetch stage"):
            Raw.load(tmp_path)
