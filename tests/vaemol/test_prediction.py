"""Properties that a model predicts, as an objective and on the command line."""

import copy
import csv
import io
import math

import pytest
import torch

from vaemol import cli
from vaemol.molecule import canonical, parse
from vaemol.prediction import objective_in, predicted_by
from vaemol.space import MoleculeSpace
from vaeseq import commands
from vaeseq.console import Line
from vaeseq.errors import InputError
from vaeseq.space import LatentSpace

ENDS = ("CC(=O)Oc1ccccc1C(=O)O", "OC1CCCC1N", "c1ccncc1")


def test_an_objective_is_the_prediction_where_the_model_knows_molecules_like_it(space):
    told = space.space.predict(space.texts(ENDS))
    values = objective_in(space, "property:pIC50")([ENDS[0], "C(C", "CC[Si]C", *ENDS[1:]])
    assert values[[0, 3, 4]].tolist() == pytest.approx(told.mean[:, 0].tolist())
    assert all(math.isnan(value) for value in values[[1, 2]]), "no molecule, and one of an unknown atom"
    vae = copy.deepcopy(space.space.vae)
    vae.properties.edge.fill_(float(vae.properties.distance(space.encode(ENDS).mean).median()))
    known = MoleculeSpace(LatentSpace.of(space.space, vae))
    inside = known.space.predict(known.texts(ENDS)).inside.tolist()
    assert sorted(inside) == [False, True, True]
    values = predicted_by(known, "pIC50")(ENDS)
    assert [not math.isnan(value) for value in values] == inside
    assert len(predicted_by(known, "pIC50")(["nonsense"])) == 1


def test_other_objectives_are_as_ever_and_an_unknown_property_is_said(space):
    assert objective_in(space, "qed")(["CCO"])[0] > 0
    with pytest.raises(InputError, match=r"must be one that the model predicts: pIC50; got 'pKi'"):
        objective_in(space, "property:pKi")
    with pytest.raises(InputError, match="property:pIC50 is what the model predicts"):
        objective_in(space, "pIC50")
    vae = copy.deepcopy(space.space.vae)
    vae.properties = None
    with pytest.raises(InputError, match="this one predicts none"):
        objective_in(MoleculeSpace(space.space.of(vae)), "property:pIC50")


def test_how_many_predictions_are_guesses_is_said(space, capsys):
    lines = [Line(text) for text in (*ENDS, "C(C")]
    assert len(next(commands.predicted(space, lines, "smiles"))) == 4
    assert capsys.readouterr().err == ""
    vae = copy.deepcopy(space.space.vae)
    vae.properties.edge.fill_(float(vae.properties.distance(space.encode(ENDS).mean).median()))
    known = MoleculeSpace(LatentSpace.of(space.space, vae))
    (rows,) = commands.predicted(known, lines, "smiles")
    assert [row.get("inside") for row in rows].count(False) == 1
    assert capsys.readouterr().err.startswith("1 of 3 are unlike all that the model was taught")


@pytest.fixture
def vaemol(model, capsys):
    def run(command, *arguments):
        code = cli.main([command, "--model", str(model), *arguments])
        return code, list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    return run


def test_the_command_line_predicts_and_keeps_what_it_cannot_read(vaemol, space):
    code, rows = vaemol("predict", ENDS[0], "C(C", ENDS[1])
    assert code == 1
    assert list(rows[0]) == ["smiles", "pIC50", "pIC50_deviation", "inside", "error"]
    told = space.space.predict(space.texts([ENDS[0], ENDS[1]]))
    good = [row for row in rows if not row["error"]]
    assert [float(row["pIC50"]) for row in good] == pytest.approx(told.mean[:, 0].tolist(), rel=1e-5)
    assert [float(row["pIC50_deviation"]) for row in good] == pytest.approx(told.deviation[:, 0].tolist(), rel=1e-5)
    assert {row["inside"] for row in good} == {"1"}
    assert "readable SMILES" in rows[1]["error"]


def test_the_command_line_climbs_and_ranks_by_a_prediction(vaemol, space):
    budget = ("--budget", "14", "--initial", "6", "--batch", "4")
    code, rows = vaemol("optimize", "--objective", "property:pIC50", "--method", "ascent", *budget)
    assert (code, len(rows)) == (0, 14)
    values = predicted_by(space, "pIC50")([row["smiles"] for row in rows])
    assert [float(row["value"]) for row in rows] == pytest.approx(values.tolist(), rel=1e-5)
    code, rows = vaemol("propose", ENDS[0], "--similarity", "0", "1", "--rank", "property:pIC50", "--count", "5")
    values = [float(row["value"]) for row in rows]
    assert len(values) > 1
    bar = (values[0] + values[-1]) / 2
    _, held = vaemol(
        "propose", ENDS[0], "--similarity", "0", "1", "--require", f"property:pIC50>={bar}", "--count", "5"
    )
    assert len(held) > 1
    assert predicted_by(space, "pIC50")([row["smiles"] for row in held]).min() >= bar
    assert values == sorted(values, reverse=True)
    assert all(canonical(parse(row["smiles"])) == row["smiles"] for row in rows)
    assert torch.is_grad_enabled()
