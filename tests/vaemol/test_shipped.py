from itertools import islice

from vaemol.builtin import builtin_molecules
from vaemol.cli import main
from vaemol.molecule import canonical, parse
from vaemol.notation import to_text
from vaemol.shipped import MODEL
from vaemol.space import MoleculeSpace
from vaemol.strangers import parent
from vaeseq.tokenizer import UNK

KNOWN = ("CC(=O)Oc1ccccc1C(=O)O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "CC(=O)Nc1ccc(O)cc1")


def test_the_model_of_the_package_writes_molecules_and_gives_known_ones_back():
    assert sum(file.stat().st_size for file in MODEL.folder.iterdir()) <= 10e6
    space = MoleculeSpace.load(MODEL.folder)
    assert sum(bool(smiles and parse(smiles)) for smiles in space.sample(100, seed=0)) >= 98
    assert space.reconstruct(KNOWN) == [canonical(parse(smiles)) for smiles in KNOWN]


def test_its_vocabulary_covers_the_built_in_molecules():
    parents = filter(None, (parent(smiles) for _, smiles in islice(builtin_molecules(), 0, None, 30)))
    texts = [text for text in (to_text(smiles, "selfies") for smiles in parents) if text]
    assert len(texts) > 480
    rows = MoleculeSpace.load(MODEL.folder).space.tokenizer.encode_batch(texts)
    assert not any(UNK in ids for ids in rows)


def test_a_command_in_an_empty_folder_takes_the_model_of_the_package_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["reconstruct", KNOWN[0]]) == 0
    out, err = capsys.readouterr()
    assert out.count(KNOWN[0]) == 2
    assert "comes with the package" in err
