from vaemol.molecule import tanimoto
from vaemol.neighbours import Neighbours


def test_the_nearest_known_molecule() -> None:
    known = Neighbours(["CCCO", "c1ccccc1", "nonsense"])
    assert known.nearest("CCO") == ("CCCO", tanimoto("CCO", "CCCO"))
    assert known.nearest("c1ccccc1") == ("c1ccccc1", 1.0)
    assert Neighbours(["nonsense"]).nearest("CCO") == ("", 0.0)
