import json
import shutil

import pytest
import torch

from vaemol.interpolation import identity
from vaemol.molecule import canonical, parse
from vaemol.space import MoleculeSpace
from vaeseq import commands
from vaeseq.console import Line
from vaeseq.errors import InputError
from vaeseq.space import LatentSpace


def test_decoded_texts_are_canonical_or_empty(space):
    decoded = space.sample(60, seed=1)
    assert any(decoded)
    for smiles in filter(None, decoded):
        assert canonical(parse(smiles)) == smiles


def test_the_same_molecule_has_the_same_code(space):
    posterior = space.encode(["OCC", "CCO", "C(O)C"])
    assert posterior.batch_shape == (3,)
    assert posterior.event_shape == (space.latent,)
    torch.testing.assert_close(posterior.mean, posterior.mean[:1].expand(3, -1), rtol=0, atol=1e-6)


def test_reconstruction_is_the_decoded_mean(space):
    smiles = ["CCO", "c1ccncc1"]
    assert space.reconstruct(smiles) == space.decode(space.encode(smiles).mean)


def test_a_seed_decides_what_is_sampled(space):
    assert space.sample(20, seed=1) == space.sample(20, seed=1)
    assert space.sample(20, seed=1) != space.sample(20, seed=2)


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("nonsense", "no SMILES that rdkit reads"),
        ("", "no text"),
        ("C" * 100_000, "more characters than the limit"),
        ("[238U]", "not trained on"),
    ],
)
def test_what_cannot_be_read_is_named(space, smiles, reason):
    with pytest.raises(InputError, match=reason) as caught:
        space.encode(["CCO", smiles])
    assert len(str(caught.value)) < 300


def test_a_molecule_that_breaks_a_library_is_named(space, monkeypatch):
    def broken(smiles, notation):
        raise RuntimeError("Invariant Violation")

    monkeypatch.setattr("vaemol.record.to_text", broken)
    with pytest.raises(InputError, match="'CCO': crashed"):
        space.texts(["CCO"])


def test_a_line_that_kills_or_cannot_be_read_costs_itself_alone(space, monkeypatch):
    monkeypatch.setattr(space, "_made", eval)  # worker processes cannot import a test module
    good, kill = "('[C]',[])", "__import__('os')._exit(3)"
    lines = [Line(text) for text in (good, f"{good} {good}", kill, "", f"{good} {kill}", good)]
    lines.insert(3, Line("\ufffd", "line must be UTF-8 text, byte 0 is not"))
    read = list(space.readings(lines, several=True))
    assert [line for line, _ in read] == lines
    assert [found if isinstance(found, list) else str(found)[-7:] for _, found in read] == [
        ["[C]"], ["[C]"] * 2, "crashed", " is not", [], "crashed", ["[C]"]
    ]  # fmt: skip
    (row, lost), texts = next(commands.read(space, lines[0:4:2], "smiles"))
    assert row["error"] == ""
    assert lost["error"].endswith("crashed")
    assert texts == ["[C]"]


def test_molecules_are_read_as_the_model_was_taught(space):
    taught = space.space.of(space.space.vae)
    taught.metadata = space.space.metadata | {"standardise": True, "max_characters": 40, "max_heavy_atoms": 13}
    own = MoleculeSpace(taught)
    salt, acid = "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", "CC(=O)Oc1ccccc1C(=O)O"
    assert own.texts([salt, "C[NH3+]", "OCC"]) == own.texts([acid, "CN", "CCO"])
    assert own.reread == (2, salt, acid)
    assert identity(own, salt) == acid
    assert list(own.readings(map(Line, [salt, acid]))) == [(Line(text), own.texts([acid])) for text in (salt, acid)]
    assert own.reread[0] == 4
    for large, reason in (("C" * 14, "more heavy atoms than the limit"), ("C" * 41, "more characters than the limit")):
        with pytest.raises(InputError, match=reason):
            own.texts([large])
        assert space.texts([large])
    with pytest.raises(InputError, match="not trained on"):
        space.texts([salt])


@pytest.mark.parametrize("wrong", [{"max_characters": "many"}, {"max_characters": 10_000}, {"max_heavy_atoms": -1}])
def test_limits_that_are_none_are_refused(space, wrong):
    foreign = space.space.of(space.space.vae)
    foreign.metadata = space.space.metadata | wrong
    with pytest.raises(InputError, match=next(iter(wrong))):
        MoleculeSpace(foreign)


def test_a_model_of_something_else_is_refused(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"domain": {"name": "sentences"}}))
    assert LatentSpace.load(folder).latent == config["latent"]
    with pytest.raises(InputError, match="model must be one of molecules, got one of 'sentences'"):
        MoleculeSpace.load(folder)
    with pytest.raises(InputError, match="dvc repro"):
        MoleculeSpace.load(tmp_path / "nowhere")
