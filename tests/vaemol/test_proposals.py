import math

import pytest
from rdkit.Chem.rdMolDescriptors import CalcNumRings

from vaemol.cli import main
from vaemol.constraints import all_of
from vaemol.molecule import canonical, parse, tanimoto
from vaemol.oracles import qed
from vaemol.proposals import Asked, analogues, lacks_of, mixtures, proposed, shown
from vaemol.smooth import smooth_path
from vaeseq.errors import InputError

A, B, C = "CC(=O)Oc1ccccc1C(=O)O", "NC1CCCC1O", "c1ccncc1"
ANY = all_of([])


@pytest.mark.parametrize(
    "propose",
    [
        lambda space, holds, seed: analogues(space, A, 8, holds=holds, similar=(0, 1), seed=seed),
        lambda space, holds, seed: mixtures(space, [A, B, C], 8, holds=holds, seed=seed),
        lambda space, holds, seed: smooth_path(space, A, B, holds=holds, seed=seed)[1:-1],
    ],
)
def test_proposals_are_canonical_new_and_hold_what_they_must(space, propose):
    found = propose(space, all_of(["rings<=0"]), 0)
    assert found
    assert found == [canonical(parse(text)) for text in dict.fromkeys(found)]
    assert not {A, B, C} & set(found)
    assert not any(CalcNumRings(parse(text)) for text in found)
    assert found == propose(space, all_of(["rings<=0"]), 0)
    assert found != propose(space, all_of(["rings<=0"]), 1)


def test_analogues_are_as_alike_as_asked(space):
    near = tanimoto(A, analogues(space, A, 1, holds=ANY, similar=(0, 1))[0])
    found = analogues(space, A, 5, holds=ANY, similar=(near, near))
    assert {tanimoto(text, A) for text in found} == {near}
    assert analogues(space, A, 5, holds=ANY, similar=(0.99, 1)) == []


def test_one_molecule_has_analogues_two_a_path_and_more_a_mixture(space):
    asked = Asked(count=3, similar=(0, 1))
    assert proposed(space, [A], ANY, asked) == analogues(space, A, 3, holds=ANY, similar=(0, 1))
    assert proposed(space, [A, B], ANY, asked) == smooth_path(space, A, B, holds=ANY)  # not of the ends alone
    assert proposed(space, [A, B, C], ANY, asked) == mixtures(space, [A, B, C], 3, holds=ANY)


@pytest.mark.parametrize(
    ("given", "holds", "message"),
    [
        ([], ANY, "at least one"),
        (["x"], ANY, "readable SMILES"),
        ([A, A], ANY, "two different"),
        ([A, A, "[Xe]"], ANY, "Xe"),
        ([A], all_of(["heavy_atoms>=999"]), "no molecule was found that"),
        ([A, B], all_of(["heavy_atoms>=999"]), "no molecule was found between the two that"),
    ],
)
def test_what_cannot_be_proposed_is_said(space, given, holds, message):
    with pytest.raises(InputError, match=message):
        proposed(space, given, holds, Asked(count=2))


def test_what_a_path_lacks_is_told():
    near, large = "COC(=O)c1ccccc1OC(C)=O", all_of(["heavy_atoms>=7"])
    assert list(lacks_of([A, near], [A, near], ANY)) == [
        "nothing was found between the two that is new and holds what is required"
    ]
    assert list(lacks_of([A, near, C], [A, C], large)) == [
        f"the widest step is between molecules of a similarity of {tanimoto(near, C):.2f}",
        "an end does not hold what is required; only what is between them must",
    ]
    assert list(lacks_of([A, near, A], [A, A], ANY)) == []


def test_the_best_come_first(space):
    rows = shown([A, B, C], [A, C], rank=qed)
    assert [row.value for row in rows] == sorted(qed([A, B, C]), reverse=True)
    assert rows[[row.smiles for row in rows].index(A)].similarities.startswith("1.00 ")
    plain = shown([C, A], [A])
    assert [row.smiles for row in plain] == [C, A]
    assert math.isnan(plain[0].value)


@pytest.mark.parametrize("given", [[A], [A, B, C]])
def test_how_many_of_how_many_are_proposed_is_said(model, given, capsys, monkeypatch):
    monkeypatch.setattr("vaemol.proposals.PATIENCE", 1)
    propose = ["propose", *given, "--model", str(model), "--similarity", "0", "1"]
    assert main([*propose, "--count", "64"]) == 0
    out, err = capsys.readouterr()
    assert f"set 1: {out.count(chr(10)) - 1} of 64 molecules: 64 codes give no others that are new" in err
    assert ("as similar" in err) == (len(given) == 1)
    assert main([*propose, "--count", "2", "--rank", "qed"]) == 0
    assert "of 2 molecules" not in capsys.readouterr().err
    assert main(["propose", A, "--model", str(model), "--similarity", "1", "1"]) == 1
    assert "require less" not in capsys.readouterr().out
