import threading
import time
from pathlib import Path

import pytest

from pipelines.resume import code_of, locked, work_folder
from vaeseq.errors import InputError


def test_other_settings_or_data_never_find_the_same_work_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    keys = {work_folder("x", settings, tmp_path / name) for settings in ("1", "2") for name in "ab"}
    assert len(keys) == 4
    assert work_folder("x", "1", tmp_path / "a") in keys


def test_code_is_every_module_of_the_packages() -> None:
    found = {f"{path.parent.name}/{path.name}" for path in code_of("vaemol", "vaeseq") if path.is_file()}
    assert found >= {"vaemol/oracles.py", "vaeseq/search.py"}
    assert not [name for name in found if name.startswith("pipelines")]
    (module,) = code_of("pipelines.train")
    assert module.read_text().startswith('"""Stage: train')


def test_two_never_work_in_one_folder(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with locked(work), pytest.raises(InputError, match="another process"), locked(work, patience=0.0):
        pass
    with locked(work):
        pass


def test_who_is_about_to_end_is_waited_for(tmp_path: Path) -> None:
    taken, ended = threading.Event(), threading.Event()

    def first() -> None:
        with locked(tmp_path):
            taken.set()
            time.sleep(0.3)
            ended.set()

    thread = threading.Thread(target=first)
    thread.start()
    taken.wait()
    with locked(tmp_path):
        assert ended.is_set()
    thread.join()


def test_a_file_that_is_called_lock_keeps_its_text(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("mine")
    with locked(tmp_path):
        pass
    assert (tmp_path / "lock").read_text() == "mine"
