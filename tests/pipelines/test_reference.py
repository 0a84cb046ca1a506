import gzip
import hashlib

import pytest
from ruamel.yaml import YAML

from pipelines import filters, reference
from vaemol.builtin import builtin_molecules
from vaemol.filters import kept_patterns
from vaemol.notation import to_smiles
from vaemol.reference import Reference
from vaeseq.errors import InputError


@pytest.fixture
def moses(tmp_path, monkeypatch):
    """A folder to work in, where MOSES has few molecules."""
    smiles = [to_smiles(smiles, "smiles") for _, smiles in builtin_molecules()][:90]
    contents = {
        "train.csv.gz": gzip.compress("\n".join(["SMILES", *smiles[:40]]).encode()),
        "test.csv.gz": gzip.compress("\n".join(["SMILES", *smiles[40:60]]).encode()),
        "test_scaffolds.csv.gz": gzip.compress("\n".join(["SMILES", *smiles[60:]]).encode()),
        "mcf.csv": b"names,smarts\nMCF1,[#6]=&!@[#6]-[#6]#[#7]\n",
        "wehi_pains.csv": b'"[#6]#[#7]"  ,"<regId=one>"\n',
    }
    files = []
    for name, content in contents.items():
        path = tmp_path / "mirror" / "moses" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        address = f"https://example.org/{name}"
        files.append({"path": f"moses/{name}", "address": address, "sha256": digest, "bytes": len(content)})
    source = {"domain": "molecules", "title": "few", "licence": "none", "attribution": "none", "files": files}
    with (tmp_path / "sources.yaml").open("w") as stream:
        YAML().dump({"moses": source}, stream)
    monkeypatch.setattr(filters, "SOURCES", tmp_path / "sources.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTPATH_MIRROR", str(tmp_path / "mirror"))
    return smiles


def test_a_reference_is_made_of_the_files_of_moses(moses):
    reference.main()
    found = Reference.load(reference.OUT)
    assert (found.test.chemnet.of, found.scaffolds.chemnet.of) == (20, 30)
    assert [smiles in found.training for smiles in moses] == [True] * 40 + [False] * 50
    assert found.training.sketch.chemnet.of == 40
    assert found.patterns == ("[#6]=&!@[#6]-[#6]#[#7]", "[#6]#[#7]")


def test_what_is_there_is_not_made_again(moses):
    reference.main()
    (reference.OUT / "test.npz").unlink()
    kept = (reference.OUT / "training.npz").stat().st_mtime_ns
    reference.main()
    assert (reference.OUT / "training.npz").stat().st_mtime_ns == kept
    assert Reference.load(reference.OUT).test.chemnet.of == 20


def test_the_filters_are_made_alone(moses):
    filters.main()
    assert [path.name for path in reference.OUT.iterdir()] == ["patterns.txt"]
    assert kept_patterns(reference.OUT) == ("[#6]=&!@[#6]-[#6]#[#7]", "[#6]#[#7]")


def test_what_a_reference_is_made_of_is_known_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTPATH_MIRROR", str(tmp_path / "none"))
    with pytest.raises(InputError, match="mirror must be a folder"):
        filters.main()
