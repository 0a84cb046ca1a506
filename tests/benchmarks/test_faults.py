"""Each planted fault has its place, and one that no test sees is told."""

from pathlib import Path

import pytest

from benchmarks.faults import Fault, faults, first_failure

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_a_fault_has_one_place_and_tests_that_are_there(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.was) == 1
    assert fault.is_ != fault.was
    assert all((ROOT / test).is_file() for test in fault.tests)


def test_there_are_many_and_no_name_comes_twice() -> None:
    assert len({fault.name for fault in faults()}) == len(faults()) >= 30


def test_a_fault_that_is_not_noticed_is_told_from_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text("TWO = 2\nTHREE = 3\n")
    (tmp_path / "test_two.py").write_text("from two import TWO\n\ndef test_two():\n    assert TWO == 2\n")
    noticed = Fault("", Path("two.py"), "TWO = 2", "TWO = 3", ["test_two.py"])
    assert first_failure(noticed, tmp_path) == "FAILED test_two.py::test_two"
    assert first_failure(noticed._replace(was="THREE = 3", is_="THREE = 4"), tmp_path) == ""
    assert (tmp_path / "two.py").read_text() == "TWO = 2\nTHREE = 3\n"
    with pytest.raises(RuntimeError, match="did not run"):
        first_failure(noticed._replace(tests=["test_none.py"]), tmp_path)
