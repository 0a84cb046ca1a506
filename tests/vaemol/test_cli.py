import csv
import io
import json
import shutil
import subprocess
import sys

import pytest
from rdkit import Chem

from vaemol.cli import main
from vaemol.constraints import all_of
from vaemol.interpolation import interpolate
from vaemol.molecule import parse
from vaemol.properties import properties
from vaemol.proposals import RANKED, analogues
from vaeseq.inversion import Inverted
from vaeseq.space import LatentSpace

ENDS = "CC(=O)Oc1ccccc1C(=O)O", "OC1CCCC1N"


@pytest.fixture
def vaemol(model, capsys, monkeypatch):
    """Runs a command on the small model: exit code, rows, messages."""

    def run(command, *arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([command, "--model", str(model), *map(str, arguments)])
        out, err = capsys.readouterr()
        rows = json.loads(out) if "json" in arguments else list(csv.DictReader(io.StringIO(out)))
        assert "Traceback" not in err
        return code, rows, err

    return run


def test_sample_is_the_function(vaemol, space):
    code, rows, _ = vaemol("sample", "--count", 300, "--seed", 3, "--temperature", 0.5)
    assert code == 0
    assert len(rows) == 300
    assert [row["smiles"] for row in rows[:256]] == space.sample(256, temperature=0.5, seed=3)


def test_draws_go_on_until_so_many_hold_what_is_required(vaemol, space):
    code, rows, _ = vaemol("sample", "--count", 300, "--require", "rings>=1")
    drawn = space.sample(256, seed=0)
    held = [text for text, holds in zip(drawn, all_of(["rings>=1"])(drawn), strict=True) if holds]
    assert (code, len(rows)) == (0, 300)
    assert [row["smiles"] for row in rows][: len(held)] == held != drawn
    assert all_of(["rings>=1"])([row["smiles"] for row in rows]).all()
    code, rows, err = vaemol("sample", "--require", "heavy_atoms>=999")
    assert (code, rows) == (1, [])
    assert "of 5,120 in a row none does" in err


def test_encode_then_decode_is_reconstruct(vaemol, space, tmp_path):
    path = tmp_path / "codes.csv"
    assert vaemol("encode", *ENDS, "--output", path)[0] == 0
    _, decoded, _ = vaemol("decode", path)
    _, piped, _ = vaemol("decode", stdin=path.read_bytes())
    _, reconstructed, _ = vaemol("reconstruct", *ENDS)
    wanted = space.reconstruct(ENDS)
    assert [row["smiles"] for row in decoded] == [row["smiles"] for row in piped] == wanted
    assert [row["reconstruction"] for row in reconstructed] == wanted


def test_bad_rows_are_kept_and_the_others_go_on(vaemol):
    lines = b"CCO\nnonsense\n\n\xff\xfe\n" + b"C" * 100_000 + b"\n[238U]\nOCC\n=1+1\n"
    code, rows, err = vaemol("encode", stdin=lines)
    assert code == 1
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, True, True, False, True]
    assert rows[0]["z_1"] == rows[6]["z_1"] != ""
    assert rows[1]["z_1"] == ""
    assert rows[7]["smiles"] == "'=1+1"
    assert err == "error: 6 of 8 rows failed: see their error column\n"


def test_what_is_read_as_another_molecule_is_said_once(vaemol, model, tmp_path, monkeypatch):
    taught = tmp_path / "model"
    shutil.copytree(model, taught)
    config = json.loads((taught / "config.json").read_text())
    (taught / "config.json").write_text(json.dumps(config | {"domain": config["domain"] | {"standardise": True}}))
    salt = f"{ENDS[0][:-1]}[O-].[Na+]"
    _, rows, err = vaemol("reconstruct", "--model", taught, salt, "CCO", "C[NH3+]", ENDS[0])
    assert [row["similarity"] for row in rows[:1]] == [row["similarity"] for row in rows[3:]]
    assert err.startswith("molecules read as others (")
    assert err.endswith(f": 2, such as {salt!r} as {ENDS[0]!r}\n")
    _, bare, none = vaemol("encode", "--model", taught, ENDS[0])
    _, coded, err = vaemol("encode", "--model", taught, salt)
    assert ([row["z_1"] for row in coded], none) == ([row["z_1"] for row in bare], "")
    assert err.count("molecules read as others") == 1
    monkeypatch.setattr(LatentSpace, "pinned", lambda its, texts: Inverted(its.encode(texts).mean, None))  # seconds
    for command in (("interpolate", "--steps", 3), ("propose", "--rounds", 0)):
        ways = [vaemol(*command, "--model", taught, end, ENDS[1]) for end in (salt, ENDS[0])]
        assert ways[0][1] == ways[1][1] != []
        assert [way[2].count("molecules read as others") for way in ways] == [1, 0]


def test_only_bad_rows(vaemol):
    for command in ("encode", "reconstruct"):
        code, rows, _ = vaemol(command, "nonsense")
        assert (code, len(rows)) == (1, 1)
        assert "no SMILES that rdkit reads" in rows[0]["error"]


@pytest.mark.parametrize(
    "table", ["a,b\n1,2\n", "z_1,z_2\n1,2\n", "CCO\n", "z_1,z_2,z_3,z_4,z_5,z_6,z_7\n", "\n", "\xff\n", ""]
)
def test_a_table_that_holds_no_codes_is_refused(vaemol, table):
    code, rows, err = vaemol("decode", stdin=table.encode("latin-1"))
    assert (code, rows) == (1, [])
    assert err.startswith("error: codes must be")


def test_bad_codes_are_kept_and_the_others_go_on(vaemol):
    header = "error," + ",".join(f"z_{i}" for i in range(1, 7))
    lines = [header, ",1,2,3,4,5,6", ",1,2,3,x,5,6", ",1,2", ",1,2,3,nan,5,6", ",,,,,,", ',"1,2', ",6,5,4,3,2,1"]
    code, rows, _ = vaemol("decode", stdin="\n".join(lines).encode())
    assert code == 1
    assert [bool(row["error"]) for row in rows] == [False, True, True, True, True, True, False]
    bare, _, _ = vaemol("decode", stdin=b"1,2,3,4,5,6\n")
    assert bare == 0
    assert vaemol("decode", stdin=b"1,2,3,4,5,6\nx\n")[0] == 1


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_interpolate_draws_what_it_writes(vaemol, space, tmp_path, suffix):
    image = tmp_path / f"path.{suffix}"
    _, rows, _ = vaemol("interpolate", *ENDS, "--steps", 5, "--kind", "lerp", "--image", image)
    points = interpolate(space, *ENDS, steps=5, kind="lerp")
    assert [row["smiles"] for row in rows] == [point.smiles for point in points]
    assert [float(row["similarity_end"] or "nan") for row in rows] == pytest.approx(
        [point.similarity_end for point in points], rel=1e-8, nan_ok=True
    )
    assert image.read_bytes().startswith({"png": b"\x89PNG", "svg": b"<"}[suffix])


def test_a_path_is_filled(vaemol, space):
    code, rows, err = vaemol("interpolate", *ENDS, "--steps", 5, "--fill", 12)
    missed = [rows[0]["smiles"] != ENDS[0], rows[-1]["smiles"] != "NC1CCCC1O"]
    assert (code, [bool(row["error"]) for row in (rows[0], rows[-1])]) == (int(any(missed)), missed)
    assert [f"path 1 {what} at" in err for what in ("begins", "ends")] == missed
    assert [row["smiles"] for row in rows] == [point.smiles for point in interpolate(space, *ENDS, steps=5, most=12)]


def test_pairs_come_from_standard_input(vaemol):
    code, rows, _ = vaemol("interpolate", "--steps", 3, stdin=b"CCO OC1CCCC1N\tmine\nCCO\nCCO\tnonsense\n")
    assert code == 1
    assert [row["path"] for row in rows] == ["1", "1", "1", "2", "3"]
    assert "two molecules" in rows[3]["error"]
    assert "nonsense" in rows[4]["error"]
    assert [row["name"] for row in rows] == ["mine"] * 3 + ["", "nonsense"]


def test_propose_ranks_and_says_what_is_known(vaemol, space, tmp_path):
    options = ("--similarity", 0, 1, "--count", 5, "--require", "rings<=0", "--rank", "qed")
    code, rows, _ = vaemol("propose", ENDS[0], *options)
    found = analogues(space, ENDS[0], 5 * RANKED, holds=all_of(["rings<=0"]), similar=(0, 1))
    best = sorted(found, key=lambda smiles: -properties(parse(smiles))["qed"])[:5]
    assert code == 0
    assert "known" not in rows[0]
    assert [row["smiles"] for row in rows] == best
    assert [float(row["value"]) for row in rows] == [float(row["qed"]) for row in rows]
    known = tmp_path / "known.smi"
    known.write_text(f"{best[1]} a name\nnonsense\n")
    _, marked, _ = vaemol("propose", ENDS[0], *options, "--known", known)
    assert [row["smiles"] for row in marked if row["known"] == "1"] == [best[1]]


def test_an_end_that_does_not_hold_what_is_required_is_said(vaemol):
    _, rows, err = vaemol("propose", *ENDS, "--require", "heavy_atoms<=100")
    assert "does not hold" not in err
    _, rows, err = vaemol("propose", *ENDS, "--require", f"heavy_atoms<={parse(ENDS[0]).GetNumHeavyAtoms() - 1}")
    assert "path 1: an end does not hold what is required" in err or rows[0]["error"]


def test_a_table_goes_from_command_to_command(vaemol, tmp_path):
    table, codes = f"id,smiles,qed\na,{ENDS[0]},.5\nb,nonsense,\n".encode(), tmp_path / "codes.csv"
    vaemol("encode", "--output", codes, stdin=table)
    _, decoded, _ = vaemol("decode", codes)
    assert [(row["smiles_given"], row["id"], row["qed"]) for row in decoded] == [
        (ENDS[0], "a", ".5"),
        ("nonsense", "b", ""),
    ]
    _, rows, _ = vaemol("propose", "--count", 2, "--similarity", 0, 1, stdin=table)
    assert {(row["set"], row["id"]) for row in rows if not row["error"]} == {("1", "a")}
    for command in ("encode", "reconstruct", "interpolate"):
        _, rows, _ = vaemol(command, "--column", "drug", stdin=f"smiles,drug\nx,{ENDS[0]}\n".encode())
        assert "readable" not in rows[0]["error"]


def test_the_best_of_a_path_come_first_and_say_where_on_it_they_are(vaemol):
    _, path, _ = vaemol("propose", *ENDS)
    _, ranked, _ = vaemol("propose", *ENDS, "--rank", "qed")
    assert [row["step"] for row in path] == [str(i + 1) for i in range(len(path))]
    assert [float(row["value"]) for row in ranked] == sorted((float(row["qed"]) for row in path), reverse=True)
    in_order = sorted(ranked, key=lambda row: int(row["step"]))
    assert [row["smiles"] for row in in_order] == [row["smiles"] for row in path]


def test_sets_of_proposals_come_from_standard_input(vaemol):
    lines = b"CC(=O)Oc1ccccc1C(=O)O OC1CCCC1N\nnonsense\nCCO c1ccncc1 OC1CCCC1N\n"
    code, rows, _ = vaemol("propose", "--count", 2, stdin=lines)
    assert code == 1
    assert [row["set"] for row in rows if row["error"] and not row["smiles"]] == ["2"]
    ends = [rows[0], [row for row in rows if row["set"] == "1"][-1]]
    given = ["CC(=O)Oc1ccccc1C(=O)O", "NC1CCCC1O"]
    assert [bool(row["error"]) for row in ends] == [row["smiles"] != end for row, end in zip(ends, given, strict=True)]
    assert {len(row["similarities"].split()) for row in rows if row["set"] == "3"} == {3}
    _, _, err = vaemol("propose", "CCO", "--require", "qed>=x")
    assert err == "error: constraint must end in a number, got 'qed>=x'\n"


def test_formats(vaemol, tmp_path):
    code, rows, _ = vaemol("reconstruct", *ENDS, "nonsense", "--format", "json")
    assert code == 1
    assert rows[2]["reconstruction"] == ""
    path = tmp_path / "path.sdf"
    assert vaemol("reconstruct", *ENDS, "nonsense", "--output", path)[0] == 1
    records = path.read_text().split("$$$$\n")[:-1]
    assert len(records) == 3
    assert "no SMILES that rdkit reads" in records[2]
    assert Chem.MolFromMolBlock(records[0]) is not None


def test_optimize_resumes_from_its_calls(vaemol, tmp_path):
    calls, image = tmp_path / "calls.csv", tmp_path / "best.svg"
    options = ("--budget", 12, "--initial", 6, "--batch", 3, "--calls", calls)
    code, rows, err = vaemol("optimize", "--objective", "similarity:OCC", *options, "--image", image)
    assert code == 0
    assert [int(row["call"]) for row in rows] == list(range(1, 13))
    assert err.splitlines()[-1].startswith("12 of 12 calls, best ")
    assert image.exists()
    content = calls.read_bytes()
    calls.write_bytes(content[: len(content) // 2])
    _, again, _ = vaemol("optimize", "--objective", "similarity:OCC", *options)
    assert [row["smiles"] for row in again] == [row["smiles"] for row in rows]
    assert vaemol("optimize", "--objective", "nothing")[2].startswith("error: objective must be")


def test_calls_of_other_settings_or_another_model_are_not_taken(vaemol, model, tmp_path):
    calls, pool, other = tmp_path / "calls.csv", tmp_path / "pool.smi", tmp_path / "other"
    pool.write_text("CCO\nCCCCN\nCCCCCC\n")
    shutil.copytree(model, other)
    (other / "config.json").write_text((model / "config.json").read_text() + "\n")
    base = ("--budget", 6, "--initial", 6, "--method", "random_prior", "--objective", "penalised_log_p")

    def made(*others):
        _, rows, _ = vaemol("optimize", *base, "--calls", calls, *others)
        return [(row["smiles"], row["value"]) for row in rows], calls.read_text().count("\n")

    first, lines = made()
    assert (len(first), lines) == (6, 7)
    assert made() == (first, 7)
    changes = ("--max-heavy-atoms", 1), ("--initial", 3), ("--batch", 2), ("--model", other)
    assert [made(*change)[1] for change in changes] == [13, 19, 25, 31]
    assert made("--start", pool)[1] == 34
    longer, lines = made("--budget", 8)
    assert (longer[:6], lines) == (first, 36)


def test_usage_errors_are_two(capsys):
    for arguments in ([], ["fly"], ["sample", "--count", "0"], ["interpolate", "C", "N", "--steps", "1"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    with pytest.raises(SystemExit, match="2"):
        main(["sample", "--image", "x.gif"])
    capsys.readouterr()


@pytest.mark.parametrize("place", ["nowhere", "foreign"])
def test_a_model_that_is_none_is_named(place, tmp_path, capsys):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text('{"a": 1}')
    assert main(["sample", "--model", str(tmp_path / place)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: model ")
    assert place in err


def test_an_output_that_cannot_be_written_is_named(vaemol, tmp_path):
    code, _, err = vaemol("sample", "--output", tmp_path / "no" / "such" / "file.csv")
    assert code == 1
    assert err.startswith("error: ")


def test_a_reader_that_leaves_early_is_no_fault(model):
    command = [sys.executable, "-c", "import sys; from vaemol.cli import main; sys.exit(main())"]
    with subprocess.Popen(
        [*command, "sample", "--count", "3000", "--model", model], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
