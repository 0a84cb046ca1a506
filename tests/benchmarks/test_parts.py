import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import record
from benchmarks.parts import Parts


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    return tmp_path / "thing.json"


def _parts() -> Parts:
    return Parts("thing", command="make it", data={"name": "set"}, seed=0, budget={})


def _never() -> float:
    raise AssertionError("measured again")


def test_a_part_is_measured_once_by_whichever_process_comes_first(results: Path) -> None:
    assert _parts().take("a", "settings", lambda: {"nats": 3.0}) == {"nats": 3.0}
    assert _parts().take("a", "settings", _never) == {"nats": 3.0}
    found = json.loads(results.read_text(encoding="utf-8"))
    assert found["figures"] == {"a": {"nats": 3.0}}
    assert found["command"] == "make it"
    assert {"commit", "date", "machine", "versions"} < found["parts"]["a"].keys()


def test_other_settings_are_measured_anew_and_leave_the_other_parts(results: Path) -> None:
    parts = _parts()
    parts.several("5", "settings", lambda: {"kl_5": 4.9, "old_5": 1.0})
    parts.take("cap", "settings", lambda: 7.0)
    assert parts.several("5", "others", lambda: {"kl_5": 5.1}) == {"kl_5": 5.1}
    assert json.loads(results.read_text(encoding="utf-8"))["figures"] == {"cap": 7.0, "kl_5": 5.1}
    assert parts.take("cap", "settings", _never) == 7.0


def test_what_another_process_wrote_meanwhile_stays(results: Path) -> None:
    def made() -> float:
        _parts().take("b", "settings", lambda: 2.0)
        return 1.0

    assert _parts().take("a", "settings", made) == 1.0
    assert json.loads(results.read_text(encoding="utf-8"))["figures"] == {"b": 2.0, "a": 1.0}


def test_a_part_is_of_the_commit_that_it_was_begun_with(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "circumstances", lambda: {"commit": "begun"})

    def made() -> float:
        monkeypatch.setattr(record, "circumstances", lambda: pytest.fail("asked when all is measured"))
        return 1.0

    _parts().take("a", "settings", made)
    found = json.loads(results.read_text(encoding="utf-8"))
    assert (found["commit"], found["parts"]["a"]["commit"]) == ("begun", "begun")


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("made", [lambda: {"kl_5": 1.0}, lambda: {"kl_10": 1.0, "kl_5": 1.0}])
def test_two_parts_do_not_have_the_same_figure(made: Callable[[], dict[str, float]]) -> None:
    _parts().several("5", "settings", lambda: {"kl_5": 4.9})
    with pytest.raises(ValueError, match=r"must not be those of another part, got \['kl_5'\]"):
        _parts().several("10", "settings", made)


def test_a_file_of_an_earlier_kind_is_measured_anew(results: Path) -> None:
    record.write("thing", command="make it", data={}, seed=0, budget={}, figures={"a": 1.0})
    assert _parts().take("a", "settings", lambda: 2.0) == 2.0
    assert json.loads(results.read_text(encoding="utf-8"))["figures"] == {"a": 2.0}
