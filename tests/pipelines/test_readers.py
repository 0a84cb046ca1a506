import csv
import gzip
import io
import itertools
import os
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from pipelines.lines import LINE_LIMIT
from pipelines.readers import RawRow, format_of, rows
from pipelines.sources import Table, load_sources
from vaeseq.errors import InputError

MIRROR = Path(os.environ.get("LATENTPATH_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
SOURCES = Path(__file__).parents[2] / "data" / "sources.yaml"


def read(folder, content, format_="csv", domain="molecules", **table):
    path = folder / "toy"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(rows(path, Table(file="toy", format=format_, **table), domain))


def found(rows):
    return [(row.line, row.id, row.text, row.reason) for row in rows]


def test_smi_is_a_smiles_and_a_name(tmp_path):
    content = "smiles name\nCCO ethanol\n\nCCN\tethyl amine\r\nC\n"
    assert found(read(tmp_path, content, "smi")) == [
        (2, "ethanol", "CCO", None),
        (4, "ethyl amine", "CCN", None),
        (5, None, "C", None),
    ]


def test_txt_is_a_sentence_a_line_with_its_mark_taken_off(tmp_path):
    content = b"\xef\xbb\xbfOne.\n\n  Two, \xe2\x80\x9cthree\xe2\x80\x9d. \nlast"
    assert [row.text for row in read(tmp_path, content, "txt", "sentences")] == ["One.", "  Two, “three”. ", "last"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter_and_usual_columns_and_keeps_the_others(tmp_path, delimiter):
    content = "Name,pIC50,SMILES\nethanol,5.1,CCO\n,,CCN\n".replace(",", delimiter)
    assert read(tmp_path, content) == [
        RawRow(2, "ethanol", "CCO", {"pIC50": "5.1"}),
        RawRow(3, None, "CCN", {"pIC50": ""}),
    ]


def test_csv_takes_the_columns_it_is_told(tmp_path):
    content = 'a,smiles,a\n1,"C(=O)O",2\n'
    assert read(tmp_path, content, column="smiles", id_column="a_3") == [RawRow(2, "2", "C(=O)O", {"a": "1"})]


@pytest.mark.parametrize("header", ["canonical smiles,Compound-ID", "CanonicalSMILES,compound id", "[iso_smiles],Id"])
def test_usual_names_may_be_written_otherwise(tmp_path, header):
    assert found(read(tmp_path, f"{header}\nCCO,7\n")) == [(2, "7", "CCO", None)]
    word = header.split(",")[0].replace(" ", "_")
    assert found(read(tmp_path, f"{word} id\nCCO 7\n", "smi")) == [(2, "7", "CCO", None)]


def test_a_row_with_a_molecule_of_a_usual_name_is_no_header(tmp_path):
    with pytest.raises(InputError, match=r"\['CCO', 'mol'\] surely has a usual name.*first line must be the header"):
        read(tmp_path, "CCO,mol\nCCN,x\n")
    (row,) = read(tmp_path, "mol,CO\nCCN,x\n", column="mol")
    assert (row.text, row.columns) == ("CCN", {"CO": "x"})
    pq.write_table(pa.table({"mol": ["CCN"], "CO": ["x"]}), tmp_path / "t.parquet")
    assert read(tmp_path, (tmp_path / "t.parquet").read_bytes(), "parquet") == [RawRow(1, None, "CCN", {"CO": "x"})]
    assert [row.text for row in read(tmp_path, "CCO,x\n", names=("mol", "CO"))] == ["CCO"]


def test_a_lone_column_may_have_any_name(tmp_path):
    assert [row.text for row in read(tmp_path, "compound\nCCO\nCCN\n")] == ["CCO", "CCN"]
    assert [row.text for row in read(tmp_path, "comment\nOh.\nAh.\n", domain="sentences")] == ["Oh.", "Ah."]


@pytest.mark.parametrize(
    ("content", "domain"),
    [
        ("CCO\nCCN\n", "molecules"),
        ("Well.\nOh.\n", "sentences"),
        ("我喜欢喝茶。\n今天下雨。\n", "sentences"),
        ("a,b\nCCO,CCN\n", "molecules"),
    ],
)
def test_a_file_whose_column_cannot_be_known_lists_what_is_there(tmp_path, content, domain):
    with pytest.raises(InputError, match=r"data\.column.*first line must be the header") as error:
        read(tmp_path, content, domain=domain)
    assert str(content.split("\n")[0].split(",")) in str(error.value)


def test_a_missing_column_lists_the_columns_there(tmp_path):
    with pytest.raises(InputError, match=r"'Smiles'.*\['SMILES', 'x'\]"):
        read(tmp_path, "SMILES,x\nC,1\n", column="Smiles")


@pytest.mark.parametrize(
    ("name", "header", "cells"),
    [
        ("a.tsv", "text, cleaned\ttext", "x, y, z\tHello, there"),
        ("a.tsv.gz", "text\tfrom, to, by", "Hello, there\tx"),
        ("a.csv", 'text;"made, checked, by"', '"Hello, there";x'),
        ("a.csv", '"a, b, and c";text', 'x;"Hello, there"'),
        ("a.tsv", "text;x", "Hello, there;x"),
        ("a.csv", "line,text", '1,"Hello, there"'),
    ],
)
def test_the_delimiter_is_the_one_that_the_name_and_the_header_say(tmp_path, name, header, cells):
    content = f"{header}\n{cells}\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    got = list(rows(tmp_path / name, Table(file=name, format="csv"), "sentences"))
    assert [row.text for row in got] == ["Hello, there"]


CELLS = st.text(st.characters(exclude_characters="\r\0", exclude_categories=("Cs", "Zl", "Zp", "Cc")) | st.just("\n"))


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3).filter(any), min_size=1), st.sampled_from(",;\t|"))
def test_whatever_a_csv_writer_writes_is_read_back(tmp_path_factory, table, delimiter):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerows([["smiles", "b", "c"], *table])
    got = read(tmp_path_factory.mktemp("csv"), stream.getvalue(), delimiter=delimiter)
    assert [[row.text, row.columns["b"], row.columns["c"]] for row in got] == table
    assert not any(row.reason for row in got)


def test_a_quote_left_open_costs_its_own_row_only(tmp_path):
    content = 'id,smiles\n1,CCO\n2,"CCN\n3,CCC\n4,"C""x"\n' + "".join(f"{i},C\n" for i in range(5, 100))
    got = read(tmp_path, content)
    assert [row.reason for row in got] == [None, "malformed", *[None] * 97]
    assert [row.line for row in got] == list(range(2, 101))
    assert got[1].text == '2,"CCN'
    assert got[3].text == 'C"x'


def test_too_many_cells_are_malformed_and_too_few_are_empty(tmp_path):
    got = read(tmp_path, "id,smiles\n1,C,oops\n2\n3,C,,\n")
    assert found(got) == [(2, None, "1,C,oops", "malformed"), (3, "2", "", None), (4, "3", "C", None)]


def test_a_wrong_byte_costs_its_row_only_where_it_is_the_text(tmp_path):
    got = read(tmp_path, "smiles,name\nC,M\xfcller\nC\xfc,x\nCC,y\n".encode("latin-1"))
    assert found(got) == [(2, "M�ller", "C", None), (3, "x", "C�", "encoding"), (4, "y", "CC", None)]


def test_utf_16_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="UTF-8"):
        read(tmp_path, "smiles\nC\n".encode("utf-16"))


@pytest.mark.parametrize("format_", ["smi", "txt", "csv"])
def test_an_endless_line_is_cut_and_rejected(tmp_path, format_):
    content = b"smiles\nCC\n" + b"C" * (3 * LINE_LIMIT) + b"\nCCC\n"
    got = read(tmp_path, content, format_)[-3:]
    assert [(row.text[:3], row.reason) for row in got] == [("CC", None), ("CCC", "too_long"), ("CCC", None)]
    assert len(got[1].text) == 1_000


def test_a_huge_cell_in_quotes_is_too_long(tmp_path):
    got = read(tmp_path, 'smiles,b\n"' + "C" * 200_000 + '",x\nC,y\n')
    assert [row.reason for row in got] == ["too_long", None]


@pytest.mark.parametrize("format_", ["smi", "txt", "csv", "sdf"])
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_has_no_rows(tmp_path, format_, content):
    assert read(tmp_path, content, format_) == []


MOLECULES = {"l-alanine": "C[C@H](N)C(=O)O", "fumaric acid": "O=C(O)/C=C/C(=O)O", "heavy water": "[2H]O[2H]"}


def sdf():
    blocks = []
    for name, smiles in MOLECULES.items():
        mol = Chem.MolFromSmiles(smiles)
        mol.SetProp("_Name", name)
        blocks.append(f"{Chem.MolToMolBlock(mol)}>  <key> (1)\n{smiles}-1\n\n> <note>\ntwo\nlines\n\n$$$$\n")
    return blocks


def test_sdf_keeps_titles_properties_and_every_record(tmp_path):
    good, other, last = sdf()
    got = read(tmp_path, good + "broken\n\nno molecule\n$$$$\n" + other + last.removesuffix("$$$$\n"), "sdf")
    assert [(row.line, row.id) for row in got] == [
        (1, "l-alanine"),
        (2, "broken"),
        (3, "fumaric acid"),
        (4, "heavy water"),
    ]
    assert got[0].columns == {"key": "C[C@H](N)C(=O)O-1", "note": "two\nlines"}
    assert Chem.MolFromMolBlock(got[0].text) is not None


def test_sdf_takes_its_id_from_a_property(tmp_path):
    got = read(tmp_path, "".join(sdf()), "sdf", id_column="key")
    assert [row.id for row in got] == [f"{smiles}-1" for smiles in MOLECULES.values()]
    assert got[0].columns == {"note": "two\nlines"}


def test_a_record_without_end_is_too_long_and_not_held(tmp_path):
    content = sdf()[0] + ("x" * 999 + "\n") * 2_000 + "$$$$\n" + sdf()[1]
    assert [row.reason for row in read(tmp_path, content, "sdf")] == [None, "too_long", None]


def test_parquet_reads_any_type_as_text(tmp_path):
    table = pa.table({"smiles": ["C", None, "CC"], "id": [7, 8, 9], "x": [0.5, None, 2.0]})
    pq.write_table(table, tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    wanted = [RawRow(1, "7", "C", {"x": "0.5"}), RawRow(2, "8", "", {"x": ""}), RawRow(3, "9", "CC", {"x": "2.0"})]
    assert read(tmp_path, content, "parquet") == wanted
    assert read(tmp_path, gzip.compress(content), "parquet") == wanted
    with pytest.raises(InputError, match="must be a Parquet file"):
        read(tmp_path, content[:-9], "parquet")


def test_gzip_is_known_by_its_bytes(tmp_path):
    content = gzip.compress(b"smiles\nC\nCC\n")
    assert [row.text for row in read(tmp_path, content)] == ["C", "CC"]
    for damaged in (content[:-9], content[:12] + b"\0\0\0" + content[15:]):
        with pytest.raises(InputError, match="cannot be read"):
            read(tmp_path, damaged)


def test_a_small_gzip_of_a_huge_line_stays_small(tmp_path):
    got = read(tmp_path, gzip.compress(b"C" * 20_000_000 + b"\nCC\n"), "smi")
    assert [(len(row.text), row.reason) for row in got] == [(1_000, "too_long"), (2, None)]


def test_members_of_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.smi", "C\nCC\n")
    with tarfile.open(tmp_path / "a.txt.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.zip", "other")
        (tmp_path / "a.smi").write_text("C\nCC\n")
        archive.add(tmp_path / "a.smi", "in/a.smi")
    for name in ("a.zip", "a.txt.gz"):
        table = Table(file=name, format="smi", member="in/a.smi")
        assert [row.text for row in rows(tmp_path / name, table, "molecules")] == ["C", "CC"]
        with pytest.raises(InputError, match="must hold the file 'b'"):
            next(rows(tmp_path / name, table.model_copy(update={"member": "b"}), "molecules"))


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        next(rows(tmp_path / "none", Table(file="none", format="smi"), "molecules"))


def test_formats_follow_the_ending():
    assert format_of(Path("a.SMI.GZ"), "molecules") == "smi"
    assert format_of(Path("a.txt"), "molecules") == "smi"
    assert format_of(Path("a.txt"), "sentences") == "txt"
    assert format_of(Path("a.tsv.gz"), "sentences") == "csv"
    for name in ("a.sdf", "a", "a.gz", "a.docx"):
        with pytest.raises(InputError, match="must end in one of"):
            format_of(Path(name), "sentences")


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("zinc250k", ["CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1"]),
        ("moses", ["CCCS(=O)c1ccc2[nH]c(=NC(=O)OC)[nH]c2c1", "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1"]),
        ("tatoeba", ["Go."]),
    ],
)
def test_real_files_give_their_first_row(name, first):
    source = load_sources(SOURCES)[name]
    if not all((MIRROR / table.file).is_file() for table in source.tables):
        pytest.skip("needs the mirror folder in LATENTPATH_MIRROR")
    got = [next(rows(MIRROR / table.file, table, source.domain)) for table in source.tables]
    assert [row.text for row in got] == first


def test_real_treebank_has_its_splits():
    source = load_sources(SOURCES)["ptb"]
    if not (MIRROR / "ptb" / "ptb.zip").is_file():
        pytest.skip("needs the mirror folder in LATENTPATH_MIRROR")
    sizes = {table.split: sum(1 for _ in rows(MIRROR / table.file, table, "sentences")) for table in source.tables}
    assert sizes == {"train": 42_068, "valid": 3_370, "test": 3_761}


def test_rows_come_one_at_a_time(tmp_path):
    (tmp_path / "a.smi").write_bytes(b"C\n" * 100_000)
    stream = rows(tmp_path / "a.smi", Table(file="a.smi", format="smi"), "molecules")
    assert len(list(itertools.islice(stream, 3))) == 3
    stream.close()
