"""The key of a training: all that decides its weights, and nothing else; and models that it goes on from."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines import train
from pipelines.params import SentenceParams, domain_params
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer

PREPARED = Path("data/prepared/sentences")
FILES = ("tokens.safetensors", "tokenizer.json", "rows.parquet")


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SentenceParams:
    """Those of a folder with made-up rows and a model to go on from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTPATH_WORK", str(tmp_path / "elsewhere"))
    shutil.copy(Path(__file__).parents[1] / "tiny.yaml", "params.yaml")
    for name in (*(PREPARED / file for file in FILES), "start/config.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("as it was")
    return domain_params("sentences")


def _work(params: SentenceParams, **changes: dict[str, object]) -> Path:
    sections = {name: getattr(params, name).model_copy(update=change) for name, change in changes.items()}
    return train._work("sentences", params.model_copy(update=sections), PREPARED)


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"seed": 99}},
        {"train": {"steps": 99}},
        {"train": {"learning_rate": 0.5}},
        {"train": {"rate": 99.0}},
        {"model": {"latent": 99}},
        {"model": {"prior": "mixture"}},
        {"model": {"start": "start"}},
    ],
)
def test_other_parameters_start_afresh(changes: dict[str, dict[str, object]], params: SentenceParams) -> None:
    begun = _work(params)
    assert begun == _work(params)
    assert begun.parent == Path("elsewhere").resolve()
    assert _work(params, **changes) != begun


def test_parameters_of_other_stages_do_not(params: SentenceParams) -> None:
    assert _work(params, evaluate={"seed": 99}, interpolate={"seed": 99}) == _work(params)


@pytest.mark.parametrize(
    ("file", "changes", "counts"),
    [
        (PREPARED / "tokens.safetensors", {}, True),
        (PREPARED / "tokenizer.json", {}, True),
        (PREPARED / "rows.parquet", {}, False),
        (PREPARED / "rows.parquet", {"train": {"group": "frame"}}, True),
        (PREPARED / "rows.parquet", {"train": {"properties": ("words",)}}, True),
        (Path("start/config.json"), {}, False),
        (Path("start/config.json"), {"model": {"start": "start"}}, True),
    ],
)
def test_other_rows_or_another_model_to_go_on_from_start_afresh_where_they_are_read(
    file: Path, changes: dict[str, dict[str, object]], counts: bool, params: SentenceParams
) -> None:
    begun = _work(params, **changes)
    file.write_text("another")
    assert (_work(params, **changes) != begun) == counts


@pytest.mark.parametrize("module", ["vaeseq", "pipelines.train", "pipelines.columns", "pipelines.start"])
def test_other_code_starts_afresh(
    module: str, params: SentenceParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code_of(*names: str) -> list[Path]:
        for name in names:
            (tmp_path / name).touch()
        return [tmp_path / name for name in names]

    monkeypatch.setattr(train, "code_of", code_of)
    begun = _work(params)
    (tmp_path / module).write_text("another")
    assert _work(params) != begun


@pytest.mark.parametrize(
    ("posterior", "latent", "prior", "says"),
    [
        ("flow", 4, {"kind": "flow", "signal": 0.5}, "got .*'flow'.*: a prior.signal below 1 needs"),
        ("flow", 4, {"kind": "vamp"}, "needs a model.posterior of gaussian"),
        ("codes", 4, {"kind": "autoregressive"}, "needs a model.posterior of gaussian or flow"),
        ("gaussian", 4, {"kind": "codes"}, "needs a model.posterior of codes"),
        ("gaussian", 1, {"kind": "autoregressive"}, "needs a model.latent of at least 2"),
        ("flow", 4, {"kind": "flow"}, "prepared data .* cannot be read"),
        ("codes", 4, {"kind": None}, "prepared data .* cannot be read"),
    ],
)
def test_a_prior_that_does_not_suit_the_model_gone_on_from_is_refused_before_training(
    posterior: str,
    latent: int,
    prior: dict[str, object],
    says: str,
    params: SentenceParams,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = VAEConfig(9, latent, 4, EncoderConfig(hidden=4, posterior=posterior), DecoderConfig(hidden=4))
    monkeypatch.setattr(train.checkpoint, "load", lambda _: SimpleNamespace(config=config))
    changes = {"model": {"start": "start"}, "train": {"code_noise": 0.1}, "prior": {"signal": 1.0} | prior}
    changed = {name: getattr(params, name).model_copy(update=change) for name, change in changes.items()}
    with pytest.raises(InputError, match=says):
        train.opened("sentences", params.model_copy(update=changed), PREPARED)


def _longest(domain: dict[str, object]) -> object:
    tokenizer = Tokenizer.of_symbols("ab", ".")
    config = VAEConfig(tokenizer.size, 2, 4, EncoderConfig(hidden=4), DecoderConfig(hidden=4))
    stored = Checkpoint(SequenceVAE.build(config), config, tokenizer, {"name": "sentences"} | domain)
    return train._going_on(stored, tokenizer, {"name": "sentences", "max_length": 9}).domain["max_length"]


def test_texts_may_be_as_long_as_the_longest_of_both_trainings() -> None:
    assert [_longest(domain) for domain in ({"max_length": 20}, {"max_length": 3}, {})] == [20, 9, 9]
    with pytest.raises(InputError, match="max_length of a model must be a whole number from 1, got '20'"):
        _longest({"max_length": "20"})
