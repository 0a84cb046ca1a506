"""Several objectives, and what molecules must hold, on the command line of `vaemol optimize`."""

import csv
import io
import sys

import numpy as np
import pytest

from vaemol import cli, oracles
from vaemol.constraints import all_of
from vaemol.molecule import tanimoto
from vaemol.oracles import oracle_of
from vaemol.prediction import objective_in, together
from vaemol.strangers import canonical_each
from vaeseq.fronts import on_front

BUDGET = ("--budget", "24", "--initial", "12", "--batch", "6")
POOL = ["OCC", "C1CCCCC1Cl", "CCN", "CCCCCC(=O)N", "c1ccccc1Br", "CCOCC", "NCCO", "Oc1ccccc1", "CCc1ccncc1"]


@pytest.fixture
def vaemol(model, capsys):
    def run(*arguments):
        code = cli.main(["optimize", "--model", str(model), *BUDGET, *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, list(csv.DictReader(io.StringIO(out))), err

    return run


@pytest.mark.parametrize("method", ["bayesian", "genetic", "structural"])
def test_of_several_objectives_those_are_kept_that_no_other_beats(vaemol, tmp_path, method):
    names, told = ("qed", "min:sa_score"), ("qed", "sa_score")
    asked = [part for name in names for part in ("--objective", name)]
    files = ("--front", tmp_path / "front.csv", "--calls", tmp_path / "calls.csv", "--image", tmp_path / "front.svg")
    code, rows, _ = vaemol(*asked, "--method", method, *files)
    assert code == 0
    assert list(rows[0]) == ["call", "smiles", *told, "seconds"]
    smiles = [row["smiles"] for row in rows]
    assert len(set(smiles)) == 24
    values = np.array([[float(row[name]) for name in told] for row in rows])
    np.testing.assert_allclose(values, np.stack([oracles.qed(smiles), oracle_of("sa_score")(smiles)], 1), rtol=1e-6)
    best = on_front(values * [1, -1])
    with (tmp_path / "front.csv").open() as file:
        front = list(csv.DictReader(file))
    assert {row["smiles"] for row in front} == {s for s, kept in zip(smiles, best, strict=True) if kept}
    assert {tuple(float(row[name]) for name in told) for row in front} == set(map(tuple, values[best].tolist()))
    assert [float(row["qed"]) for row in front] == sorted((float(row["qed"]) for row in front), reverse=True)
    assert (tmp_path / "front.svg").stat().st_size > 1000
    again = vaemol(*asked, "--method", method, *files)[1]
    assert [row | {"seconds": ""} for row in again] == [row | {"seconds": ""} for row in rows], "all of it was paid for"
    assert (tmp_path / "calls.csv").read_text().count("\n") == 25


def test_a_front_without_any_molecule_is_an_empty_table(vaemol, tmp_path):
    (tmp_path / "none.py").write_text("import sys\nfor line in sys.stdin: print()\n")
    asked = ("--objective", "qed", "--objective", f"command:{sys.executable} {tmp_path / 'none.py'}")
    code, rows, _ = vaemol(*asked, "--front", tmp_path / "front.csv", "--method", "genetic")
    assert (code, len(rows)) == (0, 24)
    assert (tmp_path / "front.csv").read_text().splitlines() == [",".join(["smiles", *asked[1::2]])]


def test_a_search_that_does_not_start_leaves_the_front_before_it(vaemol, tmp_path):
    (tmp_path / "pool.smi").write_text("nonsense\n")
    (tmp_path / "front.csv").write_text("smiles,qed,log_p\nCCO,0.4,0\n")
    asked = ("--objective", "qed", "--objective", "log_p", "--start", tmp_path / "pool.smi")
    assert vaemol(*asked, "--front", tmp_path / "front.csv")[0] == 1
    assert (tmp_path / "front.csv").read_text() == "smiles,qed,log_p\nCCO,0.4,0\n"


def test_a_file_to_start_with_may_have_names_and_what_is_of_no_use_is_counted(vaemol, tmp_path):
    lines = [f"{smiles}\tname {i}" for i, smiles in enumerate(POOL)]
    (tmp_path / "pool.smi").write_bytes("\n".join(["smiles name", *lines, "", "\xff"]).encode("latin-1"))
    code, rows, err = vaemol(
        "--method", "random_prior", "--start", tmp_path / "pool.smi", "--require", "heavy_atoms>=4"
    )
    assert code == 0
    assert len(rows) == len(POOL) - 2
    assert "of 10 molecules to start with 1 are no readable SMILES, and 2 do not hold what is required\n" in err


def test_what_was_given_is_told_from_what_was_found(vaemol, tmp_path):
    (tmp_path / "pool.smi").write_text("\n".join(POOL))
    front, asked = tmp_path / "front.csv", ("--objective", "qed", "--objective", "log_p")
    _, rows, _ = vaemol("--method", "genetic", *asked, "--start", tmp_path / "pool.smi", "--front", front)
    found = [row["smiles"] for row in rows if row["given"] == "0"]
    assert found
    assert {row["smiles"] for row in rows if row["given"] == "1"} == set(canonical_each(POOL))
    with front.open() as file:
        assert {row["smiles"]: row["given"] for row in csv.DictReader(file)}.items() <= {
            row["smiles"]: row["given"] for row in rows
        }.items()


def test_what_is_required_is_of_as_many_atoms_as_the_objective(vaemol, tmp_path):
    (tmp_path / "pool.smi").write_text("\n".join(POOL))
    asked = ("--objective", "penalised_log_p", "--require", "penalised_log_p>=-9", "--start", tmp_path / "pool.smi")
    _, rows, _ = vaemol(*asked, "--max-heavy-atoms", 4, "--method", "random_prior")
    assert [row["smiles"] for row in rows if row["value"]] == [row["smiles"] for row in rows] != []


def test_weighted_objectives_are_one(vaemol):
    code, rows, err = vaemol("--objective", "qed", "--objective", "log_p", "--weight", 1, "--weight", -0.25)
    assert code == 0
    smiles = [row["smiles"] for row in rows]
    wanted = oracles.qed(smiles) - 0.25 * oracle_of("log_p")(smiles)
    np.testing.assert_allclose([float(row["value"]) for row in rows], wanted, rtol=1e-6)
    np.testing.assert_allclose([float(row["log_p"]) for row in rows], oracle_of("log_p")(smiles), rtol=1e-6)
    assert [*rows[0]] == ["call", "smiles", "value", "best_so_far", "qed", "log_p", "seconds"]
    assert float(rows[-1]["best_so_far"]) == max(float(row["value"]) for row in rows)
    assert "best" in err


@pytest.mark.parametrize("method", ["bayesian", "genetic", "structural", "ascent", "random_prior"])
def test_nothing_is_paid_for_what_does_not_hold_what_is_required(vaemol, tmp_path, method, space):
    (tmp_path / "pool.smi").write_text("\n".join(POOL))
    require, start = ("log_p>=0.5", "alerts:pains"), ("--start", tmp_path / "pool.smi")
    asked = [part for text in require for part in ("--require", text)]
    code, rows, _ = vaemol("--method", method, "--objective", "property:pIC50", *asked, *start)
    assert code == 0
    smiles = [row["smiles"] for row in rows]
    assert all_of(require)(smiles).all()
    assert len(smiles) > all_of(require)(POOL).sum() or method == "random_prior"
    assert np.isfinite(objective_in(space, "property:pIC50")(smiles)).any()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--start", "POOL", "--require", "qed>=0.99"), "none of them does"),
        (("--objective", "qed", "--weight", 1, "--weight", 2), "weights must be as many as objectives, 1, got 2"),
        (("--objective", "qed", "--weight", -1), "of one min: before its name"),
        (("--front", "x.csv"), "front must be of several objectives"),
        (("--objective", "sa_score", "--objective", "min:sa_score"), "objectives must differ"),
        (("--objective", "min:nothing"), "objective must be"),
        (("--require", "log_p>=2", "--require", "log_p<=1"), "must not exclude each other"),
    ],
)
def test_what_does_not_go_together_is_said(vaemol, arguments, says, tmp_path):
    (tmp_path / "pool.smi").write_text("\n".join(POOL))
    arguments = [tmp_path / "pool.smi" if part == "POOL" else part for part in arguments]
    code, rows, err = vaemol(*arguments)
    assert (code, rows) == (1, [])
    assert says in err


def test_what_is_to_be_low_is_turned_round(space):
    low = objective_in(space, "min:min:qed")
    np.testing.assert_array_equal(low(POOL), oracles.qed(POOL))
    both = together([oracles.qed, low])
    assert both(POOL).shape == (len(POOL), 2)


@pytest.mark.parametrize(("asked", "least"), [((), 0.4), (("--similarity", 0.25), 0.25)])
def test_a_lead_is_where_a_search_begins_and_what_it_stays_near(vaemol, tmp_path, asked, least):
    lead = "CCOC(=O)c1ccccc1O"
    code, rows, _ = vaemol("--method", "genetic", "--objective", "qed", "--lead", lead, *asked)
    assert code == 0
    assert tanimoto(rows[0]["smiles"], lead) == 1
    alike = [tanimoto(row["smiles"], lead) for row in rows]
    assert len(rows) > 5
    assert least <= min(alike) < 1
    (tmp_path / "pool.smi").write_text("\n".join(POOL))
    wide = ("--lead", lead, "--similarity", 0.01, "--start", tmp_path / "pool.smi", "--method", "genetic")
    for seed in range(3):
        assert tanimoto(vaemol(*wide, "--seed", seed)[1][0]["smiles"], lead) == 1
    (tmp_path / "blank.smi").write_text("\n\n")
    assert "start must hold molecules" in vaemol("--start", tmp_path / "blank.smi")[2]
    assert vaemol("--lead", "c1ccccc")[::2] == (1, "error: lead must be readable SMILES, got 'c1ccccc'\n")
    assert vaemol("--similarity", 0.3)[2] == "error: similarity must be to a lead; --similarity needs --lead\n"
    assert "--column needs --start" in vaemol("--column", "drug")[2]


@pytest.fixture
def program(tmp_path):
    """A program that has a value of all but nitrogen, and keeps what it was asked for in a log."""
    path, log = tmp_path / "program.py", tmp_path / "log"
    log.touch()
    path.write_text(
        f"import sys\nlines = sys.stdin.read().split()\nopen({str(log)!r}, 'a').writelines(t + '\\n' for t in lines)\n"
        "for t in lines: print('' if 'N' in t else len(t))\n"
    )
    return f"command:{sys.executable} {path}", lambda: log.read_text().split()


def without_seconds(rows):
    return [row | {"seconds": ""} for row in rows]


@pytest.mark.parametrize(
    "others", [(), ("--objective", "sa_score"), ("--objective", "qed", "--weight", 1, "--weight", 2)]
)
def test_no_program_is_paid_twice_for_a_molecule_and_a_killed_search_is_the_same(vaemol, tmp_path, program, others):
    name, log = program
    calls, asked = tmp_path / "calls.csv", ("--objective", f"min:{name}", *others)
    vaemol(*asked, "--method", "random_prior", "--calls", calls)
    paid, another = log(), ("--method", "random_prior", "--batch", 5, "--budget", 30, "--require", "heavy_atoms>=2")
    new = vaemol(*asked, *another, "--calls", tmp_path / "others.csv")[1]
    before, content = len(log()), calls.read_bytes()
    code, rows, err = vaemol(*asked, *another, "--calls", calls)
    known = {text for text in paid if "N" not in text} & {row["smiles"] for row in rows}
    assert (code, len(rows), len(known) > 3) == (0, 30, True)
    assert without_seconds(rows) == without_seconds(new), "values are as if all were asked for"
    assert set(log()[before:]) == {row["smiles"] for row in rows} - known, "those without a value are asked for again"
    assert f"{calls}.answers.csv holds {len({text for text in paid if 'N' not in text})} answers" in err
    whole = calls.read_bytes()
    calls.write_bytes(whole[: (len(content) + len(whole)) // 2])
    assert without_seconds(vaemol(*asked, *another, "--calls", calls)[1]) == without_seconds(rows)
    assert calls.read_text().count("\n") == whole.decode().count("\n")


def test_what_a_program_said_is_kept_where_another_ends_the_search(vaemol, tmp_path, program):
    (name, log), other = program, tmp_path / "other"
    asked = ("--objective", name, "--objective", f"command:{other}", "--calls", tmp_path / "calls.csv")
    code, _, err = vaemol(*asked, "--method", "random_prior")
    assert (code, "must be a program that can be started" in err) == (1, True)
    valued = [text for text in log() if "N" not in text]
    other.write_text(f"#!{sys.executable}\nimport sys\nfor line in sys.stdin: print(1)\n")
    other.chmod(0o755)
    code, rows, err = vaemol(*asked, "--method", "random_prior")
    assert (code, len(rows)) == (0, 24)
    assert f"calls.csv.answers.csv holds {len(valued)} answers of programs; none is asked for again" in err
    valued = [text for text in log() if "N" not in text]
    assert len(valued) == len(set(valued)) > 3


def test_a_program_that_is_required_is_asked_once(vaemol, tmp_path, program):
    name, log = program
    asked = ("--objective", f"min:{name}", "--require", f"{name}>=4", "--calls", tmp_path / "calls.csv")
    for seed in (0, 0, 1):
        code, rows, _ = vaemol(*asked, "--method", "genetic", "--seed", seed)
        assert code == 0
        assert all(float(row["value"]) == -len(row["smiles"]) <= -4 for row in rows)
    valued = [text for text in log() if "N" not in text]
    assert len(valued) == len(set(valued)) > 24


def test_only_what_a_program_said_is_taken_from_other_runs(vaemol, tmp_path):
    calls, asked = tmp_path / "calls.csv", ("--objective", "penalised_log_p", "--method", "random_prior")
    vaemol(*asked, "--calls", calls)
    _, rows, err = vaemol(*asked, "--calls", calls, "--max-heavy-atoms", 3)
    assert "those in" not in err
    assert any(row["value"] == "" for row in rows)


def test_where_nothing_but_the_lead_holds_what_is_required_is_an_error(vaemol):
    asked = ("--method", "genetic", "--lead", "CCO", "--similarity", 0.01)
    code, rows, err = vaemol(*asked, "--require", "log_p>=90")
    assert (code, [row["smiles"] for row in rows]) == (1, ["CCO"])
    assert "no more new smiles to ask for that hold what is required, nothing but the lead was" in err
    code, rows, err = vaemol(*asked, "--require", "heavy_atoms<=3", "--budget", 200)
    assert (code, 1 < len(rows) < 200) == (0, True)
    assert f"no more new smiles to ask for that hold what is required: {len(rows)} calls made" in err


@pytest.mark.parametrize("command", ["optimize", "score"])
def test_what_a_program_may_and_may_not_is_said(command, capsys, tmp_path):
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "command:PROGRAM (without a shell: no pipes)" in told
    assert "--seconds N seconds that a command: may take for each molecule; default: 600" in told
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(60)\n")
    asked = ("--objective", f"command:{sys.executable} {tmp_path / 'slow.py'}", "--seconds", "1")
    (tmp_path / "one.smi").write_text("CCO\n")
    start = ("--method", "random_prior", "--start", str(tmp_path / "one.smi"), "--budget", "1")
    assert cli.main([command, *asked, *(start if command == "optimize" else ["CCO"])]) == 1
    assert "it took more than 1 s" in capsys.readouterr().err


def test_proposals_are_ranked_within_the_limits_given(model, capsys):
    asked = ["propose", "CCO", "--model", str(model), "--count", "3", "--rank", "penalised_log_p"]
    for limits, valued in (([], True), (["--max-heavy-atoms", "1"], False)):
        assert cli.main([*asked, *limits]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [bool(row["value"]) for row in rows] == [valued] * len(rows) != []
