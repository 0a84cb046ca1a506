import io
import math
from itertools import pairwise

import pytest

from vaemol.cli import main
from vaemol.itineraries import figures_of, pairs_in, paths_in
from vaemol.molecule import tanimoto
from vaeseq.console import Line
from vaeseq.errors import InputError

ETHANOL, PROPANOL, BUTANOL, BENZENE = "CCO", "CCCO", "CCCCO", "c1ccccc1"
GOOD = ["OCC", PROPANOL, BUTANOL, "CCCCN"]
PAIRS = [(ETHANOL, "NCCCC"), (ETHANOL, BENZENE)]
PATTERNS = ("[#6][#6][#6][#6][#8]",)


def test_figures_against_a_table_by_hand():
    found = figures_of([GOOD, [ETHANOL, "nonsense", PROPANOL, ""]], PAIRS, PATTERNS, workers=1)
    steps = [tanimoto(a, b) for a, b in pairwise(GOOD)]
    assert found.paths == 2
    assert found.both_ends_exact == 0.5
    assert found.validity == 6 / 8
    assert found.filters == 2 / 3  # propanol on both ways passes, butanol does not
    assert found.neighbour_tanimoto_mean == pytest.approx(sum(steps) / 3)  # the other has no two molecules in a row
    assert found.paths_without_jump == (min(steps) >= 0.3) / 2
    assert found.distinct_interior_median == 1.5
    assert found.steps_median == 4


def test_a_steady_path_leaves_its_start():
    assert figures_of([GOOD], PAIRS[:1], (), workers=1).spearman_median == pytest.approx(-1)
    nothing = figures_of([[""]], PAIRS[:1], (), workers=1)
    assert (nothing.both_ends_exact, nothing.validity, nothing.filters, nothing.spearman_median) == (0, 0, 0, None)


def test_a_path_gains_nothing_by_staying():
    stays = [GOOD[0], *GOOD[:2], *GOOD[1:]]
    assert figures_of([stays], PAIRS[:1], PATTERNS, workers=1) == figures_of([GOOD], PAIRS[:1], PATTERNS, workers=1)


def _lines(text):
    return [Line(line) for line in text.splitlines()]


def test_paths_are_read_by_their_number():
    table = "path,t,smiles,error\n2,0,CCO,\n2,1,,\n1,0,C,\n"
    assert paths_in(_lines(table), 3) == [["C"], ["CCO", ""], [""]]
    assert paths_in(_lines("set,smiles\n1,C\n"), 1) == [["C"]]
    assert paths_in(_lines(f"set,step,smiles\n1,10,C\n1,2,CC\n1,{'9' * 5_000},N\n1,,O\n"), 1) == [["N", "O", "CC", "C"]]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("smiles\nC\n", "columns path and smiles"),
        ("path,smiles\n3,C\n", "1 to 2"),
        ("path,smiles\nx,C\n", "1 to 2"),
        (f"path,smiles\n{'1' * 5_000},C\n", "1 to 2"),
        (f"path,smiles\n1,{'C' * 200_000}\n", "follows line 1 is none"),
        ("path\rsmiles\n1,C\n", "csv table"),
    ],
)
def test_what_is_no_table_of_paths_is_said(table, message):
    with pytest.raises(InputError, match=message):
        paths_in(_lines(table), 2)


def test_pairs_end_before_blank_lines_and_may_have_names():
    assert pairs_in(map(Line, ["CCO NCCCC", "CCO\tC a name", "", " "])) == [("CCO", "NCCCC"), ("CCO", "C")]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([""], "line 1 is ''"),
        (["C CO", "", "C CO"], "line 2 is ''"),
        (["C CO", "C"], "line 2 is 'C'"),
        (["C CO", "C nonsense"], "line 2 is 'C nonsense'"),
    ],
)
def test_an_end_that_is_no_molecule_is_named(lines, says):
    with pytest.raises(InputError, match=f"pairs must be two SMILES a line, {says}"):
        pairs_in(map(Line, lines))


def test_the_command_is_the_function(tmp_path, capsys, monkeypatch):
    (tmp_path / "patterns.txt").write_text("\n".join(PATTERNS) + "\n")
    (tmp_path / "pairs.smi").write_text("CCO NCCCC\n")
    rows = "".join(f"1,{smiles}\n" for smiles in GOOD)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"path,smiles\n{rows}".encode())))
    assert main(["judge-paths", "--pairs", str(tmp_path / "pairs.smi"), "--reference", str(tmp_path)]) == 0
    told = dict(line.split(",") for line in capsys.readouterr().out.splitlines()[1:])
    wanted = figures_of([GOOD], PAIRS[:1], PATTERNS, workers=1)._asdict()
    assert {name: float(value or math.nan) for name, value in told.items()} == pytest.approx(wanted)
