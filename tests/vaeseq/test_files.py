import csv
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq.files import csv_line, key_of, marked, replacing, unmarked, write_whole

FORMULA = tuple("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
STARTS = st.sampled_from([*FORMULA, "a\rb", "\r\n", '"', "'=", "''+1", "-1", "\n=1+1", "\0=1+1", "'\uff1d1+1"])
CELLS = st.text(st.characters(exclude_categories=["Cs"])) | STARTS


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1))
def test_a_line_of_csv_gives_its_cells_back_whatever_line_ends_they_hold(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(map(csv_line, rows))
    with path.open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))
    assert [[unmarked(cell) for cell in row] for row in cells] == rows
    assert not [cell for row in cells for cell in row if cell.startswith(FORMULA) and not number(cell)]


def number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_number_keeps_its_sign_and_a_formula_of_a_text_is_marked() -> None:
    cells = [-0.5, "-0.5", "=1+1", "'=1+1", "it's", "- a", "@b", -3, "'"]
    line = csv_line(cells)
    assert line == "-0.5,-0.5,'=1+1,''=1+1,it's,'- a,'@b,-3,'\n"
    assert [unmarked(cell) for cell in line.strip("\n").split(",")] == [*map(str, cells)]


@pytest.mark.parametrize("sign", FORMULA)
def test_whatever_a_formula_begins_with_is_marked(sign: str) -> None:
    assert marked(f"{sign}1+1") == f"'{sign}1+1"
    assert unmarked(f"'{sign}1+1") == f"{sign}1+1"


def test_a_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_raises_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("old")

    def full() -> None:
        with replacing(path) as partial:
            partial.write_text("ne")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        full()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "done.json", "näh")
    assert (tmp_path / "done.json").read_bytes() == "näh".encode()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "other.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["done.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_later_leaves_it_too(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.json"
    path.write_text("old")

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    if step == "fsync":
        monkeypatch.setattr("os.fsync", fails)
    else:
        monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="Input/output"), replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_on_disk_before_they_take_the_place_and_the_name_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, sync, replace = [], os.fsync, Path.replace

    def synced(number: int) -> None:
        done.append(("on disk", os.fstat(number).st_ino))
        sync(number)

    def replaced(path: Path, target: Path) -> Path:
        done.append(("replaced", path.stat().st_ino))
        return replace(path, target)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_whole(tmp_path / "kept.json", "new")
    file, folder = (tmp_path / "kept.json").stat().st_ino, tmp_path.stat().st_ino
    assert done == [("on disk", file), ("replaced", file), ("on disk", folder)]


def test_a_folder_that_has_no_sync_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def files_alone(number: int) -> None:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(22, "Invalid argument")
        sync(number)

    monkeypatch.setattr("os.fsync", files_alone)
    write_whole(tmp_path / "kept.json", "new")
    assert (tmp_path / "kept.json").read_text() == "new"


def test_a_key_is_of_the_settings_and_of_what_is_in_the_files(tmp_path: Path) -> None:
    file, copy = tmp_path / "data", tmp_path / "copy"
    file.write_bytes(b"one")
    copy.write_bytes(b"one")
    key = key_of("settings", file)
    assert key == key_of("settings", copy)
    assert key not in (key_of("others", file), key_of("settings"))
    file.write_bytes(b"two")
    assert key != key_of("settings", file)
