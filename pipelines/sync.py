"""Bring MLflow up to what is on disk; rebuilds a store that was deleted.

Stages that DVC took from its cache are included. What MLflow has already is not sent again.
"""

from pipelines.stage import run

from pipelines.tracking import send_all


def main() -> None:
    """Send whatever MLflow does not have yet.

    Raises:
        InputError: The tracking server cannot be used, or a file cannot be read.
    """
    sent = send_all()
    print(f"in MLflow now: {', '.join(sent) or 'nothing, because no stage has run yet'}")


if __name__ == "__main__":
    run(main)
