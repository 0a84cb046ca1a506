"""What a recipe runs, and what is kept of a model's weights."""

from pathlib import Path

import pytest
import torch

from benchmarks import recipe
from pipelines.outputs import last_file
from pipelines.params import load_params
from vaeseq import checkpoint, shipped
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer


def test_what_was_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def stage(name: str, domain: str, folder: Path) -> None:
        ran.append(name)
        if ran.count("train") == 1 and name == "train":
            raise InputError("train stopped")
        last = last_file(domain, name, folder)
        last.parent.mkdir(parents=True, exist_ok=True)
        last.touch()

    monkeypatch.setattr(recipe, "run_stage", stage)
    with pytest.raises(InputError, match="train stopped"):
        recipe.made(recipe.RECIPES / "tatoeba.yaml", tmp_path)
    assert recipe.made(recipe.RECIPES / "tatoeba.yaml", tmp_path) == "sentences"
    assert ran == ["fetch", "prepare", "train", "train", "prior", "evaluate"]
    with pytest.raises(InputError, match="the same recipe"):
        recipe.made(recipe.RECIPES / "broad.yaml", tmp_path)


@pytest.mark.parametrize("path", sorted(recipe.RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_read(path: Path) -> None:
    read = load_params(path)
    assert [read.molecules, read.sentences].count(None) == 1


@pytest.mark.parametrize("path", sorted(recipe.RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_goes_on_from_another_beside_it_and_not_from_what_it_makes(path: Path) -> None:
    read = load_params(path)
    start = (read.molecules or read.sentences).model.start
    if start == shipped.NAME:
        assert path.stem not in ("broad", "tatoeba_more")  # which make those models
    elif start:
        above, other, *folder = Path(start).parts
        assert (above, *folder) == ("..", "checkpoints", "molecules" if read.molecules else "sentences")
        assert (recipe.RECIPES / f"{other}.yaml").exists()
        assert other != path.stem


@pytest.mark.parametrize("looks", [1, 11, 12, 13, 40])
def test_a_curve_has_few_looks_and_the_last(looks: int) -> None:
    held_out = {"split": "valid", "elbo": "-3", "reconstruction": "1", "kl": "2", "language": "", "active_units": "1"}
    history = [{"split": "train", "step": "0"}] + [
        held_out | {"step": str(i), "seconds": str(60 * i)} for i in range(1, looks + 1)
    ]
    found = recipe.curve(history)
    assert min(looks, recipe.LOOKS // 2) <= len(found) <= recipe.LOOKS
    assert list(found)[-1] == str(looks)
    assert found[str(looks)] == {
        "minutes": looks,
        "elbo": -3,
        "reconstruction": 1,
        "kl": 2,
        "language": None,
        "active_units": 1,
    }


def test_half_of_the_bytes_give_nearly_the_same_model(tmp_path: Path) -> None:
    tokenizer = Tokenizer.of_symbols(["a", "b"], ".")
    config = VAEConfig(tokenizer.size, 4, 8, EncoderConfig(hidden=8), DecoderConfig(hidden=8))
    vae = SequenceVAE.build(config).eval()
    checkpoint.save(tmp_path, Checkpoint(vae, config, tokenizer, {}), card="")
    before = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    recipe.halve(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.safetensors")) < 0.7 * before
    for name, weight in checkpoint.load(tmp_path).vae.state_dict().items():
        assert weight.dtype == torch.float32
        torch.testing.assert_close(weight, vae.state_dict()[name], rtol=1e-3, atol=1e-4)
