import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipelines.outputs import flat
from pipelines.params import ModelParams, domain_params, load_params
from pipelines.train import _config
from vaeseq.config import EncoderConfig, PriorConfig
from vaeseq.errors import InputError

ROOT = Path(__file__).parents[2]


def _changed(tmp_path: Path, place: str, value: object, base: Path = ROOT / "params.yaml") -> Path:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # a parameter a line
    stored = yaml.load(base.read_text(encoding="utf-8"))
    *sections, name = place.split(".")
    section = stored
    for part in sections:
        section = section[part]
    section[name] = value
    path = tmp_path / "params.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(stored, file)
    return path


def test_sizes_that_do_not_count_are_told_nowhere() -> None:
    model = {"latent": 32, "embedding": 64}
    assert flat({"model": {"start": "mine"} | model, "steps": 3}) == {"model.start": "mine", "steps": "3"}
    assert flat({"model": {"start": None} | model}).keys() == {"model.start", "model.latent", "model.embedding"}


@pytest.mark.parametrize("name", ["params.yaml", "tests/tiny.yaml"])
def test_our_own_files_are_right(name: str) -> None:
    params = load_params(ROOT / name)
    assert params.molecules.train.rate > 0
    assert params.sentences.data.source == "everyday"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("molecules.train.rate", -3),
        ("molecules.train.rate", "much"),
        ("molecules.prior.seed", -1),
        ("molecules.prepare.notation", "inchi"),
        ("molecules.interpolate.kinds", []),
        ("sentences.prepare.vocabulary", 100_000),
        ("sentences.train.word_dropout", 1.0),
        ("sentences.model.latent", 0),
    ],
)
def test_a_value_out_of_range_is_named_with_its_place(place: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_params(_changed(tmp_path, place, value))
    assert place in str(caught.value)
    assert repr(value) in str(caught.value)


def test_a_file_may_be_of_one_domain_alone(tmp_path: Path) -> None:
    yaml, path = YAML(typ="safe", pure=True), tmp_path / "params.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump({"sentences": yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))["sentences"]}, file)
    assert domain_params("sentences", path) == domain_params("sentences", ROOT / "params.yaml")
    with pytest.raises(InputError, match=r"^molecules is missing"):
        domain_params("molecules", path)


@pytest.mark.parametrize(
    ("place", "value"), [("prior.kind", None), ("train.code_noise", 0.0), ("model.posterior", "flow")]
)
def test_a_signal_that_no_draw_could_have_is_refused(place: str, value: object, tmp_path: Path) -> None:
    assert load_params(ROOT / "params.yaml").sentences.prior.signal < 1
    with pytest.raises(InputError, match=r"sentences: .*prior\.signal below 1 needs"):
        load_params(_changed(tmp_path, f"sentences.{place}", value))


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("model.posterior", "codes", "needs a model.posterior of gaussian or flow"),
        ("prior.kind", "codes", "needs a model.posterior of codes"),
        ("prior.kind", "vamp", None),
        ("model.latent", 1, "model.latent of at least 2"),
    ],
)
def test_a_prior_that_no_such_codes_have_is_refused_at_once(
    place: str, value: object, says: str | None, tmp_path: Path
) -> None:
    fresh = _changed(tmp_path, "molecules.prior.signal", 1.0, _changed(tmp_path, "molecules.model.start", None))
    with pytest.raises(InputError, match=says) if says else nullcontext():
        load_params(_changed(tmp_path, f"molecules.{place}", value, fresh))


def test_the_codes_of_a_model_gone_on_from_are_not_those_of_the_file(tmp_path: Path) -> None:
    path = _changed(tmp_path, "molecules.model.posterior", "flow")
    assert load_params(path).molecules.model.start
    assert load_params(path).molecules.prior.signal < 1


def test_an_unknown_parameter_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"molecules\.train\.rat is not a parameter"):
        load_params(_changed(tmp_path, "molecules.train.rat", 3))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = _changed(tmp_path, "molecules.train.rate", -3)
    path.write_text(
        path.read_text(encoding="utf-8").replace("latent: 32", "latent: 0").replace("latent: 64", "latent: 0"),
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        load_params(path)
    assert len(str(caught.value).splitlines()) == 3


def test_discrete_codes_reach_the_model() -> None:
    sizes = ModelParams(latent=8, encoder_hidden=5, posterior="codes", slots=4, codebook=16, levels=2, prior="codes")
    config = _config(sizes, 12)
    assert config.encoder == EncoderConfig(hidden=5, posterior="codes", slots=4, codebook=16, levels=2)
    assert config.prior == PriorConfig("codes")


def test_annealing_needs_a_length(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="annealing_steps"):
        load_params(_changed(tmp_path, "sentences.train.annealing", "linear"))


def test_an_exponent_without_a_point_is_a_number(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"learning_rate: \S+", "learning_rate: 1e-3", text, count=1), encoding="utf-8")
    assert load_params(path).molecules.train.learning_rate == 0.001


@pytest.mark.parametrize("content", [b"", b"[]", b"a: [", b"\xff\xfe", b"molecules: 3"])
def test_what_is_no_params_file_is_an_input_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_params(path)
    with pytest.raises(InputError, match="absent"):
        load_params(tmp_path / "absent.yaml")
