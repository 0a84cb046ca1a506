"""A model as a folder: JSON for what it is, safetensors for its weights, and a card for people."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as as_bytes

from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.errors import InputError, shown
from vaeseq.files import replacing, write_whole
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer

FORMAT_VERSION = 4
_PARTS = {"encoder": EncoderConfig, "decoder": DecoderConfig, "prior": PriorConfig}
_OPTIONAL = {"language": DecoderConfig, "trained_prior": PriorConfig}
_KINDS = {str: "text", bool: "true or false", int: "a whole number from 1"}
_ENDLESS = ("edge",)  # of a head of properties that was not calibrated


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds; ``domain`` says what the text is and how it was prepared."""

    vae: SequenceVAE
    config: VAEConfig
    tokenizer: Tokenizer
    domain: dict[str, Any]


def save(folder: Path, checkpoint: Checkpoint, *, card: str) -> None:
    """Write the folder, each file whole and safe on disk; ``card`` becomes its README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"format_version": FORMAT_VERSION, "domain": checkpoint.domain} | asdict(checkpoint.config)
    write_whole(folder / "config.json", json.dumps(config, indent=2) + "\n")
    for part, module in checkpoint.vae.named_children():
        with replacing(folder / f"{part}.safetensors") as partial:  # whose name the next takes, if a kill leaves it
            partial.write_bytes(as_bytes({k: v.cpu().contiguous() for k, v in module.state_dict().items()}))
    with replacing(folder / "tokenizer.json") as partial:
        checkpoint.tokenizer.save(partial)
    write_whole(folder / "README.md", card)


def load(folder: Path) -> Checkpoint:
    """Read a folder that ``save`` wrote; nothing in it is executed.

    Raises:
        InputError: The folder is missing, foreign, of another format version, or its weights do not fit its config, or
            are not finite.
    """
    config, domain = _config(folder / "config.json")
    if (there := _weights_in(folder)) < config.least_weights:
        raise InputError(
            f"model {str(folder)!r}: weights of its config must be {config.least_weights:,} at least, got {there:,}"
        )
    vae = SequenceVAE.build(config)
    embeddings = []
    for part, module in vae.named_children():
        path = folder / f"{part}.safetensors"
        try:
            module.load_state_dict(weights := load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            why = " ".join(str(error).split())
            raise InputError(f"weights {str(path)!r} do not belong to this model: {why}") from error
        for name, weight in module.state_dict().items():
            if name not in _ENDLESS and not bool(weight.isfinite().all()):
                raise InputError(f"weights {str(path)!r} must be finite, those of {name!r} are not")
        embeddings += [weight.float() for name, weight in weights.items() if name.endswith("embedding.weight")]
    if not all(embedding.equal(embeddings[0]) for embedding in embeddings):
        raise InputError(f"model {str(folder)!r}: its files hold different embeddings; they are not of one model")
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    if tokenizer.size != config.vocabulary:
        raise InputError(
            f"model {str(folder)!r}: vocabulary is {config.vocabulary}, its tokenizer has {tokenizer.size}"
        )
    return Checkpoint(vae.eval(), config, tokenizer, domain)


def told(domain: dict[str, Any], **kinds: type) -> dict[str, Any]:
    """What a domain says under these names, as far as it does, each of its kind.

    Raises:
        InputError: A value is of another kind, or a whole number below 1.
    """
    found = {name: domain[name] for name in kinds if name in domain}
    for name, value in found.items():
        if type(value) is not (kind := kinds[name]) or (kind is int and value < 1):
            raise InputError(f"{name} of a model must be {_KINDS[kind]}, got {shown(value)}")
    return found


def files_of(folder: Path) -> list[Path]:
    """The files of a checkpoint folder that decide what the model does."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))


def _weights_in(folder: Path) -> int:
    """How many numbers its files say that they hold."""
    count = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt") as file:
                count += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - no dict
        except (OSError, SafetensorError) as error:
            raise InputError(f"weights {str(path)!r} cannot be read: {error}") from error
    return count


def _config(path: Path) -> tuple[VAEConfig, dict[str, Any]]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        version = stored.pop("format_version")
        if version != FORMAT_VERSION:
            raise InputError(f"model {str(path)!r} has format version {version!r}; this release reads {FORMAT_VERSION}")
        domain = stored.pop("domain")
        if not isinstance(domain, dict):
            raise InputError(f"model {str(path)!r}: domain must be an object, got {domain!r}")
        parts = {name: part(**stored.pop(name)) for name, part in _PARTS.items()}
        for name, part in _OPTIONAL.items():
            if stored.get(name) is not None:
                parts[name] = part(**stored.pop(name))
        return VAEConfig(**stored, **parts), domain
    except OSError as error:
        raise InputError(f"model {str(path.parent)!r} has no config.json; train one with `dvc repro`") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"model {str(path)!r} is not a config of ours: {error!r}") from error
