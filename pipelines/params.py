"""``params.yaml``, checked: types, ranges and names, each fault with its place in the file."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

from vaeseq.errors import InputError, shown

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Method = Literal["structural", "structural_without_space", "bayesian", "retraining", "ascent", "genetic"]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # as far as numpy and torch take them


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataParams(_Section):
    """Which rows."""

    source: str = Field(min_length=1)
    rows: Count | None = None
    seed: Seed = 0
    mirror: str | None = None
    accept_licence: bool = False
    column: str | None = None
    id_column: str | None = None


class MoleculePrepareParams(_Section):
    """How molecules become rows; of the columns ``mean_of`` one that comes again has the mean of its numbers."""

    notation: Literal["selfies", "smiles"] = "selfies"
    standardise: bool = True
    split: Literal["random", "scaffold"] = "random"
    valid_fraction: Fraction = 0.05
    test_fraction: Fraction = 0.05
    max_characters: Count = 250
    max_heavy_atoms: Count = 50
    randomise: Annotated[int, Field(ge=0)] = 0
    mean_of: tuple[str, ...] = ()
    workers: Count | None = None
    seed: Seed = 0


class SentencePrepareParams(_Section):
    """How sentences become rows."""

    cut: Literal["words", "bpe"] = "words"
    vocabulary: Annotated[int, Field(ge=1, le=65_536)] = 8_000
    max_words: Count = 50
    max_characters: Count = 500
    lower: bool = False
    workers: Count | None = None


class ModelParams(_Section):
    """Sizes of the model; null ``language_hidden`` means no language model, else the decoder corrects one.

    ``start`` is the folder of a model to go on from, see ``pipelines.start``, with its vocabulary and its sizes
    instead of those here. ``latent`` is the dimension of z, ``content`` how much of it the rows of a group share;
    ``slots``, ``codebook`` and ``levels`` are of discrete codes, see ``vaeseq.quantised``.
    """

    start: str | None = Field(None, min_length=1)
    latent: Count = 64
    content: Annotated[int, Field(ge=0)] = 0
    embedding: Count = 64
    encoder_hidden: Count = 256
    decoder_hidden: Count = 512
    encoder_dropout: Fraction = 0.0
    decoder_dropout: Fraction = 0.0
    decoder_input_dropout: Fraction = 0.0
    decoder_weight_drop: Fraction = 0.0
    language_hidden: Count | None = None
    language_dropout: Fraction = 0.0
    posterior: Literal["gaussian", "flow", "codes"] = "gaussian"
    slots: Count = 8
    codebook: Count = 256
    levels: Count = 1
    prior: Literal["standard_normal", "mixture", "vamp", "flow", "autoregressive", "codes"] = "standard_normal"
    prior_components: Count = 64


class TrainParams(_Section):
    """What is minimised, how long and how fast; see ``vaeseq.objectives`` and ``vaeseq.state``.

    Rows with the same value in the column ``group`` of ``rows.parquet`` share their content, ``group_size`` at a time;
    its columns ``properties`` are predicted from the code.
    """

    seed: Seed = 0
    group: str | None = None
    group_size: Count = 4
    properties: tuple[str, ...] = ()
    property_weight: Annotated[float, Field(ge=0)] = 1.0
    rate: Positive | None = None
    rate_start: Positive | None = None
    beta: Annotated[float, Field(ge=0)] = 1.0
    annealing: Literal["none", "linear", "cyclical"] = "none"
    annealing_steps: Annotated[int, Field(ge=0)] = 0
    cycles: Count = 4
    free_bits: Annotated[float, Field(ge=0)] = 0.0
    word_dropout: Fraction = 0.0
    code_noise: Fraction = 0.0
    splicing: Fraction = 0.0
    masking: Fraction = 0.0
    samples: Count = 1
    commitment: Annotated[float, Field(ge=0)] = 0.25
    language_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    steps: Count = 10_000
    batch_size: Count = 128
    learning_rate: Positive = 2e-3
    warmup: Fraction = 0.05
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Positive = 5.0
    average: Fraction = 0.0
    pretrain_steps: Annotated[int, Field(ge=0)] = 0
    inner_steps: Annotated[int, Field(ge=0)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    evaluate_every: Count = 500
    evaluate_rows: Count = 1_000

    @model_validator(mode="after")
    def _schedules_are_whole(self) -> "TrainParams":
        if self.annealing != "none" and self.annealing_steps < 1:
            raise ValueError("annealing needs annealing_steps of at least 1")
        if self.rate_start is not None and (self.rate is None or self.rate_start < self.rate):
            raise ValueError("rate_start needs a rate, and must not be below it")
        return self


class PriorParams(_Section):
    """Which prior is fitted to the codes of how many rows, afterwards, and how; no ``kind`` keeps that of training.

    ``signal`` is how much the codes say, and with them the draws: 1 all, 0 nothing (``vaeseq.blurring``).
    """

    seed: Seed = 0
    signal: Annotated[float, Field(gt=0, le=1)] = 1.0
    kind: Literal["mixture", "vamp", "flow", "autoregressive", "codes"] | None = "autoregressive"
    components: Count = 4
    transforms: Count = 6
    hidden: Count = 256
    rows: Count = 100_000
    draws: Count = 4
    steps: Count = 1_500
    batch_size: Count = 512
    learning_rate: Positive = 2e-3
    look_every: Count = 100
    clip: Positive = 5.0


class EvaluateParams(_Section):
    """How many rows of each split, draws of the prior, and importance samples; ``gap_rows`` have their code refined."""

    seed: Seed = 0
    rows: Count = 1_000
    iwae_rows: Count = 300
    iwae_samples: Count = 50
    gap_rows: Count = 100
    prior_samples: Count = 1_000


class InterpolateParams(_Section):
    """Which paths; ``named`` holds pairs of texts. Of ``imputed_rows`` sentences two words are to be filled in.

    Paths of the kind ``steady`` go in small steps, by texts that are likely (``vaeseq.steady``, ``vaemol.smooth``);
    those of molecules have as many as they need. The others decode ``steps`` evenly spaced codes.
    """

    seed: Seed = 0
    pairs: Annotated[int, Field(ge=0)] = 20
    random: Annotated[int, Field(ge=0)] = 10
    named: tuple[tuple[str, str], ...] = ()
    steps: Annotated[int, Field(ge=2)] = 9
    beams: Annotated[int, Field(ge=1, le=64)] = 1
    kinds: Annotated[tuple[Literal["steady", "slerp", "lerp", "density"], ...], Field(min_length=1)] = ("slerp", "lerp")
    posterior_rows: Annotated[int, Field(ge=0)] = 5
    imputed_rows: Annotated[int, Field(ge=0)] = 5


class OptimizeParams(_Section):
    """What is optimised with how many oracle calls, see ``vaemol.optimization.optimize``.

    Objectives as ``vaemol.prediction.objective_in`` names them: each is sought by itself, and those of ``front``
    together. ``require`` holds what a molecule must hold to be scored, as ``vaemol.constraints.constraint`` reads it.
    A search starts from draws of the prior, or from the training rows that hold ``require`` and have the best measured
    values, by chance where the objective was not measured. A ``command:`` may take ``seconds`` for each molecule.
    """

    seed: Seed = 0
    seeds: Count = 1
    method: Method = "structural"
    objectives: tuple[str, ...] = ("qed", "penalised_log_p")
    front: tuple[str, ...] = ()
    start: Literal["prior", "training"] = "prior"
    require: tuple[str, ...] = ()
    budget: Count = 250
    initial: Count = 50
    batch: Count = 10
    max_heavy_atoms: Count = 38
    seconds: Positive = 600.0

    @model_validator(mode="after")
    def _front_is_of_several(self) -> "OptimizeParams":
        if len(self.front) == 1 or len(set(self.front)) < len(self.front):
            raise ValueError(f"a front must be of several objectives, each once, got {', '.join(self.front)}")
        if self.front and self.method == "ascent":
            raise ValueError("ascent climbs one objective and finds no front; leave front empty or take another method")
        return self


class _DomainParams(_Section):
    """What both domains have."""

    data: DataParams
    model: ModelParams
    train: TrainParams
    prior: PriorParams = PriorParams()
    evaluate: EvaluateParams
    interpolate: InterpolateParams

    @model_validator(mode="after")
    def _prior_suits_the_codes(self) -> "_DomainParams":
        prior, posterior = self.prior, None if self.model.start else self.model.posterior  # it is train's to ask
        if prior.signal < 1 and not (prior.kind and self.train.code_noise and posterior in (None, "gaussian")):
            raise ValueError("a prior.signal below 1 needs a prior.kind, train.code_noise and a gaussian posterior")
        suits = {"codes": ["codes"], "vamp": ["gaussian"]}.get(prior.kind or "", ["gaussian", "flow"])
        if prior.kind and posterior not in (None, *suits):
            raise ValueError(f"a prior.kind of {prior.kind} needs a model.posterior of {' or '.join(suits)}")
        if (prior.kind, self.model.start, self.model.latent) == ("autoregressive", None, 1):
            raise ValueError("a prior.kind of autoregressive needs a model.latent of at least 2")
        return self


class MoleculeParams(_DomainParams):
    """All of the molecules' parameters."""

    prepare: MoleculePrepareParams
    optimize: OptimizeParams


class SentenceParams(_DomainParams):
    """All of the sentences' parameters."""

    prepare: SentencePrepareParams


class Params(_Section):
    """The whole file; it may be of one domain alone."""

    molecules: MoleculeParams | None = None
    sentences: SentenceParams | None = None


def domain_params(domain: str, path: Path = Path("params.yaml")) -> MoleculeParams | SentenceParams:
    """Those of one domain.

    Raises:
        InputError: As ``load_params``, or there are none.
    """
    if (found := getattr(load_params(path), domain)) is None:
        raise InputError(f"{domain} is missing ({path})")
    return found


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check the parameters.

    Raises:
        InputError: The file is missing or no YAML, or a value is unknown, missing or out of range; its place is named.
    """
    try:
        return Params.model_validate(read_yaml(path))
    except ValidationError as error:
        raise InputError("\n".join(_fault(path, fault) for fault in error.errors())) from error


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - whatever it holds
    """What a file of YAML 1.2 holds, as DVC reads it: 1e-3 is a number.

    Raises:
        InputError: The file is missing or no YAML.
    """
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError, ValueError, LookupError, RecursionError) as error:  # of a number or date that is none
        raise InputError(f"{str(path)!r} must be a readable YAML file: {error!s:.500}") from error


def _fault(path: Path, fault: Any) -> str:  # noqa: ANN401 - pydantic's own typed dict
    place = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{place} is not a parameter ({path})"
    return f"{place}: {fault['msg'][0].lower()}{fault['msg'][1:]}, got {shown(fault['input'])} ({path})"
