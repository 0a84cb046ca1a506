"""Does MLflow have every metric of a training once, whatever came between?

Run as ``python -m benchmarks.mirrored DOMAIN`` in a clone of ``benchmarks.kills``, as its training has come to its end:
it sends what is missing, as ``pipelines.sync`` does, and prints what it then finds.
"""

from pipelines.stage import DOMAINS

import json
import math
import sys
from pathlib import Path

from pipelines import outputs, store, tracking

CLOCKED = ("seconds", "per_second")  # ends of the names of what differs from run to run


def found(domain: str, root: Path) -> dict[str, int]:
    """What MLflow lacks of the metrics that the training's files hold, what it has twice, and runs that are open."""
    from mlflow import MlflowClient

    files = outputs.stage_outputs(domain, "train", outputs.domain_params(domain, root), root)
    client, lacking, twice = MlflowClient(store.address(root)), [len(files.points)], 0
    experiment = client.get_experiment_by_name(f"latentpath/{domain}").experiment_id
    runs = client.search_runs([experiment], "tags.`latentpath.stage` = 'train'")
    for run in runs:
        points = [m for name in run.data.metrics for m in client.get_metric_history(run.info.run_id, name)]
        kept = {(point.key, point.step): point.value for point in points}
        twice += len(points) - len(kept)
        if run.info.status == "FINISHED":
            lacking.append(sum(not _same(point, kept.get((point.name, point.step))) for point in files.points))
    running = sum(run.info.status == "RUNNING" for run in runs)
    return {"metrics_missing": min(lacking), "metrics_twice": twice, "runs_open": running}


def _same(point: outputs.Point, kept: float | None) -> bool:
    return kept is not None and (point.name.endswith(CLOCKED) or math.isclose(kept, point.value, rel_tol=1e-6))


def main(domain: str) -> None:
    """Send, look, and print."""
    tracking.send_all()
    print(json.dumps(found(domain, Path("."))))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in DOMAINS:
        raise SystemExit(f"usage: python -m benchmarks.mirrored {'|'.join(DOMAINS)}")
    main(sys.argv[1])
