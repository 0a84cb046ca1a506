"""Bring MLflow up to what is on disk; rebuilds a store that was deleted.

Stages that DVC took from its cache are included, and trainings that were given up. What MLflow has already is not sent
again.
"""

from pipelines.stage import DOMAINS, run

import os
from pathlib import Path

from pipelines.outputs import last_file, stage_outputs
from pipelines.resume import WORK, locked
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
        if _given_up(domain):
            mirror(domain, "train", status="FAILED")
            sent.append(f"{domain}/train (failed)")
    print(f"in MLflow now: {', '.join(sent) or 'nothing, because no stage has run yet'}")


def _given_up(domain: str) -> bool:
    """Whether a training of the params and rows that there are now has left a history, and nobody goes on with it."""
    history, last = ROOT / "reports" / domain / "train" / "history.csv", last_file(domain, "train", ROOT)
    if not history.is_file() or last.is_file() or _at_work(domain):
        return False
    begun = stage_outputs(domain, "train", {}, ROOT).started
    made_of = [ROOT / "params.yaml", *(last_file(domain, stage, ROOT) for stage in ("fetch", "prepare"))]
    return all(path.stat().st_mtime_ns // 1_000_000 <= begun for path in made_of if path.is_file())


def _at_work(domain: str) -> bool:
    """Whether a process trains, which then sends what it has by itself; or may, where a lock is not ours to look at."""
    for folder in Path(os.environ.get(WORK, "work")).glob(f"train-{domain}-*"):
        try:
            with locked(folder, patience=0.0):
                continue
        except (InputError, OSError):
            return True
    return False


if __name__ == "__main__":
    run(main)
