"""Stage: train the sequence VAE of one domain; a killed run goes on where it was."""

from pipelines.stage import run

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError

from pipelines.columns import groups_of, targets_of
from pipelines.params import ModelParams, MoleculeParams, SentenceParams, TrainParams, domain_params
from pipelines.progress import progress
from pipelines.resume import code_of, locked, place_of, work_folder
from pipelines.start import start_of
from pipelines.team import joined, spread
from pipelines.tracking import Live
from pipelines.unbroken import resume, unbroken
from vaeseq import checkpoint
from vaeseq.calibration import calibrate
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.device import device_of
from vaeseq.diagnostics import summarise
from vaeseq.errors import InputError
from vaeseq.files import replacing, write_whole
from vaeseq.history import Record
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.regression import PropertyHead
from vaeseq.state import TrainConfig, TrainState
from vaeseq.tokenizer import Tokenizer
from vaeseq.training import fit, held_out_rows, look_at

STATE, FINISHED = "state.safetensors", "finished.safetensors"
Config = TypeVar("Config", ObjectiveConfig, TrainConfig)


def main(domain: str) -> None:
    """Write ``checkpoints/<domain>/``, ``reports/<domain>/train.json`` and the history."""
    spread()
    params, prepared, live = domain_params(domain), Path("data/prepared", domain), Live(domain, "train")
    # Another key has another state, but writes the same outputs.
    with joined() as leads, locked(place_of(domain)) if leads else nullcontext():
        corpus, begun, state = opened(domain, params, prepared)
        work = _work(domain, params, prepared)
        if not leads:
            resume(state, _saved(work))
            for _ in fit(state, corpus):
                pass
            return
        with locked(work), live:
            if params.model.start:
                print(f"going on from a model of latent {begun.config.latent}: its sizes count", file=sys.stderr)
            saved = _saved(work)
            report = Path("reports", domain)
            whole = bool(params.model.start) and not params.train.properties  # these are new to it
            _train(state, corpus, saved, report / "train" / "history.csv", live, live.due, whole=whole)
            state.vae.load_state_dict(state.best)
            if state.vae.properties:
                calibrate(state.vae, corpus)
            metrics = _metrics(state, corpus)
            summary = json.loads((prepared / "summary.json").read_text(encoding="utf-8"))
            checkpoint.save(
                Path("checkpoints", domain), begun, card=_card(domain, params, begun.config, summary, prepared, metrics)
            )
            write_whole(report / "train.json", json.dumps(metrics, indent=2) + "\n")
            _keep_finished(saved, domain)


def opened(
    domain: str, params: MoleculeParams | SentenceParams, prepared: Path
) -> tuple[Corpus, Checkpoint, TrainState]:
    """The rows, the model before it has learnt from them, and the state of its training."""
    table, start = prepared / "rows.parquet", start_of(domain, params.model.start)
    started = checkpoint.load(start) if start else None
    if started:
        _check_prior(params, started.config)
    groups = groups_of(domain, params, started.config.content if started else params.model.content, table)
    corpus = Corpus.load(prepared, groups, targets_of(table, params.train.properties))
    tokenizer = Tokenizer.load(prepared / "tokenizer.json")
    summary = json.loads((prepared / "summary.json").read_text(encoding="utf-8"))
    torch.manual_seed(params.train.seed)
    described = _described(domain, summary, corpus)
    if started:
        begun = _going_on(started, tokenizer, described)
    else:
        config = _config(params.model, tokenizer.size)
        begun = Checkpoint(SequenceVAE.build(config), config, tokenizer, described)
    begun = _predicting(begun, params.train.properties, corpus)
    aim, pace = _part(ObjectiveConfig, params.train), _part(TrainConfig, params.train)
    return corpus, begun, TrainState(begun.vae.to(device_of()), pace, aim, seed=params.train.seed)


def _check_prior(params: MoleculeParams | SentenceParams, config: VAEConfig) -> None:
    """The prior that is fitted afterwards must suit the codes of a model gone on from, as those of a new one."""
    codes = {"posterior": config.encoder.posterior, "latent": config.latent}
    try:
        type(params).model_validate(params.model_dump() | {"model": codes})
    except ValidationError as error:
        wrong = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"prior must suit model.start, got {codes} there: {wrong}") from error


def _going_on(stored: Checkpoint, tokenizer: Tokenizer, described: dict[str, Any]) -> Checkpoint:
    """A model as it was trained, without the prior that was fitted afterwards, to learn from these rows."""
    for told in ("name", "notation", "lower"):
        if described.get(told) != (found := stored.domain.get(told)):
            raise InputError(f"model.start must be of {told} {described.get(told)!r}, as the data are, got {found!r}")
    if stored.tokenizer != tokenizer:
        raise InputError("model.start must be the model that the data were prepared for, got one of another vocabulary")
    prior = stored.config.trained_prior or stored.config.prior
    config = replace(stored.config, prior=prior, trained_prior=None, signal=1.0)
    longest = max(described["max_length"], checkpoint.told(stored.domain, max_length=int).get("max_length", 0))
    return Checkpoint(stored.vae.as_trained(), config, tokenizer, described | {"max_length": longest})


def _predicting(begun: Checkpoint, names: tuple[str, ...], corpus: Corpus) -> Checkpoint:
    """The model with a head for these properties: its own, if it has that of these very ones."""
    vae = begun.vae
    if names != begun.config.properties:
        vae.properties = PropertyHead(names, vae.latent) if names else None
    if vae.properties:
        vae.properties.measure(corpus.targets[corpus.rows("train")])
    return replace(begun, config=replace(begun.config, properties=names))


def _config(sizes: ModelParams, vocabulary: int) -> VAEConfig:
    encoder = EncoderConfig(
        hidden=sizes.encoder_hidden,
        posterior=sizes.posterior,
        slots=sizes.slots,
        codebook=sizes.codebook,
        levels=sizes.levels,
        dropout=sizes.encoder_dropout,
    )
    decoder = DecoderConfig(
        hidden=sizes.decoder_hidden,
        dropout=sizes.decoder_dropout,
        input_dropout=sizes.decoder_input_dropout,
        weight_drop=sizes.decoder_weight_drop,
    )
    language = None
    if sizes.language_hidden:
        lost = sizes.language_dropout
        language = DecoderConfig(hidden=sizes.language_hidden, dropout=lost, input_dropout=lost)
    prior = PriorConfig(sizes.prior, sizes.prior_components)
    return VAEConfig(
        vocabulary, sizes.latent, sizes.embedding, encoder, decoder, prior, language, content=sizes.content
    )


def _part(kind: type[Config], params: TrainParams) -> Config:
    """The fields of ``params`` that ``kind`` has; names and defaults are the same in both."""
    return kind(**{field.name: getattr(params, field.name) for field in fields(kind)})


def _work(domain: str, params: MoleculeParams | SentenceParams, prepared: Path) -> Path:
    """The folder of resume state for exactly these parameters, data and code."""
    sections = params.model_dump_json(include={"model", "train"})
    data = [prepared / "tokens.safetensors", prepared / "tokenizer.json"]
    if params.train.group or params.train.properties:
        data.append(prepared / "rows.parquet")
    if start := start_of(domain, params.model.start):
        data += sorted(path for path in start.iterdir() if path.is_file())
    code = code_of("vaeseq", "pipelines.train", "pipelines.columns", "pipelines.start")
    return work_folder(f"train-{domain}", sections, *data, *code)


def _saved(work: Path) -> Path:
    return work / (FINISHED if (work / FINISHED).exists() else STATE)


def _keep_finished(saved: Path, domain: str) -> None:
    """Keep the last state of the domain's last training: DVC may be killed before it has noted that the stage is done.

    It then removes what the stage wrote, and runs it again.
    """
    kept = saved.replace(saved.with_name(FINISHED))
    for other in kept.parent.parent.glob(f"train-{domain}-*/{FINISHED}"):
        if other != kept:
            # Not where a training takes it up just now, nor where it is another user's.
            with suppress(InputError, OSError), locked(other.parent, patience=0.0):
                other.unlink(missing_ok=True)


def _train(
    state: TrainState,
    corpus: Corpus,
    saved: Path,
    history: Path,
    mirror: Callable[[], None],
    due: Callable[[], bool],
    *,
    whole: bool = False,
) -> None:
    """Write the history as it comes, and have it mirrored, which ``due`` says will take its time.

    A model that is whole before the first step may be kept as it is: rows like those that it learnt from may have
    nothing to teach it.
    """
    resume(state, saved)
    if whole and not state.history:
        state.history.append(look_at(state, corpus, held_out_rows(state, corpus)))
    history.parent.mkdir(parents=True, exist_ok=True)
    _write_history(history, state.history)
    done = state.step
    with progress("training", state.train.steps) as advance:
        advance(done)
        for records in unbroken(state, corpus, saved, due):
            advance(max(0, state.step - done))
            done = max(done, state.step)
            _write_history(history, state.history)
            mirror()
            if records[-1].split == "valid":
                _say(records[-1])


def _write_history(path: Path, history: list[Record]) -> None:
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Record)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(record) for record in history)


def _say(record: Record) -> None:
    print(
        f"step {record.step:,}: held-out elbo {record.elbo:.2f}, reconstruction {record.reconstruction:.2f}, "
        f"kl {record.kl:.2f} nats, active units {record.active_units:.0%}",
        file=sys.stderr,
        flush=True,
    )


def _metrics(state: TrainState, corpus: Corpus) -> dict[str, float | int | None]:
    """Figures of the state that is kept."""
    kept = summarise(state.vae, corpus, held_out_rows(state, corpus), seed=state.seed).figures()
    speeds = [record.symbols_per_second for record in state.history if record.symbols_per_second]
    return {
        **kept,
        "rate": state.aim.rate,
        "best_step": state.best_step,
        "steps": state.step,
        "parameters": sum(weight.numel() for weight in state.vae.parameters()),
        "seconds": round(state.seconds, 1),
        "symbols_per_second": round(sorted(speeds)[len(speeds) // 2]),
    }


def _described(domain: str, summary: dict[str, Any], corpus: Corpus) -> dict[str, Any]:
    """What a reader of the model must know about its texts."""
    # A quarter more than the longest row: decoding must end, and may go a little beyond what was seen.
    longest = int(corpus.lengths.max() * 1.25) + 1
    return {"name": domain, "source": summary["source"], "max_length": longest, **summary["settings"]}


def _card(
    domain: str,
    params: MoleculeParams | SentenceParams,
    config: VAEConfig,
    summary: dict[str, Any],
    prepared: Path,
    metrics: dict[str, Any],
) -> str:
    with (prepared / "tokens.safetensors").open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    figures = "\n".join(f"| {name} | {value} |" for name, value in metrics.items())
    posterior, prior = config.encoder.posterior, config.prior.kind.replace("_", " ")
    corrected = " that corrects a language model" if config.language else ""
    told = {"model": {"start"} if params.model.start else True, "train": True}
    return f"""# A sequence VAE of {domain}

Bidirectional LSTM encoder, posterior {posterior}, prior {prior}, autoregressive LSTM decoder{corrected}, by latentpath.

- Data: `{summary["source"]}` ({summary["licence"]}), {summary["split"]["train"]:,} training rows, \
sha256 of the token file `{digest}`.
- Parameters: `{params.model_dump_json(include=told)}`
- Limits: it knows what its training rows look like and nothing beyond; a text unlike them is encoded to something near.

## Figures
| figure (held-out rows, nats per sequence) | value |
|---|---|
{figures}
"""


if __name__ == "__main__":
    run(main)
