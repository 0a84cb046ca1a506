"""The lock of the store: who shares it, and how long it is waited for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import store, tracking

# MLflow and what it is built on warn about their own code.
pytestmark = pytest.mark.filterwarnings("ignore")
SERVER = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("address", "shared"),
    [("sqlite:///{}/new.db", True), ("sqlite:///{}/here/../new.db?timeout=9", True), (SERVER, False)],
)
def test_a_file_is_one_store_for_all_checkouts_and_a_server_for_each(
    address: str, shared: bool, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    address = address.format(tmp_path)

    def other() -> None:
        with store.lock(address.replace("here/../", ""), tmp_path / "there", 0.0):
            pass

    with store.lock(address, tmp_path / "here", 0.0):
        if shared:
            with pytest.raises(TimeoutError, match="is held by another process"):
                other()
        else:
            other()
    other()


def test_a_file_that_is_called_like_the_lock_keeps_its_text(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db.lock").write_text("mine")
    with store.lock(f"sqlite:///{tmp_path}/mlflow.db", tmp_path, 0.0):
        pass
    assert (tmp_path / "mlflow.db.lock").read_text() == "mine"


def test_a_store_that_is_held_for_ever_costs_one_warning(
    tmp_path: Path,
    write_outputs: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    """As by a sync that was stopped while it was sending."""
    write_outputs(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracking, "_warned", set())
    monkeypatch.setattr(tracking, "HURRY", 0.1)
    monkeypatch.setattr(tracking, "PATIENCE", 0.1)
    with store.lock(store.address(tmp_path), tmp_path, 0.0):
        tracking.Live("molecules", "train", root=tmp_path, every=0)()
        tracking.mirror_all(root=tmp_path)
    said = capfd.readouterr().err
    assert said.startswith("warning: MLflow at ")
    assert "mlflow.db.lock' is held by another process" in said
    assert said.count("\n") == 1
