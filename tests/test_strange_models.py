"""Models of strangers, as each of the three spaces reads them."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from vaemol.space import MoleculeSpace
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.space import LatentSpace
from vaeseq.tokenizer import Tokenizer
from vaetext.space import SentenceSpace

TOKENIZER = Tokenizer.of_symbols("CNO", ".")
SENTENCES = {"name": "sentences", "max_length": 9, "max_words": 9, "max_characters": 40, "lower": False}
MOLECULES = {"name": "molecules", "max_length": 9, "notation": "smiles", "standardise": True}
MOLECULES |= {"max_characters": 40, "max_heavy_atoms": 9}
DOMAINS = {LatentSpace: {"max_length": 9}, MoleculeSpace: MOLECULES, SentenceSpace: SENTENCES}
EVERY = pytest.mark.parametrize("kind", DOMAINS, ids=lambda kind: kind.__name__)
# Each with the posterior that it goes with.
PRIORS = {"standard_normal": "gaussian", "mixture": "gaussian", "vamp": "gaussian", "flow": "gaussian"}
PRIORS |= {"autoregressive": "flow", "codes": "codes"}


def _saved(folder: Path, domain: dict[str, Any], prior: str = "standard_normal") -> Path:
    torch.manual_seed(0)
    encoder, other = EncoderConfig("bilstm", 5, PRIORS[prior], slots=2, codebook=3), PriorConfig(prior, 3, 4, 2, 8)
    config = VAEConfig(TOKENIZER.size, 4, 4, encoder, DecoderConfig("lstm", 6), other, DecoderConfig("lstm", 4))
    checkpoint.save(folder, Checkpoint(SequenceVAE.build(config), config, TOKENIZER, domain), card="")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[type, Path]:
    """A model for each space; each test puts right what it breaks."""
    return {kind: _saved(tmp_path_factory.mktemp("model"), domain) for kind, domain in DOMAINS.items()}


def _places(tree: object, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield (*place, key)
            yield from _places(branch, (*place, key))


# Sizes stay small: a config that asks for a terabyte is refused by the machine, not by us.
value = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 40) | st.floats(width=16) | st.text(max_size=5) | st.just("lstm"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@EVERY
@given(data=st.data())
def test_a_mutated_config_is_read_or_refused(kind: type, data: st.DataObject, folders: dict[type, Path]) -> None:
    path = folders[kind] / "config.json"
    whole = path.read_text(encoding="utf-8")
    stored = copy.deepcopy(json.loads(whole))
    for _ in range(data.draw(st.integers(1, 2))):
        within = stored if data.draw(st.booleans()) else stored.get("domain")
        *above, key = data.draw(st.sampled_from(sorted(_places(within)) or [("format_version",)]))
        branch = within if isinstance(within, dict) else stored
        for name in above:
            branch = branch[name]
        if data.draw(st.booleans()):
            branch[key] = data.draw(value)
        else:
            branch.pop(key, None)
    path.write_text(json.dumps(stored), encoding="utf-8")
    said = ""
    try:
        space = kind.load(folders[kind])
        assert space.encode(["CNO"]).mean.shape == (1, space.latent)
        assert len(space.sample(2)) == 2
    except InputError as error:
        said = str(error)
    finally:
        path.write_text(whole, encoding="utf-8")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (MoleculeSpace, {"notation": None}),
        (MoleculeSpace, {"notation": ["selfies"]}),
        (MoleculeSpace, {"notation": "inchi"}),
        (MoleculeSpace, {"standardise": "no"}),
        (MoleculeSpace, {"max_characters": "40"}),
        (MoleculeSpace, {"max_heavy_atoms": 2.5}),
        (SentenceSpace, {"max_words": "50"}),
        (SentenceSpace, {"max_words": 0}),
        (SentenceSpace, {"max_characters": None}),
        (SentenceSpace, {"lower": 1}),
    ],
)
def test_what_a_model_says_of_its_texts_is_refused_by_name_where_it_makes_no_sense(
    kind: type, wrong: dict[str, object], tmp_path: Path
) -> None:
    ((name, said),) = wrong.items()
    with pytest.raises(InputError, match=rf"^{name} .*must be .* got {said!r}".replace("[", r"\[")):
        kind.load(_saved(tmp_path, DOMAINS[kind] | wrong))


def test_a_model_without_a_notation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="notation must be one of smiles, selfies; got None"):
        MoleculeSpace.load(_saved(tmp_path, {"name": "molecules"}))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("part", ["encoder", "prior", "decoder"])
@given(size=st.sampled_from([1e10, 1e20, 3e38]), seed=st.integers(0, 3))
def test_huge_weights_answer_or_are_refused(
    prior: str, part: str, size: float, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = _saved(tmp_path_factory.mktemp("model"), DOMAINS[LatentSpace], prior)
    weights, drawn = load_file(folder / f"{part}.safetensors"), torch.Generator().manual_seed(seed)
    for name, weight in weights.items():
        if weight.is_floating_point() and name != "embedding.weight":
            weight.copy_((size * torch.randn(weight.shape, generator=drawn)).clamp(-3e38, 3e38))
    save_file(weights, folder / f"{part}.safetensors")
    space = LatentSpace.load(folder)
    for asked in (lambda: space.encode(["CNO", "C"]).mean, lambda: space.prior_sample(3)):
        with suppress(InputError):
            assert bool(asked().isfinite().all())
    for asked in (lambda: space.sample(3), lambda: space.reconstruct(["CNO"])):
        with suppress(InputError):
            assert asked()
