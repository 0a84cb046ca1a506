"""Trainings of benchmarks: a killed one goes on where it was, a finished one is taken as it is."""

import hashlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from pipelines.resume import locked, work_folder
from vaeseq import training
from vaeseq.config import PriorConfig, VAEConfig
from vaeseq.corpus import Corpus
from vaeseq.device import device_of
from vaeseq.fitting import FitConfig, fit_prior, prior_and_codes
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.state import TrainConfig, TrainState
from vaeseq.training import fit

SAVE_SECONDS = 60


def trained(
    label: str,
    config: VAEConfig,
    train: TrainConfig,
    aim: ObjectiveConfig,
    corpus: Corpus,
    *,
    seed: int,
    start: SequenceVAE | None = None,
) -> TrainState:
    """The state at the end of a training, its model with the weights that were best on held-out rows.

    It begins with the weights of ``start``, wherever that model has the same.
    """
    data = [corpus.tokens, corpus.offsets, corpus.split]
    if corpus.groups:
        data += [corpus.groups.of, np.array(corpus.groups.size)]
    digest = hashlib.sha256(b"".join(map(np.ndarray.tobytes, data))).hexdigest()
    settings = json.dumps([asdict(config), asdict(train), asdict(aim), seed, digest], sort_keys=True)
    settings += digest_of(start) if start else ""
    code = sorted(Path(training.__file__).parent.glob("*.py"))
    with locked(work_folder(label, settings, *code)) as folder:
        torch.manual_seed(seed)
        vae = SequenceVAE.build(config)
        if start:
            _take_over(vae, start)
        state = TrainState(vae.to(device_of()), train, aim, seed=seed)
        saved, written = folder / "state.safetensors", time.monotonic()
        if saved.exists():
            state.load(saved)
        for records in fit(state, corpus, record_every=200):
            if records[-1].split == "valid":
                _say(label, state)
            if time.monotonic() - written > SAVE_SECONDS:
                state.save(saved)
                written = time.monotonic()
        state.save(saved)
    state.vae.load_state_dict(state.best)
    return state


def with_prior(
    vae: SequenceVAE,
    config: VAEConfig,
    kind: PriorConfig,
    corpus: Corpus,
    pace: FitConfig,
    *,
    seed: int,
    signal: float = 1.0,
) -> SequenceVAE:
    """The model of ``config`` with another prior, fitted to its codes of a signal."""
    prior, learnt, held_out = prior_and_codes(vae, config, kind, corpus, rows=50_000, draws=2, seed=seed, signal=signal)
    for _ in fit_prior(prior, learnt, held_out, pace, seed=seed):
        pass
    return SequenceVAE(vae.encoder, vae.decoder, prior, vae.language, vae.prior, signal=signal)


def digest_of(vae: SequenceVAE) -> str:
    """Of the weights."""
    return hashlib.sha256(b"".join(weight.cpu().numpy().tobytes() for weight in vae.state_dict().values())).hexdigest()


def _take_over(vae: SequenceVAE, start: SequenceVAE) -> None:
    """Give the weights of ``start``; a matrix that reads the code besides keeps what is new of its columns."""
    given = start.state_dict()
    for name, weight in vae.state_dict().items():
        if name in given:
            weight[..., : given[name].shape[-1]] = given[name]


def _say(label: str, state: TrainState) -> None:
    last, trained_on = state.history[-1], state.history[-2]
    print(
        f"{label} {state.step:,} of {state.train.steps:,}, {state.seconds:,.0f} s: held-out elbo {last.elbo:.2f} "
        f"(training {trained_on.elbo:.2f}), kl {last.kl:.2f}, active {last.active_units:.2f}, "
        f"information {last.mutual_information:.2f}",
        file=sys.stderr,
        flush=True,
    )
