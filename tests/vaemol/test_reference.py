import json
from contextlib import suppress

import numpy as np
import pytest
from rdkit.Chem import MolToSmiles
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

from vaemol import fcd, guacamol
from vaemol.builtin import builtin_molecules
from vaemol.cli import main
from vaemol.filters import passes
from vaemol.judge import judged
from vaemol.metrics import internal_diversity, novelty, uniqueness
from vaemol.molecule import parse
from vaemol.notation import to_smiles
from vaemol.portrait import portrait
from vaemol.reference import (
    Reference,
    Training,
    hashes,
    known_in,
    load_portrait,
    load_training,
    save_portrait,
    save_training,
)
from vaeseq.errors import InputError

BIPHENYLS = ["c1ccccc1-c1ccccc1", "Cc1ccc(-c2ccccc2)cc1", "OCC", "C1CC", "c1ccccc1"]
PATTERNS = ("[#6]-[#8]-[#1]",)


@pytest.fixture(scope="module")
def some():
    return [to_smiles(smiles, "smiles") for _, smiles in builtin_molecules()][:120]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, some):
    """A reference of few molecules."""
    folder = tmp_path_factory.mktemp("reference")
    save_portrait(folder / "test.npz", portrait(some[:60], workers=1, device="cpu"))
    save_portrait(folder / "scaffolds.npz", portrait(BIPHENYLS, workers=1, device="cpu"))
    save_training(folder / "training.npz", Training(hashes(some[:60]), guacamol.sketch(some[:60], device="cpu")))
    (folder / "patterns.txt").write_text("\n".join(PATTERNS) + "\n")
    return folder


def test_a_portrait_by_hand():
    found = portrait(BIPHENYLS, workers=1, device="cpu")
    assert found.chemnet.of == len(found.fingerprints) == 4
    # Benzene has a ring too few; biphenyl is the scaffold of two.
    assert found.scaffolds == {"c1ccc(-c2ccccc2)cc1": 2}
    # The bond between the rings is cut, and where it was is told by the kind of cut.
    assert found.fragments == {"[16*]c1ccccc1": 3, "[16*]c1ccc(C)cc1": 1, "CCO": 1, "c1ccccc1": 1}
    bits = np.unpackbits(found.fingerprints, axis=1, bitorder="little")
    assert np.flatnonzero(bits[2]).tolist() == list(
        GetMorganGenerator(radius=2, fpSize=1024).GetFingerprint(parse("CCO")).GetOnBits()
    )


def test_scaffolds_differ_by_stereo_as_those_of_moses_do():
    decalins = ["C1CCC2CCCCC2C1", "C1CC[C@H]2CCCC[C@H]2C1", "CC1CC[C@H]2CCCC[C@@H]2C1"]
    found = portrait([*decalins, decalins[1]], workers=1, device="cpu").scaffolds
    # compute_scaffold of moses/metrics/utils.py: MolToSmiles(GetScaffoldForMol(mol))
    assert found == {
        MolToSmiles(GetScaffoldForMol(parse(smiles))): count for smiles, count in zip(decalins, (1, 2, 1), strict=True)
    }
    assert len(found) == 3


def test_spelling_changes_nothing_and_copies_count():
    one = portrait(["CCO", "c1ccccc1-c1ccccc1"], workers=1, device="cpu")
    two = portrait(["OCC", "C(O)C", "C1=CC=CC=C1-c1ccccc1"], workers=1, device="cpu")
    assert two.fragments - one.fragments == {"CCO": 1}
    assert two.scaffolds == one.scaffolds
    assert (two.fingerprints[[0, 2]] == one.fingerprints).all()


def test_a_portrait_comes_back_from_its_file(tmp_path):
    found = portrait(BIPHENYLS, workers=1, device="cpu")
    save_portrait(tmp_path / "here.npz", found)
    again = load_portrait(tmp_path / "here.npz")
    assert (again.fragments, again.scaffolds) == (found.fragments, found.scaffolds)
    assert (again.fingerprints == found.fingerprints).all()
    assert fcd.frechet_distance(again.chemnet, found.chemnet) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["here.npz"]


def test_training_molecules_are_known_by_their_canonical_smiles(tmp_path, some):
    training = Training(hashes([*some, "nonsense", some[0]]), guacamol.sketch(some, device="cpu"))
    save_training(tmp_path / "training.npz", training)
    again = load_training(tmp_path / "training.npz")
    assert len(again.hashes) == len(set(some))
    assert all(smiles in again for smiles in some)
    assert "CCCCCCCCCCCCCCCCCCF" not in again
    assert "" not in Training(np.empty(0, np.uint64), training.sketch)
    assert guacamol.kl_score(again.sketch, training.sketch) == pytest.approx(1)


def test_what_is_not_a_reference_is_refused(tmp_path, folder):
    with pytest.raises(InputError, match=r"test\.npz' must hold fingerprints, fragments, .*; make it again"):
        Reference.load(tmp_path)
    for content in (b"no archive", b"PK\x03\x04 cut off"):
        (tmp_path / "test.npz").write_bytes(content)
        with pytest.raises(InputError, match="make it again"):
            load_portrait(tmp_path / "test.npz")
    whole = (folder / "training.npz").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "training.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with suppress(InputError):  # a bit in what nobody looks at is not seen
            load_training(tmp_path / "training.npz")
    arrays = dict(np.load(folder / "training.npz"))
    for change in ({"hashes": np.array([None])}, {"mean": arrays["mean"][:6]}, {"covariance": arrays["mean"]}):
        np.savez(tmp_path / "training.npz", **(arrays | change))  # the first is a pickle
        with pytest.raises(InputError, match="make it again"):
            load_training(tmp_path / "training.npz")
    for name in ("test.npz", "scaffolds.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(InputError, match=r"must hold 'patterns\.txt'"):
        Reference.load(tmp_path)


def test_samples_are_judged_by_all_measures(folder, some):
    samples = [*some[40:100], "nonsense", some[40], ""]
    valid = [*some[40:100], some[40]]
    figures = judged(samples, Reference.load(folder), workers=1, device="cpu")
    assert figures["validity"] == (61 / 63, 63)
    assert figures["unique_1k"] == figures["unique_10k"] == uniqueness(valid, at=1_000) == (60 / 61, 61)
    assert figures["novelty"] == novelty(valid, set(some[:60])) == (40 / 60, 60)
    for p in (1, 2):
        assert figures[f"internal_diversity_{p}"] == pytest.approx(internal_diversity(valid, p=p))
    assert figures["filters"] == (sum(passes(parse(smiles), PATTERNS) for smiles in valid) / 61, 61)
    assert 0 < figures["filters"].value < 1
    assert figures["fcd_test"] == fcd.fcd(valid, fcd.statistics(some[:60], device="cpu"), device="cpu")
    assert figures["fcd_test"].value < figures["fcd_scaffolds"].value
    assert 1 / 3 < figures["snn_test"].value < 1
    assert figures["guacamol_kl"].of == 60
    assert all(0 <= value <= 1 for name, (value, _) in figures.items() if not name.startswith("fcd"))


def test_the_reference_itself_is_the_best_there_is(folder, some):
    figures = judged(some[:60], Reference.load(folder), workers=1, device="cpu")
    best = ("snn_test", "frag_test", "scaf_test", "guacamol_kl", "guacamol_fcd")
    assert [figures[name].value for name in best] == pytest.approx([1.0] * len(best))
    assert figures["fcd_test"].value == pytest.approx(0, abs=1e-6)
    assert figures["novelty"].value == 0


def test_samples_without_a_molecule_are_refused(folder):
    with pytest.raises(InputError, match="at least 2 valid molecules"):
        judged(["nonsense", ""], Reference.load(folder), workers=1)


def test_the_command_writes_what_the_function_says(folder, some, tmp_path, capsys):
    samples = [*some[40:100], "nonsense", ""]
    (tmp_path / "samples.smi").write_text("\n".join(["smiles", f"{samples[0]} name", *samples[1:]]) + "\n")
    command = ["judge", str(tmp_path / "samples.smi"), "--reference", str(folder), "--format", "json"]
    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)
    figures = judged(samples, Reference.load(folder), device="cpu")
    assert [row["figure"] for row in rows] == list(figures)
    assert [row["value"] for row in rows] == pytest.approx([value for value, _ in figures.values()])
    assert [row["of"] for row in rows] == [of for _, of in figures.values()]
    assert main([*command[:3], str(tmp_path)]) == 1
    assert "make it again" in capsys.readouterr().err
    assert main([*command, "--column", "drawn"]) == 1
    assert "column 'drawn' must be in the table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("CCO a name\nnonsense\n\nNCC\n", "1 of 3 known molecules are no readable SMILES\n"),
        ("log_p,smiles,error\n0.1,OCC,\n,nonsense,unparsable\n0.2,CCN,\n", "1 of 3 known"),
        ('"SMILES"\nOCC ethanol\n"CCN"\n', ""),
    ],
)
def test_known_molecules_are_lines_or_a_column(tmp_path, capsys, content, said):
    (tmp_path / "known").write_text(content)
    assert known_in(tmp_path / "known") == {"CCO", "CCN"}
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("content", ["nonsense\n", "a,b\nCCO,1\n", "smiles,a\n1,CCO\n", "smiles\n", "\n"])
def test_a_file_without_a_known_molecule_is_refused(tmp_path, content):
    (tmp_path / "known").write_text(content)
    with pytest.raises(InputError, match=r"molecules must be SMILES, none of the|must have a column called smiles"):
        known_in(tmp_path / "known")


def test_of_a_known_salt_the_parent_is_known_too(tmp_path):
    (tmp_path / "known").write_text("CC(=O)[O-].[Na+]\nCCO\n")
    assert known_in(tmp_path / "known") == {"CC(=O)[O-].[Na+]", "CC(=O)O", "CCO"}
