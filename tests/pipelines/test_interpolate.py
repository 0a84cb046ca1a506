import json
import math
import shutil
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pipelines import interpolate, walks
from pipelines.glossary import meaning
from pipelines.tables import table
from vaemol.constraints import all_of
from vaemol.notation import SELFIES_PATTERN, symbols, to_text
from vaemol.smooth import smooth_between
from vaemol.space import MoleculeSpace
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, VAEConfig
from vaeseq.files import write_table
from vaeseq.model import SequenceVAE
from vaeseq.tokenizer import Tokenizer
from vaeseq.walks import ends_of
from vaetext.everyday import sentences
from vaetext.ngram import NgramModel

TINY = Path(__file__).parents[1] / "tiny.yaml"
SMILES = ["CCO", "CCCO", "CC(=O)Oc1ccccc1C(=O)O", "OC1CCCC1N", "c1ccncc1", "CCOC(=O)C#N", "CN1CCCCC1", "CCCl"]
DOMAINS = {
    "molecules": {"name": "molecules", "notation": "selfies", "max_length": 20},
    "sentences": {"name": "sentences", "source": "everyday", "max_length": 12}
    | {"max_words": 50, "max_characters": 500, "lower": False},
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder with params, prepared rows and an untrained model of each domain."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(TINY, "params.yaml")
    texts = [row["text"] for row in sentences(16, seed=0)]
    write_domain("molecules", "smiles", SMILES * 2, known_symbols())
    write_domain("sentences", "text", texts, Tokenizer.of_words(texts, size=600))
    return tmp_path


def known_symbols():
    written = {symbol for smiles in SMILES for symbol in symbols(to_text(smiles, "selfies"), "selfies")}
    return Tokenizer.of_symbols(written, SELFIES_PATTERN)


def write_domain(domain, column, texts, tokenizer):
    prepared = Path("data/prepared", domain)
    prepared.mkdir(parents=True)
    split = ["train", "test"] * (len(texts) // 2)
    pq.write_table(pa.table({column: texts, "split": split}), prepared / "rows.parquet")
    config = VAEConfig(tokenizer.size, 6, 8, EncoderConfig("bilstm", 16), DecoderConfig("lstm", 24))
    torch.manual_seed(0)
    vae = SequenceVAE.build(config)
    with torch.no_grad():  # an untrained model is nearly deaf to z
        for parameter in vae.parameters():
            parameter.mul_(4)
    checkpoint.save(Path("models", domain), Checkpoint(vae, config, tokenizer, DOMAINS[domain]), card="a test's model")


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_path_has_its_ends_and_every_kind(house, domain):
    interpolate.main(domain)
    out = house / "reports" / domain / "interpolate"
    rows = table(out / "paths.csv")
    assert {row["origin"] for row in rows} == {"held_out", "random"}
    for (_, origin, _), steps in groupby(rows, key=lambda row: (row["path"], row["origin"], row["kind"])):
        steps = list(steps)
        assert [int(row["step"]) for row in steps] == list(range(len(steps)))
        if steps[0]["kind"] != "steady":
            assert [float(row["t"]) for row in steps] == [step / 8 for step in range(9)]
        assert all(row["given"] for row in (steps[0], steps[-1])) == (origin == "held_out")
        assert not any(row["given"] for row in steps[1:-1])
    kinds = [kind for kind, _ in groupby(row["kind"] for row in rows)]
    assert kinds == ["steady", "slerp", "lerp"] * 3
    figures = json.loads((house / "reports" / domain / "interpolate.json").read_text())
    assert {kind: its["paths"] for kind, its in figures.items()} == {"steady": 3, "slerp": 3, "lerp": 3}
    assert figures["slerp"]["both_ends_exact_of"] == figures["steady"]["both_ends_exact_of"] == 2


def test_a_steady_path_of_molecules_is_that_of_propose(house):
    interpolate.main("molecules")
    rows = table(house / "reports/molecules/interpolate/paths.csv")
    rows = [row for row in rows if (row["kind"], row["origin"]) == ("steady", "held_out")]
    space, seed = MoleculeSpace.load(Path("models/molecules")), 0
    for _, steps in groupby(rows, key=lambda row: row["path"]):
        steps = list(steps)
        ends = steps[0]["given"], steps[-1]["given"]
        (codes,) = ends_of(space, [ends])
        assert [row["text"] for row in steps] == smooth_between(space, codes, ends, holds=all_of([]), seed=seed)
        assert [float(row["t"]) for row in (steps[0], steps[-1])] == [0, 1]


def test_a_pair_that_is_one_molecule_has_a_path_of_it_alone(house):
    params = Path("params.yaml").read_text().replace('"Cn1cnc2c1c(=O)n(C)c(=O)n2C"', '"OC(=O)c1ccccc1OC(C)=O"')
    Path("params.yaml").write_text(params)
    interpolate.main("molecules")
    rows = table(house / "reports/molecules/interpolate/paths.csv")
    named = [row for row in rows if row["origin"] == "named" and row["kind"] == "steady"]
    assert [row["given"] for row in named] == ["CC(=O)Oc1ccccc1C(=O)O"] * 2
    space = MoleculeSpace.load(Path("models/molecules"))
    assert [row["text"] for row in named] == space.decode(space.pinned([row["given"] for row in named]).codes)


def test_molecules_are_described_and_drawn(house):
    interpolate.main("molecules")
    out = house / "reports/molecules/interpolate"
    rows = table(out / "paths.csv")
    for row in rows:
        assert (row["valid"] == "True") == bool(row["text"])
        assert bool(row["qed"]) == bool(row["text"])
    figures = json.loads((house / "reports/molecules/interpolate.json").read_text())
    assert figures["lerp"]["validity_of"] == 27
    drawn = sorted(path.name for path in out.glob("*.png"))
    assert "nats_a_word" not in rows[0]
    assert drawn == [f"path_{number}_{kind}.png" for number in range(3) for kind in ("lerp", "slerp", "steady")]
    assert list(table(out / "posterior_table.csv")[0]) == ["input", "mean", "sample_1", "sample_2", "sample_3"]


def test_sentences_carry_their_labels(house):
    interpolate.main("sentences")
    rows = table(house / "reports/sentences/interpolate/paths.csv")
    assert set(rows[0]) >= {"parses", "frame", "tense", "polarity", "subject", "topic", "labels_changed"}
    figures = json.loads((house / "reports/sentences/interpolate.json").read_text())["slerp"]
    assert (figures["parse_fraction_of"], figures["at_most_one_label_of"]) == (27, 24)


def test_sentences_on_the_way_are_as_likely_as_words_alone_say(house, monkeypatch):
    monkeypatch.setattr(interpolate, "LEARNT", 5)
    interpolate.main("sentences")
    found = json.loads((house / "reports/sentences/interpolate.json").read_text())
    train, test = (
        interpolate._of_split(house / "data/prepared/sentences", "text", its, 0) for its in ("train", "test")
    )
    language, paths = NgramModel(train[:5], order=5), table(house / "reports/sentences/interpolate/paths.csv")
    real = language.perplexity(test).value
    for kind, figures in found.items():
        between = [row["text"] for row in paths if row["kind"] == kind and int(row["step"]) not in (0, 8)]
        value, of, _ = language.perplexity(between)
        told = [figures[name] for name in ("between_perplexity", "between_perplexity_of", "held_out_perplexity")]
        assert told == [pytest.approx(value), of, pytest.approx(real)]
        assert all(meaning(name).text for name in figures if not name.endswith("_of"))
    expected = language.nats_a_word([row["text"] for row in paths])
    assert [float(row["nats_a_word"]) for row in paths] == pytest.approx(expected, rel=1e-5)
    assert len({row["nats_a_word"] for row in paths}) > 1


def test_of_an_end_that_is_missed_the_words_without_a_symbol_are_shown(house):
    interpolate.main("sentences")
    rows = table(house / "reports/sentences/interpolate/paths.csv")
    tokenizer = Tokenizer.load(Path("models/sentences/tokenizer.json"))
    asked = [row for row in rows if row["given"] and row["given"] != row["text"]]
    assert asked
    assert [row["unknown"] for row in asked] == [" ".join(tokenizer.spelled(row["given"])) for row in asked]
    assert not any(row["unknown"] for row in rows if not row["given"] or row["given"] == row["text"])
    origins = walks.paths("sentences", house, None)["origins"]
    stops = [stop for its in origins for path in its["paths"] for kind in path["kinds"] for stop in kind["stops"]]
    assert any(stop["unknown"] for stop in stops)
    assert not any(stop["unknown"] for stop in stops if stop["place"] != "asked for")


def test_gaps_of_held_out_sentences_are_filled(house):
    interpolate.main("sentences")
    rows = table(house / "reports/sentences/interpolate/imputed.csv")
    assert rows
    for row in rows:
        assert row["text"].count("___") == 2
        assert "___" not in row["original"] + row["completion"]
    for text in {row["text"] for row in rows}:
        weights = [float(row["weight"]) for row in rows if row["text"] == text]
        assert weights == sorted(weights, reverse=True)
        assert 0 < sum(weights) <= 1.001
    assert not (house / "reports/molecules/interpolate/imputed.csv").exists()


def test_a_named_pair_that_the_model_cannot_read_is_left_out(house, capsys):
    interpolate.main("molecules")
    assert "left out: molecule 'Cn1cnc2c1c(=O)n(C)c(=O)n2C'" in capsys.readouterr().err
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "OC1CCCC1N"))
    interpolate.main("molecules")
    named = [row for row in table(house / "reports/molecules/interpolate/paths.csv") if row["origin"] == "named"]
    first = [row for row in named if row["kind"] == "slerp"]
    assert [first[0]["given"], first[-1]["given"]] == ["CC(=O)Oc1ccccc1C(=O)O", "NC1CCCC1O"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_same_files_come_out_twice(house, domain):
    def files():
        interpolate.main(domain)
        found = sorted(path for path in (house / "reports").rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in found}

    assert files() == files()


def test_nothing_to_walk_between_is_no_fault(house):
    text = Path("params.yaml").read_text()
    for setting in ("pairs: 2", "random: 1", "posterior_rows: 5"):
        text = text.replace(setting, setting.split(":")[0] + ": 0")
    Path("params.yaml").write_text(text)
    interpolate.main("sentences")
    assert json.loads((house / "reports/sentences/interpolate.json").read_text()) == {}
    assert table(house / "reports/sentences/interpolate/paths.csv") == []


def test_a_table_shows_what_is_not_known_as_blank(tmp_path):
    write_table(tmp_path / "a.csv", interpolate._written([{"a": math.nan, "b": None, "c": 1 / 3, "d": "x,y"}]))
    assert (tmp_path / "a.csv").read_text() == 'a,b,c,d\n,,0.333333,"x,y"\n'


def test_a_sentence_that_is_a_formula_comes_back_from_a_table_that_holds_none(tmp_path):
    texts = ["=HYPERLINK(1)", "'=a", "- no", "It's so."]
    write_table(tmp_path / "a.csv", [{"text": text, "weight": -0.5} for text in texts])
    written = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert not [line for line in written if line.startswith(("=", "-"))]
    assert [(row["text"], row["weight"]) for row in table(tmp_path / "a.csv")] == [(text, "-0.5") for text in texts]
