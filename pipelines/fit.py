"""A model of one's own file within a time, and a report: the pipeline in a folder of its own.

What is asked for lies in ``fit.json``, what follows from it and from the rows in ``params.yaml``, as the pipeline reads
it; the stages run there one after the other, each where its last file is missing. So a fit that was stopped goes on
where it was, and one that is done is told again.
"""

import json
import math
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ruamel.yaml import YAML

from pipelines.download import sha256_of
from pipelines.outputs import last_file
from pipelines.params import domain_params
from pipelines.prepare import survey
from pipelines.readers import rows
from pipelines.sources import Domain, Raw
from pipelines.start import SHIPPED, start_of
from pipelines.tables import table
from vaeseq import shipped
from vaeseq.errors import InputError
from vaeseq.files import replacing, write_whole

STAGES = ("fetch", "prepare", "train", "prior", "evaluate", "interpolate")
# Of each property that molecules are taught; it asks the model alone, which knows nothing like most draws of the prior.
SEARCH = {"method": "ascent", "start": "training", "budget": 150}
# What differs from the defaults of pipelines.params, as in params.yaml: tests/pipelines/test_fit.py holds it.
SETTINGS: dict[str, dict[str, dict[str, object]]] = {
    "molecules": {
        "model": {"embedding": 128, "encoder_hidden": 128, "decoder_hidden": 256, "language_hidden": 256},
        "train": {"rate": 50.0, "code_noise": 0.1, "batch_size": 64, "learning_rate": 4e-3},
        "prior": {"signal": 0.5, "steps": 1_500},
        "interpolate": {"beams": 1, "pairs": 12, "random": 6},
    },
    "sentences": {
        "model": {"embedding": 128, "encoder_hidden": 128, "decoder_hidden": 256, "language_hidden": 256},
        "train": {"rate": 50.0, "rate_start": 90.0, "code_noise": 0.1, "learning_rate": 8e-3},
        "prior": {"signal": 0.5, "steps": 700},
        "interpolate": {"beams": 32},
    },
}
# Fewer rows and draws than the pipeline judges by: they are to leave the time to training.
EVALUATION = {"rows": 500, "iwae_rows": 100, "iwae_samples": 10, "gap_rows": 30, "prior_samples": 500}
TRAINING = 0.55  # share of the time that is left after preparing; prior, evaluation, paths and report take the rest
GOING_ON = 2e-3  # learning rate of a model that was trained before
EPOCHS, LEAST = 200, 200  # steps: at most so many passes, and at least so many steps
PACED, WARM = 10, 3  # steps that are timed, after a few that are not
HELD_OUT = 0.1  # of molecules with properties, for validation and for test: R² of the usual .05 would be of few rows
SAID = 0.8  # most of what single symbols say of a row that its code is asked to carry
WORDS, COVERED = 8_000, 0.97  # so many words cover so much of a corpus that is cut into words


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        file: Molecules or sentences, as ``data/README.md`` says.
        minutes: In all.
        column: Of the text; None finds it.
        properties: Names of columns that are to be predicted from a code.
        split: Of molecules, see ``pipelines.records``; None is by scaffold where there are properties, else random.
        start: The model to go on from, see ``pipelines.start``; None starts from scratch.
        seed: Of all that is random.
    """

    file: Path
    minutes: float = 15.0
    column: str | None = None
    properties: tuple[str, ...] = ()
    split: Literal["random", "scaffold"] | None = None
    start: str | Path | None = None
    seed: int = 0


def fit(domain: Domain, asked: Asked, folder: Path) -> dict[str, object]:
    """Prepare, train, fit a prior, evaluate, walk and report in ``folder``; what to know of the model that is there.

    Raises:
        InputError: The file cannot be used, or the folder holds another fit.
    """
    from vaemol.prediction import KIND

    started = time.monotonic()
    _claim(domain, asked, folder)
    data = {"source": f"file:{asked.file.resolve()}", "column": asked.column, "seed": asked.seed}
    start = start_of(domain, asked.start)
    model = SETTINGS[domain]["model"]
    if start:
        model = {"start": shipped.NAME if start == SHIPPED[domain].folder else str(start.resolve())}
    prepare = _read_by(domain, start)
    train = SETTINGS[domain]["train"] | {"seed": asked.seed, "properties": list(asked.properties)}
    if domain == "molecules":
        prepare["split"] = asked.split or ("scaffold" if asked.properties else "random")
        prepare |= dict.fromkeys(("valid_fraction", "test_fraction"), HELD_OUT) if asked.properties else {}
    settings = {"data": data, "prepare": prepare, "model": model, "train": train}
    prior = dict(SETTINGS[domain]["prior"])
    prior["steps"] = math.ceil(prior["steps"] * min(1.0, asked.minutes / Asked.minutes))
    settings |= {"prior": prior, "evaluate": EVALUATION, "interpolate": SETTINGS[domain]["interpolate"]}
    sought = [f"{KIND}{name}" for name in asked.properties] if domain == "molecules" else []
    settings |= {"optimize": SEARCH | {"objectives": sought, "seed": asked.seed}} if domain == "molecules" else {}
    params = folder / "params.yaml"
    for stage in (*STAGES, *(["optimize"] if sought else [])):
        if last_file(domain, stage, folder).exists():
            continue
        if stage == "fetch":
            _write(params, {domain: settings})
        elif stage == "prepare" and domain == "sentences" and not start:
            settings["prepare"] |= {"vocabulary": WORDS, "cut": _cut(folder)}
            _write(params, {domain: settings})
        elif stage == "prepare" and domain == "molecules":
            settings["prepare"]["mean_of"] = _measured(asked, folder)
            _write(params, {domain: settings})
        elif stage == "train" and "steps" not in _read(params)[domain]["train"]:
            stored = _read(params)
            left = 60 * asked.minutes - (time.monotonic() - started)
            stored[domain]["train"] |= _training(domain, folder, stored, TRAINING * left)
            _write(params, stored)
        run_stage(stage, domain, folder)
    run_stage("report", "", folder)
    return _told(domain, folder)


def _claim(domain: Domain, asked: Asked, folder: Path) -> None:
    """Write what is asked for, or find that the same was."""
    if not asked.file.is_file():
        raise InputError(f"file must be one that is there, got {str(asked.file)!r}")
    wanted = {name: None if value is None else str(value) for name, value in asdict(asked).items()}
    wanted["file"] = f"{asked.file.name} sha256 {sha256_of(asked.file)}"
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "fit.json"
    if not note.exists() and any(folder.iterdir()):
        raise InputError(f"folder must be empty or hold a fit, got {str(folder)!r}; name another with --into")
    found = json.loads(note.read_text(encoding="utf-8")) if note.exists() else wanted
    if found != wanted and last_file(domain, "prepare", folder).exists():
        other = ", ".join(f"{name} {found.get(name)!r}" for name in wanted if found.get(name) != wanted[name])
        raise InputError(f"folder {str(folder)!r} holds another fit ({other}); name another with --into")
    if found != wanted:  # a file that was of no use, mended since
        shutil.rmtree(folder / "data", ignore_errors=True)
    write_whole(note, json.dumps(wanted, indent=1) + "\n")


def _read_by(domain: Domain, start: Path | None) -> dict[str, Any]:
    """How texts are prepared for a model."""
    if start is None:
        return {}
    from vaeseq.checkpoint import load

    told = load(start).domain
    if told.get("name") != domain:
        raise InputError(f"start must be a model of {domain}, got one of {told.get('name')!r}")
    return {name: told[name] for name in ("notation", "lower", "cut", "vocabulary") if name in told}


def _measured(asked: Asked, folder: Path) -> list[str]:
    """Those properties that are columns of the file; others are computed of each molecule."""
    raw = folder / "data/raw/molecules"
    columns = survey(raw, Raw.load(raw))[1]
    return [name for name in asked.properties if name in columns]


def _cut(folder: Path) -> str:
    """Words where a vocabulary of them covers the text, else pieces of words."""
    raw = Raw.load(folder / "data/raw/sentences")
    texts = (
        row.text for table in raw.tables for row in rows(folder / "data/raw/sentences" / table.file, table, "sentences")
    )
    return "words" if covered(texts) >= COVERED else "bpe"


def covered(texts: Iterable[str]) -> float:
    """Share of the text between spaces of every tenth row that the commonest words of the others are, by characters."""
    learnt, held_out = Counter[str](), Counter[str]()
    for number, text in enumerate(texts, start=1):
        (held_out if number % 10 == 0 else learnt).update(text.split())
    common = {word for word, _ in learnt.most_common(WORDS)}
    size = sum(len(word) * count for word, count in held_out.items())
    return sum(len(word) * count for word, count in held_out.items() if word in common) / size if size else 1.0


def _training(domain: Domain, folder: Path, stored: dict[str, Any], seconds: float) -> dict[str, object]:
    """The rate that suits the rows, and as many steps as the time holds on this machine."""
    import torch

    from pipelines.train import opened
    from vaeseq.diagnostics import summarise
    from vaeseq.training import fit as train
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
    trial = {"steps": WARM + PACED, "evaluate_every": WARM + PACED, "evaluate_rows": 1}
    tried = folder / "trial.yaml"  # no run may take these for settled
    _write(tried, {domain: stored[domain] | {"train": stored[domain]["train"] | settings | trial}})
    corpus, _, state = opened(domain, domain_params(domain, tried), prepared)
    batch_size = state.train.batch_size
    marks = [time.monotonic() for _ in train(state, corpus, record_every=1)]
    pace = (marks[-2] - marks[WARM - 1]) / (PACED - 1)
    del state
    torch.cuda.empty_cache()  # the stage is another process
    most = EPOCHS * math.ceil(len(corpus.rows("train")) / batch_size)
    steps = max(LEAST, min(most, int(seconds / pace)))
    return settings | {"steps": steps, "evaluate_every": math.ceil(steps / 10)}


def _unigram_nats(corpus: Any) -> float:  # noqa: ANN401 - torch is not loaded to say its type
    """What the symbols of a training row say, each by itself: no code has more to say."""
    train = corpus.rows("train")
    counts = np.bincount(np.concatenate([corpus.sequence(row)[1:] for row in train]))
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() * counts.sum() / len(train))


def run_stage(stage: str, domain: str, folder: Path) -> None:
    """One stage, as DVC would run it."""
    print(f"{stage} {domain}".strip(), file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"pipelines.{stage}", *([domain] if domain else [])]
    if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode:
        raise InputError(f"{stage} stopped, see above; the same command goes on from here")


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
        "steps": trained["steps"],
        "rate": trained["rate"],
        **{name: test[name] for name in ("kl", "active_units", "mutual_information", "exact_reconstruction")},
        **{f"{name}_{row['property']}": float(row[name]) for row in told for name in ("r2", "rmse", "coverage_90")},
    }
