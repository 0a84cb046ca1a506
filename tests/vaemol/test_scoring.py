import csv
import io
import subprocess
import sys

import numpy as np
import pytest

from vaemol import oracles
from vaemol.cli import main
from vaemol.molecule import parse
from vaemol.properties import PROPERTIES, properties
from vaemol.scoring import scored
from vaeseq.console import CHUNK, Line

GIVEN = ["OCC", "nonsense", "CC(=O)Oc1ccccc1C(=O)O", "", "C" * 39]
OBJECTIVES = ["log_p", "penalised_log_p", "similarity:CCO", "zaleplon_mpo", "isomers:C2H6O"]


def test_a_score_is_what_its_function_says():
    ethanol, bad, aspirin, empty, long = scored(map(Line, GIVEN), OBJECTIVES, workers=2)
    for row in (ethanol, aspirin, long):
        assert row["error"] == ""
        assert row["log_p"] == properties(parse(row["smiles"]))["log_p"]
        assert row["similarity:CCO"] == oracles.similarity_to("CCO")([row["smiles"]])[0]
        np.testing.assert_equal(row["penalised_log_p"], oracles.penalised_log_p([row["smiles"]])[0])
        assert row["zaleplon_mpo"] == oracles.oracle_of("zaleplon_mpo")([row["smiles"]])[0]
    assert np.isnan(long["penalised_log_p"])
    assert ethanol["isomers:C2H6O"] == 1 > aspirin["isomers:C2H6O"]
    assert ethanol["smiles"] == "CCO"
    assert bad == {"smiles": "nonsense", "error": "no SMILES that rdkit reads", "others": ()}
    assert empty["error"] == "no SMILES that rdkit reads"


def test_what_stands_beside_a_molecule_is_in_its_row(capsys, monkeypatch):
    table = b"id,smiles,log_p\n1,C(,5\n2,CCO,6\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(table)))
    assert main(["score", "--objective", "log_p"]) == 1
    bad, good = csv.DictReader(io.StringIO(capsys.readouterr().out))
    log_p = f"{properties(parse('CCO'))['log_p']:.9g}"
    assert list(bad.values()) == ["C(", "1", "5", "", "no SMILES that rdkit reads"]
    assert good == {"smiles": "CCO", "id": "2", "log_p_given": "6", "log_p": log_p, "error": ""}


def test_a_larger_molecule_may_have_a_value():
    (row,) = scored([Line("C" * 39)], ["penalised_log_p"], max_heavy_atoms=39, workers=1)
    assert np.isfinite(row["penalised_log_p"])


def test_its_workers_do_not_load_torch():
    script = "import sys, vaemol.scoring; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_every_property_by_default(capsys):
    assert main(["score", "OCC"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert list(row) == ["smiles", *PROPERTIES, "error"]
    assert {name: float(row[name]) for name in PROPERTIES} == pytest.approx(properties(parse("CCO")), rel=1e-8)


def test_bad_molecules_and_objectives(capsys):
    assert main(["score", "--objective", "qed", "CCO", "C1CC"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[2] == "C1CC,,no SMILES that rdkit reads"
    assert err.startswith("error: 1 of 2 rows failed")
    assert main(["score", "--objective", "logp", "CCO"]) == 1
    message = capsys.readouterr().err
    assert "'logp'" in message
    assert "log_p" in message


def test_a_molecule_that_a_library_fails_on_costs_itself_alone():
    # A logP of -412 overflows in rdkit's QED.
    worst, good = scored([Line(".".join("O" * 500)), Line("CCO")], ["qed"], workers=1)
    assert worst["error"] == "crashed"
    assert good["qed"] > 0.4


def test_a_program_is_started_once_for_many_molecules_and_may_know_none(tmp_path, capsys):
    (tmp_path / "log.py").write_text(
        f"import sys\nlines = sys.stdin.read().split()\nopen({str(tmp_path / 'log')!r}, 'a').write(f'{{lines}}')\n"
        "for line in lines: print(len(line) if line == 'CCO' else '')\n"
    )
    program = f"command:{sys.executable} {tmp_path / 'log.py'}"
    assert main(["score", "--objective", program, "--objective", "qed", "C", "OCC", "nonsense", "N", "O", "S"]) == 1
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row[program] for row in rows] == ["", "3", "", "", "", ""]
    assert [bool(row["qed"]) for row in rows] == [True, True, False, True, True, True]
    assert (tmp_path / "log").read_text() == "['C', 'CCO', 'N', 'O', 'S']"
    assert "4 of 5 molecules have no value" in err


def test_what_a_program_said_is_kept_when_it_breaks_and_not_asked_for_again(tmp_path, capsys):
    (tmp_path / "once.py").write_text(
        f"import sys\nlines = sys.stdin.read().split()\nopen({str(tmp_path / 'log')!r}, 'a').write(f'{{lines}}')\n"
        "sys.exit(1) if 'N' in lines else [print(len(line)) for line in lines]\n"
    )
    broken, out = f"command:{sys.executable} {tmp_path / 'once.py'}", tmp_path / "scores.csv"
    files = ["--calls", str(tmp_path / "calls.csv"), "--output", str(out)]
    asked = ["score", "--objective", broken, *files]
    assert main([*asked, "C", "CC", "N"]) == 0
    assert [line.split(",")[:2] for line in out.read_text().splitlines()[1:]] == [["C", "1"], ["CC", "2"], ["N", ""]]
    (tmp_path / "log").unlink()
    assert main([*asked, "CC", "O", "N"]) == 0
    assert "CC" not in (tmp_path / "log").read_text()
    assert "holds 2 answers of programs" in capsys.readouterr().err


def test_a_file_keeps_the_scores_that_came_before_a_program_broke(tmp_path, monkeypatch):
    monkeypatch.setattr("vaemol.commanded.PATIENCE", 1)
    (tmp_path / "breaks.py").write_text(
        "import sys\nlines = sys.stdin.read().split()\nsys.exit(1) if 'N' in lines[0] else [print(1) for _ in lines]\n"
    )
    command = f"command:{sys.executable} {tmp_path / 'breaks.py'}"
    out, many = tmp_path / "scores.csv", ["C"] * CHUNK + ["N", "O"]
    assert main(["score", "--objective", command, "--output", str(out), *many]) == 1
    assert out.read_text().splitlines()[1:] == ["C,1,"] * CHUNK


def test_an_objective_without_any_value_is_an_error_and_keeps_the_others(capsys, tmp_path):
    nothing, out = f"command:{sys.executable} -c 'print()'", tmp_path / "scores.csv"
    assert main(["score", "--objective", nothing, "--objective", "qed", "CCO", "--output", str(out)]) == 1
    assert f"error: no molecule has a value of {nothing}\n" in capsys.readouterr().err
    assert "0.4068" in out.read_text()
    assert main(["score", "--objective", "qed", "nonsense"]) == 1
    assert "has a value" not in capsys.readouterr().err
