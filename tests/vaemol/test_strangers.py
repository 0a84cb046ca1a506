import os
import signal

from vaemol.strangers import canonical_each


def test_each_is_read_in_order_and_what_is_no_molecule_is_empty():
    texts = ["OCC", "no molecule", "", "c1ccccc1O", "C" * 5_000, "\x00", "OCC"]
    assert list(canonical_each(texts, workers=1)) == ["CCO", "", "", "Oc1ccccc1", "", "", "CCO"]


def _deadly(text, notation):
    if text == "boom":
        os.kill(os.getpid(), signal.SIGKILL)
    return text


def test_what_kills_its_reader_costs_itself_alone(monkeypatch):
    monkeypatch.setattr("vaemol.strangers.to_smiles", _deadly)
    assert list(canonical_each(["a", "boom", "b"], workers=1)) == ["a", "", "b"]
