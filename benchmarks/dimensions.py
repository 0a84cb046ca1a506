"""Keep the figures of the study of the latent dimension, for the tables.

Run as ``python -m benchmarks.dimensions [SET]`` after ``make study``, on the commit whose experiments it reads; SET is
what ``make`` was given as that. Of each domain there must be one line: experiments that differ in the dimension alone.
"""

import csv
import json
import sys

from benchmarks.record import write
from pipelines.params import domain_params
from pipelines.study import OUT
from vaeseq.errors import InputError

FIGURES = ("elbo", "reconstruction", "kl", "mutual_information", "active_units", "exact_reconstruction")


def main(changed: str) -> None:
    """Write ``benchmarks/results/dimensions_<domain>.json``."""
    with (OUT / "study.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for domain in dict.fromkeys(row["domain"] for row in rows):
        its = [row for row in rows if row["domain"] == domain]
        if len(lines := sorted({f"{row['line']}, seed {row['seed']}" for row in its})) > 1:
            raise InputError(f"study must hold one line of one seed of {domain}, got {lines}")
        rate, given = its[0]["rate"].removesuffix(".0"), f" SET={json.dumps(changed)}" if changed else ""
        write(
            f"dimensions_{domain}",
            command=f"make study LATENTS={','.join(row['latent'] for row in its)} RATE={rate or 'null'}{given}",
            data={"name": domain_params(domain).data.source, "rows": int(its[0]["rows"]), "split": its[0]["split"]},
            seed=int(its[0]["seed"]),
            budget={"rate": float(rate) if rate else None},
            figures={row["latent"]: {name: float(row[name]) for name in FIGURES} for row in its},
        )


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
