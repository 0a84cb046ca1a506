"""What trains and answers on a CPU does so on a device of its own, see ``elsewhere.py``, and gives the same numbers."""

import itertools
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from torch.utils import backend_registration

from vaeseq.ascent import climbed
from vaeseq.calibration import calibrate
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Batch, Corpus, batch_of
from vaeseq.diagnostics import iwae_by_row
from vaeseq.fitting import FitConfig, fit_prior, prior_and_codes
from vaeseq.groups import Groups
from vaeseq.imputation import impute, observed_log_prob
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig
from vaeseq.refinement import amortisation_gap
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState
from vaeseq.steady import steady_walk
from vaeseq.tokenizer import Tokenizer
from vaeseq.training import fit
from vaeseq.walks import neighbourhoods

LACKING = {"_setup_privateuseone_for_python_backend", "_DummyBackendModule"} - {*dir(backend_registration)}
TOKENIZER = Tokenizer.of_symbols("abcdefghi", ".")
TEXTS = ["abcdef", "hhaab", "abc", "iibbccddee"]
MODELS: dict[str, dict[str, Any]] = {
    "gaussian": {"properties": ("weight", "charge")},
    "no language model": {"language": False},
    "flow": {"posterior": "flow"},
    "codes": {"posterior": "codes", "prior": "codes"},
    "no code": {"latent": 0},
}
# Of each training the model, the objective and what else is not as in the others.
TRAININGS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    **{name: (model, {}, {}) for name, model in MODELS.items()},
    **{f"prior {kind}": ({"prior": kind}, {}, {}) for kind in ("mixture", "vamp", "flow", "autoregressive")},
    "a rate, with losses": (
        {"dropout": 0.2}, {"rate": 3.0, "rate_start": 5.0, "word_dropout": 0.2, "code_noise": 0.5}, {"average": 0.9},
    ),
    "spliced and masked": ({"properties": ("weight", "charge")}, {"splicing": 0.5, "masking": 0.5}, {}),
    "importance-weighted": ({}, {"samples": 3}, {}),
    "annealed, with free bits": ({}, {"free_bits": 0.1, "annealing": "linear", "annealing_steps": 3}, {}),
    "groups": ({"content": 2}, {"rate": 3.0}, {}),
    "an encoder that catches up": ({}, {"rate": 3.0}, {"pretrain_steps": 1, "inner_steps": 2}),
}  # fmt: skip
WAITED = {"spliced and masked": ["splicing.py"] * 2, "an encoder that catches up": ["curricula.py"] * 2}  # in two steps


def _config(
    latent: int = 4, posterior: str = "gaussian", prior: str = "standard_normal", language: bool = True,
    dropout: float = 0.0, **others: Any,
) -> VAEConfig:  # fmt: skip
    decoder = DecoderConfig("lstm", 6, dropout, dropout, dropout)
    encoder = EncoderConfig("bilstm", 6, posterior, slots=2, codebook=3, dropout=dropout)
    of_codes = PriorConfig(prior, 3, 4, 2, 8)
    return VAEConfig(TOKENIZER.size, latent, 4, encoder, decoder, of_codes, decoder if language else None, **others)


def _corpus(groups: Groups | None = None) -> Corpus:
    draw = np.random.default_rng(0)
    rows = TOKENIZER.encode_batch(["".join(draw.choice(list("abcdefghi"), draw.integers(3, 9))) for _ in range(80)])
    offsets, targets = np.array([0, *itertools.accumulate(map(len, rows))]), draw.normal(size=(80, 2))
    targets[::2, 1] = np.nan
    tables = np.concatenate(rows).astype(np.uint8), offsets, np.repeat([0, 1], [60, 20])
    return Corpus(*tables, groups, targets.astype(np.float32))


def _model(config: VAEConfig, device: torch.device, sharpness: float = 1.0) -> SequenceVAE:
    torch.manual_seed(0)
    vae = SequenceVAE.build(config)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(sharpness)
    if vae.properties:
        vae.properties.measure(_corpus().targets[:60])
    return vae.to(device)


def _trained(name: str, device: torch.device, saved: Path) -> tuple[list[float], list[str]]:
    """Bounds, and where the last two of four steps waited before their record; they go on from a saved state."""
    from elsewhere import WAITS

    model, aim, train = TRAININGS[name]
    settings = {"steps": 4, "batch_size": 16, "evaluate_every": 4, "evaluate_rows": 12, "precision": "float32"}
    corpus, waits = _corpus(Groups(np.arange(80) // 4, 3) if name == "groups" else None), []

    def stop() -> bool:  # asked after each step, before its record is made
        waits[:] = WAITS
        return state.step == 2

    for _ in range(2):
        vae = _model(_config(**model), device)
        state = TrainState(vae, TrainConfig(**settings | train), ObjectiveConfig(**aim), seed=1)
        if saved.exists():
            state.load(saved)
        WAITS.clear()
        *_, _ = fit(state, corpus, record_every=2, stop=stop)
        state.save(saved)
    return [record.elbo for record in state.history], waits


def _trains(name: str) -> None:
    from elsewhere import CPU, DEVICE

    with TemporaryDirectory() as folder:
        here, _ = _trained(name, CPU, Path(folder, "here"))
        there, waits = _trained(name, DEVICE, Path(folder, "there"))
    assert there == pytest.approx(here, rel=1e-5), (there, here)
    assert [Path(wait.split()[-1]).name.split(":")[0] for wait in waits] == WAITED.get(name, []), waits


def _batch(space: LatentSpace) -> Batch:
    batch = batch_of(space.tokenizer.encode_batch(TEXTS))
    batch.observed[[0, 1, 1], [2, 1, 3]] = False
    return batch.to(space.device)


def _imputed(space: LatentSpace) -> list[Tensor]:
    random = torch.Generator(space.device).manual_seed(5)
    counts = {"samples": 3, "particles": 4, "generator": random}
    batch = _batch(space)
    return [*impute(space.vae, batch, completions=2, **counts), observed_log_prob(space.vae, batch, **counts)]


def _predicted(space: LatentSpace) -> list[Tensor]:
    calibrate(space.vae, _corpus())
    return [*space.predict(TEXTS), climbed(space.vae.properties, 0, torch.zeros(2, 4, device=space.device))]


def _prior(kind: str, model: dict[str, Any], space: LatentSpace) -> list[object]:
    """Of a prior that is fitted afterwards: how well it does, and what it draws."""
    which = PriorConfig(kind, 3, 4, 2, 8)
    signal = 1.0 if model else 0.5
    of_rows = {"rows": 10, "draws": 2, "seed": 0, "signal": signal}
    prior, learnt, held_out = prior_and_codes(space.vae, _config(**model), which, _corpus(), **of_rows)
    *_, last = fit_prior(prior, learnt, held_out, FitConfig(4, 8, look_every=2), seed=0)
    vae = SequenceVAE(space.vae.encoder, space.vae.decoder, prior, space.vae.language, space.vae.prior, signal=signal)
    return [torch.tensor(last), space.of(vae).sample(3)]


def _denser(space: LatentSpace) -> Tensor:
    start, end = space.encode(TEXTS[:2]).mean
    return space.denser(torch.lerp(start, end, torch.linspace(0, 1, 5).unsqueeze(1)))


def _steady(space: LatentSpace) -> list[object]:
    def distances(texts: list[str]) -> np.ndarray:
        lengths = np.array([len(text) for text in texts])
        return abs(lengths[:, None] - lengths)

    def costs(texts: list[str]) -> np.ndarray:
        return -space.language_log_prob(texts).numpy()

    ends = tuple(space.encode(["abc", "iibbccd"]).mean)
    return steady_walk(space, ends, distances, costs, steps=4, apart=1, beams=3)


ASKED: dict[str, Callable[[LatentSpace], object]] = {
    "codes": lambda space: space.encode(TEXTS).mean,
    "texts": lambda space: space.reconstruct(TEXTS),
    "drawn texts": lambda space: space.sample(40, top_p=0.9),
    "beams": lambda space: space.likely(space.encode(TEXTS).mean, 4),
    "bounds": lambda space: iwae_by_row(space.vae, _corpus(), np.arange(8), samples=3, seed=0),
    "missing symbols": _imputed,
}
OF_GAUSSIANS: dict[str, Callable[[LatentSpace], object]] = {
    "a likelier way": _denser,
    "pinned texts": lambda space: [*space.pinned(["a", "e"])],
    "neighbourhoods": lambda space: neighbourhoods(space, TEXTS),
    "the amortisation gap": lambda space: amortisation_gap(
        space.vae, _batch(space), steps=5, draws=2, generator=torch.Generator(space.device).manual_seed(0)
    ),
    "log p": lambda space: space.language_symbol_log_prob(TEXTS),
    "properties": _predicted,
    "a steady way": _steady,
}


def _answers(model: dict[str, Any], ask: Callable[[LatentSpace], object]) -> None:
    from elsewhere import CPU, DEVICE

    here, there = (_model(_config(**model), device, sharpness=3.0) for device in (CPU, DEVICE))
    how = {"tokenizer": TOKENIZER, "metadata": {"max_length": 12}, "latent": here.latent}
    _same(ask(LatentSpace(there, device=DEVICE, **how)), ask(LatentSpace(here, device=CPU, **how)))


def _same(there: object, here: object) -> None:
    if isinstance(here, Tensor):
        assert_close(there.cpu(), here)
    elif isinstance(here, list):
        for pair in zip(there, here, strict=True):
            _same(*pair)
    else:
        assert there == here


def _strict() -> None:
    from elsewhere import CPU, DEVICE, FAULTS, WAITS

    near, far = torch.ones(3), torch.ones(3, device=DEVICE)
    lstm = torch.nn.LSTM(3, 2, batch_first=True).to(DEVICE).eval()
    for wrong in (
        lambda: far + near,
        lambda: torch.stack([far[0], near[0]]),
        lambda: far.index_select(0, torch.tensor([0])),
        lambda: near[far > 0],
        lambda: torch.rand(3, generator=torch.Generator(), device=DEVICE),
        lambda: torch.rand(3, generator=torch.Generator(DEVICE)),
        lambda: lstm(far.view(1, 1, 3))[0].sum().backward(),
    ):
        FAULTS.clear()
        wrong()
        assert len(FAULTS) == 1, FAULTS
    FAULTS.clear()
    for waits in (
        lambda: float(far[0]),
        far.tolist,
        far.nonzero,
        lambda: far[far > 0],
        lambda: far[[0]],
        lambda: far.to(CPU),
        lambda: near.to(DEVICE),
        lambda: torch.tensor([0], device=DEVICE),
    ):
        WAITS.clear()
        waits()
        assert len(WAITS) == 1, WAITS
    WAITS.clear()
    far[far.long() - 1] += near[0] + torch.rand(3, device=DEVICE) + near.to(DEVICE, non_blocking=True) + 1
    assert not WAITS


CHECKS: dict[str, Callable[[], None]] = {
    "the device is strict": _strict,
    **{f"training, {name}": partial(_trains, name) for name in TRAININGS},
    **{
        f"{what}, {name}": partial(_answers, model, ask)
        for what, ask in ASKED.items()
        for name, model in MODELS.items()
    },
    **{what: partial(_answers, MODELS["gaussian"], ask) for what, ask in OF_GAUSSIANS.items()},
    **{
        f"a prior of {kind} afterwards": partial(_answers, model, partial(_prior, kind, model))
        for kind, model in [("mixture", {"posterior": "flow"}), ("codes", MODELS["codes"])]
        + [(kind, {}) for kind in ("mixture", "vamp", "flow", "autoregressive")]
    },
}


def main() -> None:
    """Print each check and what failed in it, line by line."""
    import elsewhere

    torch.set_num_threads(1)
    elsewhere.settle()
    for name, check in CHECKS.items():
        elsewhere.FAULTS.clear()
        try:
            # In one thread, so that a gradient too is asked for by a line of vaeseq.
            with torch.autograd.set_multithreading_enabled(False), elsewhere.Pretended():
                check()
        except Exception:  # noqa: BLE001 - whatever it is, it is told
            elsewhere.FAULTS.append(traceback.format_exc())
        print(json.dumps([name, [*dict.fromkeys(elsewhere.FAULTS)]]), flush=True)


@pytest.fixture(scope="module")
def told() -> tuple[dict[str, list[str]], str]:
    """What ``main`` prints in a process of its own, and how that ends."""
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parents[1])))
    command = [sys.executable, "-X", "faulthandler", "-c", "import test_elsewhere; test_elsewhere.main()"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    return dict(map(json.loads, done.stdout.splitlines())), done.stderr


@pytest.mark.skipif(bool(LACKING), reason=f"torch {torch.__version__} makes no device in Python: no {LACKING}")
@pytest.mark.parametrize("name", CHECKS)
def test_a_device_of_its_own_has_the_same_numbers_and_is_not_waited_for(name: str, told: tuple[dict, str]) -> None:
    faults, stderr = told
    assert name in faults, f"the process ended before: {stderr[-4_000:]}"
    if faults[name]:
        pytest.fail("\n".join(faults[name]), pytrace=False)
