import io
import os
import signal
import sys
from types import SimpleNamespace

import pytest

from vaemol.notation import to_smiles
from vaemol.strangers import SETS, canonical_each, molecules_in, sets_in, smiles_in, to_start_with
from vaeseq import parallel
from vaeseq.console import Line
from vaeseq.errors import InputError


def test_each_is_read_in_order_and_what_is_no_molecule_is_empty():
    texts = ["OCC", "no molecule", "", "c1ccccc1O", "C" * 5_000, "\x00", "OCC"]
    assert list(canonical_each(texts, workers=1)) == ["CCO", "", "", "Oc1ccccc1", "", "", "CCO"]


def test_of_a_salt_there_is_the_parent():
    texts = ["CN1CCC[C@H]1c1cccnc1.Cl", "CC(=O)[O-].[Na+]", "[Na+].[Cl-]", "no molecule", "OCC"]
    assert list(canonical_each(texts, parents=True, workers=1)) == ["CN1CCC[C@H]1c1cccnc1", "CC(=O)O", "", "", "CCO"]


def _deadly(text, notation):
    if text == "boom":
        os.kill(os.getpid(), signal.SIGKILL)
    return text


def test_what_kills_its_reader_costs_itself_alone(monkeypatch):
    monkeypatch.setattr("vaemol.strangers.to_smiles", _deadly)
    assert list(canonical_each(["a", "boom", "b"], workers=1)) == ["a", "", "b"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CCO ethanol\n\nCCN", ["CCO", "CCN"]),
        ("id,SMILES,assay\n1,CCO,3\n2,,4\n3,CCN,5", ["CCO", "CCN"]),
        ('"smiles","name, of it"\nCCO,"a, b"', ["CCO"]),
        ("CCO\tmol\nCCN\tx", ["CCO", "CCN"]),
        ("CanonicalSMILES id\nCCO 1", ["CCO"]),
    ],
)
def test_molecules_are_in_lines_or_in_a_table(text, found):
    assert list(smiles_in(map(Line, text.split("\n")))) == found


def test_what_stands_beside_a_molecule_goes_with_it():
    table = ['id,SMILES,"IC50, nM",', "a1,CCO,5,x", '"b, 2",CCN', ',"",7']
    assert [(line.text, dict(line.others)) for line in molecules_in(map(Line, table))] == [
        ("CCO", {"id": "a1", "IC50, nM": "5", "column_4": "x"}),
        ("CCN", {"id": "b, 2", "IC50, nM": "", "column_4": ""}),
        ("", {"id": "", "IC50, nM": "7", "column_4": ""}),
    ]
    lines = [Line(" CCO  my ethanol "), Line("CCN"), Line(""), Line("", "line must be UTF-8 text")]
    assert [(line.text, dict(line.others)) for line in molecules_in(iter(lines))] == [
        ("CCO", {"name": "my ethanol"}),
        ("CCN", {}),
        ("", {}),
        ("", {}),
    ]


def test_a_blank_cell_is_a_line_of_its_own():
    lines = ["log_p,smiles", "1,CCO", "2,", "", "3,CCN"]
    assert [line.text for line in molecules_in(map(Line, lines))] == ["CCO", "", "", "CCN"]


@pytest.mark.parametrize("parents", [True, False])
def test_a_search_starts_with_a_file_and_a_lead(tmp_path, parents):
    (tmp_path / "mine.csv").write_text("id,smiles\n1,OCC.Cl\n2,x\n")
    salt = "CCO" if parents else "CCO.Cl"
    assert to_start_with(str(tmp_path / "mine.csv"), "NCC", parents=parents) == ([salt, "", "CCN"], "CCN")
    assert to_start_with(None, None, parents=parents) == ([], "")


def test_a_row_that_cannot_be_cut_costs_itself_alone():
    lines = ["smiles,name", 'CCO,"5 inch', "CCC,b", "C,c,d", f'"{"C" * 200_000}",e', 'CCN,"two', 'lines"']
    found = list(molecules_in(map(Line, lines)))
    assert [line.text for line in found if not line.error] == ["CCC", "CCN"]
    assert dict(found[-1].others) == {"name": "two lines"}
    assert [line.text[:9] for line in found if line.error] == ['CCO,"5 in', "C,c,d", '"CCCCCCCC']
    assert all("row must have 2 cells" in line.error for line in found if line.error)
    # What a quote in another row closes is no row of this table.
    torn = ['CCO,"5', 'CCC,6",7']
    assert [line.text for line in molecules_in(map(Line, ["smiles,name", *torn])) if line.error] == torn


@pytest.mark.parametrize("header", ["Canonical_SMILES;id", "id\tsmiles", "smi|x"])
def test_tables_are_known_by_their_usual_names_and_delimiters(header):
    delimiter = next(mark for mark in ";\t|" if mark in header)
    cells = ["CCO" if "smi" in name.lower() else "7" for name in header.split(delimiter)]
    (line,) = molecules_in(map(Line, [header, delimiter.join(cells)]))
    assert (line.text, len(line.others)) == ("CCO", 1)


def test_a_header_between_spaces_is_no_molecule():
    lines = [Line("SMILES id"), Line("CCO a1"), Line("smiles b")]
    assert [(line.text, line.others) for line in molecules_in(iter(lines))] == [
        ("CCO", (("name", "a1"),)),
        ("smiles", (("name", "b"),)),
    ]


def test_a_lead_that_is_read_as_another_is_told(capsys):
    assert to_start_with(None, "CC(=O)[O-].[Na+]", parents=True) == (["CC(=O)O"], "CC(=O)O")
    assert "lead read as another" in capsys.readouterr().err
    to_start_with(None, "OCC", parents=True)
    assert not capsys.readouterr().err


def test_a_table_whose_column_is_unknown_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("compound,drug,IC50\naspirin,CCO,5\n")
    with pytest.raises(InputError, match=r"--column must name another, got the columns \['compound', 'drug', 'IC50'\]"):
        to_start_with(str(tmp_path / "mine.csv"), None, parents=True)
    assert to_start_with(str(tmp_path / "mine.csv"), None, parents=True, column="drug") == (["CCO"], "")


class Lines(io.RawIOBase):
    """Standard input whose lines are counted as they are read."""

    def __init__(self, *lines):
        self.left, self.read_lines = list(lines), 0

    def readline(self, size=-1):
        self.read_lines += 1
        return f"{self.left.pop(0)}\n".encode() if self.left else b""


@pytest.fixture
def sets(space, monkeypatch):
    """The sets of some lines on standard input: each as text, or an error, with its name."""

    def read(*lines, **how):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Lines(*lines)))
        found = sets_in(space, [], "molecules", **how)
        return [(str(its) if isinstance(its, InputError) else " ".join(its), line.others) for line, its in found]

    return read


@pytest.mark.parametrize(
    ("line", "molecules", "name"),
    [
        ("CCO\tethyl  alcohol", "CCO", "ethyl alcohol"),
        ("CCO c1ccncc1\tpair 7\tof 9", "CCO c1ccncc1", "pair 7 of 9"),
        ("CCO\tCCN", "CCO CCN", None),
        ("CCO\tCCN\tmine", "CCO CCN", "mine"),
        ("CCO CCN\tmol", "CCO CCN", "mol"),
        ("CCO\t", "CCO", None),
    ],
)
def test_what_stands_behind_a_tab_and_is_no_smiles_is_the_name_of_a_set(sets, line, molecules, name):
    assert sets(line) == [(molecules, (("name", name),) if name else ())]


@pytest.mark.parametrize("line", ["CCOc1ccccc1 phenetole", "compound,drug,IC50"])
def test_where_a_word_of_a_set_cannot_be_read_it_is_said_how_lines_are(sets, line):
    ((said, _),) = sets(line)
    assert said.endswith(f"no SMILES that rdkit reads; {SETS}")
    assert SETS not in sets("nonsense")[0][0]
    assert SETS not in sets("nonsense\tname", "CCO")[0][0]


def test_a_set_of_another_symbol_has_no_name(sets):
    assert "not trained on" in sets("CCO\t[238U]")[0][0]


def test_sets_are_in_a_table_or_its_column_is_named(sets):
    table = ("id,smiles,mine", "1,CCO CCN,C")
    assert sets(*table) == [("CCO CCN", (("id", "1"), ("mine", "C")))]
    assert sets(*table, column="mine") == [("C", (("id", "1"), ("smiles", "CCO CCN")))]


def test_a_set_in_arguments_is_no_file_and_has_no_name(space, tmp_path):
    (tmp_path / "mine.smi").touch()
    with pytest.raises(InputError, match="gives its lines"):
        next(sets_in(space, [str(tmp_path / "mine.smi")], "molecules"))
    ((_, found),) = sets_in(space, ["OCC", "NCC"], "molecules")
    assert found == ["CCO", "CCN"] == [to_smiles(text, "smiles") for text in ("OCC", "NCC")]
    ((_, found),) = sets_in(space, ["CCO\tethanol"], "molecules")
    assert isinstance(found, InputError)
    with pytest.raises(InputError, match="column 'x' must be in the table"):
        next(sets_in(space, ["CCO"], "molecules", "x"))


def test_lines_of_sets_are_read_one_by_one_in_one_pool(space, monkeypatch):
    started, start = [], parallel._Pool._start
    monkeypatch.setattr(parallel._Pool, "_start", lambda pool: started.append(pool) or start(pool))
    lines = Lines("CCO CCN", "", "CCC\tx", "C")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=lines))
    # Whoever writes the lines may wait for what comes of one before the next.
    assert [(found, lines.read_lines) for _, found in sets_in(space, ["-"], "molecules")] == [
        (["CCO", "CCN"], 1),
        ([], 2),
        (["CCC"], 3),
        (["C"], 4),
    ]
    assert len(started) == 1
