import json
import os
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.corpus import batch_of
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import Tokenizer

TOKENIZER = Tokenizer.of_symbols("CNO", ".")
DOMAIN = {"name": "molecules", "notation": "smiles", "max_length": 9, "note": "ünïcode 🎉"}
WEIGHTS = ("encoder.safetensors", "decoder.safetensors", "language.safetensors")
TEXTS = ["CNO", "", "OOOO", "C"]


def _checkpoint(seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    decoder = DecoderConfig("lstm", 6, 0.25)
    config = VAEConfig(TOKENIZER.size, 3, 4, EncoderConfig("bilstm", 5), decoder, language=DecoderConfig("lstm", 4))
    return Checkpoint(SequenceVAE.build(config), config, TOKENIZER, dict(DOMAIN))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of ours, to be damaged."""
    path = tmp_path / "models" / "molecules"
    checkpoint.save(path, _checkpoint(), card="# A model\n")
    return path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of ours for many examples; each puts right what it breaks."""
    path = tmp_path_factory.mktemp("model")
    checkpoint.save(path, _checkpoint(), card="")
    return path


@torch.no_grad()
def test_what_is_saved_is_loaded_bit_by_bit(folder: Path) -> None:
    saved, loaded = _checkpoint(), checkpoint.load(folder)
    assert loaded.config == saved.config
    assert loaded.domain == DOMAIN
    weights = saved.vae.state_dict()
    assert loaded.vae.state_dict().keys() == weights.keys()
    assert all(value.equal(weights[name]) for name, value in loaded.vae.state_dict().items())
    batch = batch_of(TOKENIZER.encode_batch(TEXTS))
    assert loaded.tokenizer.encode_batch(TEXTS) == TOKENIZER.encode_batch(TEXTS)
    saved.vae.eval()
    one, other = saved.vae.encoder(batch.tokens), loaded.vae.encoder(batch.tokens)
    assert one.mean.equal(other.mean)
    assert one.stddev.equal(other.stddev)
    assert saved.vae.decoder(one.mean).log_prob(batch.tokens).equal(loaded.vae.decoder(one.mean).log_prob(batch.tokens))


def test_a_loaded_model_is_ready_to_be_used_and_not_to_be_trained(folder: Path) -> None:
    assert not any(module.training for module in checkpoint.load(folder).vae.modules())


def test_the_folder_holds_what_it_says(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {*WEIGHTS, "prior.safetensors", "config.json", "tokenizer.json", "README.md"}
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["format_version"] == checkpoint.FORMAT_VERSION
    assert (config["vocabulary"], config["latent"]) == (TOKENIZER.size, 3)
    assert config["decoder"] == asdict(DecoderConfig("lstm", 6, 0.25))
    assert (folder / "README.md").read_text(encoding="utf-8") == "# A model\n"


@pytest.mark.parametrize("name", WEIGHTS)
def test_files_of_two_models_are_not_mixed(name: str, folder: Path, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "other", _checkpoint(seed=1), card="")
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(InputError, match="different embeddings"):
        checkpoint.load(folder)


def test_all_parts_share_one_embedding(folder: Path) -> None:
    for vae in (_checkpoint().vae, checkpoint.load(folder).vae):
        assert vae.encoder.embedding is vae.decoder.embedding is vae.language.decoder.embedding


def test_saving_again_replaces_the_model(folder: Path) -> None:
    checkpoint.save(folder, _checkpoint(seed=1), card="# Another\n")
    weights = _checkpoint(seed=1).vae.state_dict()
    assert all(value.equal(weights[name]) for name, value in checkpoint.load(folder).vae.state_dict().items())


@pytest.mark.parametrize("name", [*WEIGHTS, "prior.safetensors", "config.json", "tokenizer.json", "README.md"])
def test_a_file_that_did_not_reach_the_disk_takes_no_place(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, sync = (folder / name).read_bytes(), os.fsync

    def fails(number: int) -> None:
        if os.readlink(f"/proc/self/fd/{number}") == f"{folder / name}.partial":
            raise OSError(5, "Input/output error")
        sync(number)

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        checkpoint.save(folder, _checkpoint(seed=1), card="# Another\n")
    assert (folder / name).read_bytes() == before
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("name", [*WEIGHTS, "prior.safetensors", "config.json", "tokenizer.json"])
def test_a_missing_file_is_an_input_error(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=folder.name):
        checkpoint.load(folder)


def test_a_missing_folder_is_an_input_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dvc repro"):
        checkpoint.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [*WEIGHTS, "config.json", "tokenizer.json"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.99])
def test_a_truncated_file_is_an_input_error(share: float, name: str, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError):
        checkpoint.load(folder)


@pytest.mark.parametrize("name", [*WEIGHTS, "prior.safetensors", "config.json", "tokenizer.json"])
def test_a_foreign_file_is_an_input_error(name: str, folder: Path) -> None:
    for content in [b"\x80\x05]\x94.", b"[]", b"null", b'"text"', b"{}", b"\xff\xfe", bytes(100)]:
        (folder / name).write_bytes(content)
        with pytest.raises(InputError):
            checkpoint.load(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(InputError):
        checkpoint.load(folder)


def test_a_config_nested_without_end_is_an_input_error(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"[" * 100_000)
    with pytest.raises(InputError):
        checkpoint.load(folder)


class Trap:
    """Runs as soon as anything unpickles it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return pytest.fail, ("a pickle in a model folder was executed",)


@pytest.mark.parametrize("name", [*WEIGHTS, "config.json", "tokenizer.json"])
@pytest.mark.parametrize("dump", [pickle.dump, torch.save])  # the latter within a zip archive, as in a `pt2`
def test_nothing_in_a_folder_is_executed(dump: Callable[..., None], name: str, folder: Path) -> None:
    with (folder / name).open("wb") as file:
        dump(Trap(), file)
    with pytest.raises(InputError):
        checkpoint.load(folder)


def test_what_else_is_in_a_folder_is_not_read(folder: Path) -> None:
    before = LatentSpace.load(folder).sample(3)
    for name in ("model.pt2", "pytorch_model.bin", "prior.pkl"):
        torch.save(Trap(), folder / name)
    for name in ("modeling.py", "__init__.py", "chat_template.jinja"):
        (folder / name).write_text("raise SystemExit('executed') # {{ 1 / 0 }}")
    assert LatentSpace.load(folder).sample(3) == before


@pytest.mark.parametrize("version", [0, 3, "4", None, [4]])
def test_another_format_version_is_named(version: object, folder: Path) -> None:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(stored | {"format_version": version}), encoding="utf-8")
    with pytest.raises(InputError, match=r"format version .* reads 4"):
        checkpoint.load(folder)


def test_weights_of_another_size_are_an_input_error(folder: Path) -> None:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(stored | {"latent": 4}), encoding="utf-8")
    with pytest.raises(InputError, match=r"^.*encoder\.safetensors.*$"):  # of one line
        checkpoint.load(folder)


@pytest.mark.parametrize(("kind", "size"), [("flow", "transforms"), ("autoregressive", "components")])
def test_a_config_that_asks_for_all_memory_takes_none(kind: str, size: str, folder: Path) -> None:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored["prior"] |= {"kind": kind, size: 8_192, "hidden": 8_192}
    (folder / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError, match=r"must be [\d,]{11,} at least, got 1,314$"):
        checkpoint.load(folder)


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_missing_or_an_unknown_weight_is_an_input_error(name: str, folder: Path) -> None:
    weights = load_file(folder / name)
    save_file(weights | {"stranger": torch.zeros(1)}, folder / name)
    with pytest.raises(InputError, match="stranger"):
        checkpoint.load(folder)
    save_file(dict(list(weights.items())[1:]), folder / name)
    with pytest.raises(InputError, match=name):
        checkpoint.load(folder)


@pytest.mark.parametrize("number", [torch.nan, torch.inf, 1e300])
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_not_finite_are_an_input_error(name: str, number: float, folder: Path) -> None:
    weights = load_file(folder / name)
    last = [each for each, weight in weights.items() if weight.numel() and "embedding" not in each][-1]
    weights[last] = weights[last].double()
    weights[last].view(-1)[0] = number
    save_file(weights, folder / name)
    with pytest.raises(InputError, match=f"{name}.* must be finite, those of '{last}' are not"):
        checkpoint.load(folder)


def test_embeddings_of_another_type_are_an_input_error(folder: Path) -> None:
    weights = load_file(folder / "decoder.safetensors")
    weights["embedding.weight"] = weights["embedding.weight"].to(torch.float8_e4m3fn)
    save_file(weights, folder / "decoder.safetensors")
    with pytest.raises(InputError, match="different embeddings"):
        checkpoint.load(folder)


def test_the_tokenizer_of_another_model_is_an_input_error(folder: Path) -> None:
    Tokenizer.of_symbols("CNOS", ".").save(folder / "tokenizer.json")
    with pytest.raises(InputError, match="vocabulary is 8, its tokenizer has 9"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("encoder", "kind", "transformer"),
        ("decoder", "kind", None),
        ("prior", "kind", "vamp"),
        ("encoder", "hidden", "256"),
        ("encoder", "hidden", -1),
        ("encoder", "hidden", 0),
        ("decoder", "hidden", 2.5),
        ("decoder", "dropout", 1.5),
        ("decoder", "dropout", "none"),
        ("decoder", "surprise", 1),
        (None, "latent", "3"),
        (None, "latent", None),
        (None, "latent", -3),
        (None, "vocabulary", 3),
        (None, "domain", None),
        (None, "domain", [1]),
        (None, "encoder", []),
        (None, "surprise", 1),
    ],
)
def test_a_config_out_of_range_is_an_input_error(part: str | None, key: str, value: object, folder: Path) -> None:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (stored[part] if part else stored)[key] = value
    (folder / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(InputError):
        LatentSpace.load(folder)


@given(cut=st.integers(0, 400), junk=st.binary(max_size=8), name=st.sampled_from(["config.json", "tokenizer.json"]))
def test_a_scratched_text_file_is_read_or_refused(cut: int, junk: bytes, name: str, shared: Path) -> None:
    path = shared / name
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + junk + whole[cut + len(junk) :])
    try:
        LatentSpace.load(shared)
    except InputError:
        pass
    finally:
        path.write_bytes(whole)


@given(cut=st.integers(0, 600), junk=st.binary(max_size=8), name=st.sampled_from(WEIGHTS))
def test_scratched_weights_are_read_or_refused(cut: int, junk: bytes, name: str, shared: Path) -> None:
    path = shared / name
    whole = path.read_bytes()
    path.write_bytes(whole[:cut] + junk + whole[cut + len(junk) :])
    try:
        LatentSpace.load(shared)
    except InputError:
        pass
    finally:
        path.write_bytes(whole)
