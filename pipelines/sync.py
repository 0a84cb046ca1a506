"""Bring MLflow up to what is on disk; rebuilds a store that was deleted.

Stages that DVC took from its cache are included, and trainings that were given up. What MLflow has already is not sent
again.
"""

from pipelines.stage import DOMAINS, run

from pathlib import Path

from pipelines.begun import begun
from pipelines.outputs import last_file
from pipelines.resume import locked, place_of
from pipelines.tracking import mirror, send_all
from vaeseq.errors import InputError

ROOT = Path(".")


def main() -> None:
    """Send whatever MLflow does not have yet.

    Raises:
        InputError: The tracking server cannot be used, or a file cannot be read.
    """
    sent = send_all()
    for domain in DOMAINS:
        if params := _given_up(domain):
            mirror(domain, "train", status="FAILED", params=params)
            sent.append(f"{domain}/train (failed)")
    print(f"in MLflow now: {', '.join(sent) or 'nothing, because no stage has run yet'}")


def _given_up(domain: str) -> dict[str, object] | None:
    """The params of a training that has left a history, and that nobody goes on with."""
    history = ROOT / "reports" / domain / "train" / "history.csv"
    if not history.is_file() or last_file(domain, "train", ROOT).is_file() or _at_work(domain):
        return None
    return begun(domain, ROOT)


def _at_work(domain: str) -> bool:
    """Whether a process trains, which sends what it has by itself; or may, where the lock is not ours to look at."""
    try:
        with locked(place_of(domain, ROOT), patience=0.0):
            return False
    except (InputError, OSError):
        return True


if __name__ == "__main__":
    run(main)
