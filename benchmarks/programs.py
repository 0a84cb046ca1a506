"""The command lines as programs of their own, each with a model, and what became of a program."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.hostile import WORDS
from vaemol import shipped
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer

COLUMN = {"molecules": "smiles", "sentences": "text"}
_NAMES = {"molecules": "vaemol", "sentences": "vaetext"}
_LATENT, _LONGEST = 32, 64


class Ended(NamedTuple):
    """How a program ended: ``fault`` is ``crashes`` or ``hangs``, '' where it did what it should or told an error."""

    fault: str
    out: bytes


def ended(command: Sequence[str], place: Path, *, given: bytes = b"", seconds: float) -> Ended:
    """Run a program of ours in a folder, with so many bytes on its standard input, for so long at most."""
    pipe, environment = subprocess.PIPE, os.environ | {"PYTHONPATH": os.getcwd()}
    streams = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
    with subprocess.Popen(command, cwd=place, env=environment, start_new_session=True, **streams) as process:
        try:
            out, told = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            print(f"{' '.join(command)} hangs in {place}", file=sys.stderr)
            return Ended("hangs", b"")
        finally:
            if process.poll() is None:  # its workers too
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode in (0, 1) and b"Traceback" not in told:
        return Ended("", out)
    print(f"{' '.join(command)} crashes in {place}:\n{told.decode(errors='replace')[-4000:]}", file=sys.stderr)
    return Ended("crashes", out)


def command(domain: str, verb: str, model: Path) -> list[str]:
    """``vaemol`` or ``vaetext`` with a command that reads lines from standard input and writes JSON."""
    start = f"import sys, pipelines.cli; sys.exit(pipelines.cli.{_NAMES[domain]}())"
    return [sys.executable, "-c", start, verb, "--model", str(model), "--format", "json"]


def model_of(domain: str, folder: Path) -> Path:
    """The model of the package, or one of sentences that nobody trained, made in a folder: what it says is as bad."""
    if domain == "molecules":
        return shipped.FOLDER
    tokenizer = Tokenizer.of_words([" ".join(WORDS)], size=600)
    config = VAEConfig(tokenizer.size, _LATENT, 64, EncoderConfig(hidden=64), DecoderConfig(hidden=128))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = SequenceVAE.build(config)
    domain = {"name": "sentences", "max_length": _LONGEST, "max_words": 50, "max_characters": 500, "lower": False}
    checkpoint.save(folder, Checkpoint(vae, config, tokenizer, domain), card="Untrained, for a benchmark.\n")
    return folder
