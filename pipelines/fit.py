"""A model of one's own file within a time, and a report: the pipeline in a folder of its own.

What is asked for lies in ``fit.json``, what follows from it and from the rows in ``params.yaml``, as the pipeline reads
it; the stages run there one after the other, each where its last file is missing. So a fit that was stopped goes on
where it was, and one that is done is told again.
"""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from pipelines.download import sha256_of
from pipelines.outputs import last_file
from pipelines.params import domain_params
from pipelines.plan import SETTINGS, Asked, read_as, search_of, settings_of
from pipelines.resume import locked
from pipelines.signals import WITH_PARENT
from pipelines.sources import Domain
from pipelines.start import start_of
from pipelines.tables import table
from vaeseq.errors import InputError
from vaeseq.files import replacing, write_whole

STAGES = ("fetch", "prepare", "train", "prior", "evaluate", "interpolate")
TRAINING = 0.7  # share of the time that is left after preparing; prior, evaluation, paths and report take the rest
GOING_ON, AGAIN = 5e-4, 40  # learning rate and most passes of a model that was trained before (LOG.md)
EPOCHS, LEAST = 200, 200  # steps: at most so many passes, and at least so many steps
PACED, TIMED, WARM = 10, 1.0, 3  # least steps and seconds that are timed, after a few steps that are not
UNSEEN = 10_000  # steps: no look at held-out rows is timed
SAID = 0.8  # most of what single symbols say of a row that its code is asked to carry


def fit(domain: Domain, asked: Asked, folder: Path) -> dict[str, object]:
    """Prepare, train, fit a prior, evaluate, walk and report in ``folder``; what to know of the model that is there.

    Raises:
        InputError: The file cannot be used, or the folder holds another fit, or one that is under way.
    """
    started = time.monotonic()
    if not asked.file.is_file():
        raise InputError(f"file must be one that is there, got {str(asked.file)!r}")
    with locked(folder):
        _claim(domain, asked, folder)
        start = start_of(domain, asked.start)
        settings, params = settings_of(domain, asked, start), folder / "params.yaml"
        for stage in (*STAGES, *(["optimize"] if settings.get("optimize", {}).get("objectives") else [])):
            if last_file(domain, stage, folder).exists():
                continue
            if stage == "fetch":
                _write(params, {domain: settings})
            elif stage == "prepare":
                settings["prepare"] |= read_as(domain, asked, start, folder)
                _write(params, {domain: settings})
            elif stage == "train" and "steps" not in _read(params)[domain]["train"]:
                stored = _read(params)
                if found := search_of(domain, stored[domain], folder):
                    stored[domain]["optimize"] |= found
                left = 60 * asked.minutes - (time.monotonic() - started)
                stored[domain]["train"] |= _training(domain, folder, stored, TRAINING * left)
                _write(params, stored)
            run_stage(stage, domain, folder)
        run_stage("report", "", folder)
        return _told(domain, folder)


def _claim(domain: Domain, asked: Asked, folder: Path) -> None:
    """Write what is asked for, or find that the same was."""
    wanted = {"domain": domain} | {k: None if value is None else str(value) for k, value in asdict(asked).items()}
    wanted["file"] = f"{asked.file.name} sha256 {sha256_of(asked.file)}"
    note, found = folder / "fit.json", wanted
    if note.exists():
        found = _note(note)
    elif any(path.name != "lock" for path in folder.iterdir()):
        found = {}
    if found.keys() != wanted.keys():
        raise InputError(f"folder must be empty or hold a fit, got {str(folder)!r}; name another with --into")
    if found != wanted and (found["domain"] != domain or last_file(domain, "prepare", folder).exists()):
        other = ", ".join(f"{name} {found[name]!r}" for name in wanted if found[name] != wanted[name])
        raise InputError(f"folder {str(folder)!r} holds another fit ({other}); name another with --into")
    if found != wanted:  # a file that was of no use, mended since
        for part in ("raw", "prepared"):
            shutil.rmtree(folder / "data" / part / domain, ignore_errors=True)
    write_whole(note, json.dumps(wanted, indent=1) + "\n")


def _note(path: Path) -> dict[str, Any]:
    """What stands there, or nothing where that is nobody's fit."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _training(domain: Domain, folder: Path, stored: dict[str, Any], seconds: float) -> dict[str, object]:
    """The rate that suits the rows, and as many steps as the time holds on this machine."""
    import torch

    from pipelines.train import opened
    from vaeseq.diagnostics import summarise
    from vaeseq.training import held_out_rows

    settings = dict(SETTINGS[domain]["train"])
    params, prepared = domain_params(domain, folder / "params.yaml"), folder / "data/prepared" / domain
    corpus, _, state = opened(domain, params, prepared)
    if params.model.start:
        kl = summarise(state.vae, corpus, held_out_rows(state, corpus), seed=0).kl
        settings |= {"rate": max(0.1, round(kl, 1)), "rate_start": None, "learning_rate": GOING_ON}
    else:
        rate = round(min(settings["rate"], SAID * _unigram_nats(corpus)), 1)
        if "rate_start" in settings:
            settings["rate_start"] = round(settings["rate_start"] * rate / settings["rate"], 1)
        settings["rate"] = rate
    trial, tried = {"steps": UNSEEN, "evaluate_every": UNSEEN}, folder / "trial.yaml"  # no run may take it for settled
    _write(tried, {domain: stored[domain] | {"train": stored[domain]["train"] | settings | trial}})
    corpus, _, state = opened(domain, domain_params(domain, tried), prepared)
    batch_size, pace = state.train.batch_size, _pace(state, corpus)
    del state
    torch.cuda.empty_cache()  # the stage is another process
    most = (AGAIN if params.model.start else EPOCHS) * math.ceil(len(corpus.rows("train")) / batch_size)
    steps = max(LEAST, min(most, int(seconds / pace)))
    return settings | {"steps": steps, "evaluate_every": math.ceil(steps / 10)}


def _pace(state: Any, corpus: Any) -> float:  # noqa: ANN401 - torch is not loaded to say their types
    """Seconds a step, as training runs: a GPU works behind, and only the records wait for it."""
    from vaeseq.training import fit as train

    begun = math.inf

    def enough() -> bool:
        nonlocal begun
        if state.step == WARM:
            begun = time.monotonic()
        return state.step >= WARM + PACED and time.monotonic() - begun >= TIMED

    for _ in train(state, corpus, stop=enough):
        pass
    return (time.monotonic() - begun) / (state.step - WARM)


def _unigram_nats(corpus: Any) -> float:  # noqa: ANN401 - torch is not loaded to say its type
    """What the symbols of a training row say, each by itself: no code has more to say."""
    train = corpus.rows("train")
    counts = np.bincount(np.concatenate([corpus.sequence(row)[1:] for row in train]))
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() * counts.sum() / len(train))


def run_stage(stage: str, domain: str, folder: Path) -> None:
    """One stage, as DVC would run it: it ends with this process, and saves what it is at before it does."""
    print(f"{stage} {domain}".strip(), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"pipelines.{stage}", *([domain] if domain else [])]
    ends_with_us = os.environ | {WITH_PARENT: str(os.getpid())}
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=ends_with_us)
    try:
        code = child.wait()
    except KeyboardInterrupt:  # the same key has told the stage, which saves what it is at; a second one ends it
        child.wait()
        raise
    if code == -signal.SIGKILL:
        raise InputError(
            f"{stage} was killed; memory may have run out. End other programs and the same command goes on from here, "
            "or fit fewer or shorter rows, into another folder"
        )
    if code < 0 or code > 128:  # by a signal, noticed or not
        raise InputError(f"{stage} stopped; the same command goes on from here")
    if code:
        raise InputError(f"{stage} stopped, see above")


def _read(path: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def _write(path: Path, stored: dict[str, Any]) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    with replacing(path) as partial:
        yaml.dump(stored, partial)


def _told(domain: Domain, folder: Path) -> dict[str, object]:
    """What to know of the model."""
    summary, trained, found = (
        json.loads((folder / path).read_text(encoding="utf-8"))
        for path in (
            f"data/prepared/{domain}/summary.json",
            f"reports/{domain}/train.json",
            f"reports/{domain}/evaluate.json",
        )
    )
    split = "test" if found.get("test") else "valid"
    test, right = found[split], folder / "reports" / domain / "evaluate/properties.csv"
    told = [row for row in table(right) if row["split"] == split]
    return {
        "model": str(folder / "models" / domain),
        "report": str(folder / "reports/index.html"),
        "rows": summary["accepted"],
        "rejected": sum(summary["rejected"].values()),
        **({"cut": summary["cut"]} if domain == "sentences" else {}),
        "steps": trained["steps"],
        "rate": trained["rate"],
        **{name: test[name] for name in ("kl", "active_units", "mutual_information", "exact_reconstruction")},
        **{f"{name}_{row['property']}": float(row[name]) for row in told for name in ("r2", "rmse", "coverage_90")},
    }
