"""What the report says of a model that went on from another, and of one that did not."""

from pipelines.stage import DOMAINS

import json
import re
from pathlib import Path

import pytest

from pipelines import report

FRESH = ("never seen before the end", "so right is it about chemistry that is new to it")
GONE_ON = ("nothing here learns from these", "though the model that was gone on from may have read the like")


@pytest.fixture
def root(tmp_path: Path, write_outputs, write_csv) -> Path:
    write_outputs(tmp_path)
    quality = {"property": "pKi", "split": "test", "rows": 40, "r2": 0.71, "rmse": 0.55, "coverage_90": 0.9}
    for domain in DOMAINS:
        write_csv(tmp_path / "reports" / domain / "evaluate/properties.csv", [quality])
    summary = tmp_path / "data/prepared/molecules/summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"scaffolds_shared": 0}))
    return tmp_path


def chapters(root: Path, start: str) -> list[str]:
    """The page of each domain that goes on from ``start``."""
    params = (root / "params.yaml").read_text(encoding="utf-8")
    params = re.sub(r"model: \{[^}]*\}", f"model: {{start: {start}}}", params)
    (root / "params.yaml").write_text(params, encoding="utf-8")
    text = report.page(root).decode()
    return [re.search(rf'id="{domain}">(.*?)(id="sentences">|id="words">)', text, re.DOTALL)[1] for domain in DOMAINS]


@pytest.mark.parametrize("shared", [0, 1, None])
def test_test_rows_are_of_new_scaffolds_where_they_are(shared: int | None, root: Path) -> None:
    summary = root / "data/prepared/molecules/summary.json"
    told = {name: its for name, its in json.loads(summary.read_text()).items() if name != "scaffolds_shared"}
    summary.write_text(json.dumps(told if shared is None else told | {"scaffolds_shared": shared}))
    assert ("Test rows have scaffolds that no training row has" in report.page(root).decode()) == (shared == 0)


def test_what_makes_training_rows_harder_is_named_beside_their_curve(root: Path) -> None:
    plain = report.page(root).decode()
    assert plain.count("it starts to learn the training rows by heart") == 2
    params = (root / "params.yaml").read_text(encoding="utf-8")
    noisy = params.replace("train: {rate: 15}", "train: {rate: 15, code_noise: 0.1, masking: 0.2}", 1)
    (root / "params.yaml").write_text(noisy.replace("model: {}", "model: {decoder_dropout: 0.1}", 1), encoding="utf-8")
    page = report.page(root).decode()
    assert page.count("it starts to learn the training rows by heart") == 1
    named = ("train.code_noise", "train.masking", "model.decoder_dropout")
    assert f"harder than they are ({', '.join(f'<code>{name}</code>' for name in named)})" in page


def test_only_rows_that_no_model_read_are_called_unseen(root: Path) -> None:
    fresh, gone_on = chapters(root, "null"), chapters(root, "mine")
    for said, others in ((fresh, GONE_ON), (gone_on, FRESH)):
        assert not [phrase for chapter in said for phrase in others if phrase in chapter]
    assert [[phrase in chapter for phrase in FRESH] for chapter in fresh] == [[True, True], [True, False]]
    assert [[phrase in chapter for phrase in GONE_ON] for chapter in gone_on] == [[True, True], [True, False]]


def test_the_card_of_a_shipped_model_is_that_of_its_domain(root: Path) -> None:
    molecules, sentences = chapters(root, "shipped")
    assert "vaemol/weights" in molecules
    assert "vaetext/weights" in sentences
    assert "vaemol" not in sentences


def test_the_prior_is_called_normal_nowhere(root: Path) -> None:
    assert "a standard normal" not in report.page(root).decode()


@pytest.mark.parametrize(("step", "says"), [(0, "the one before the first step"), (5500, "at step 5,500 of 6,000")])
def test_the_state_that_is_kept_is_told(root: Path, step: int, says: str) -> None:
    for domain in DOMAINS:
        trained = root / "reports" / domain / "train.json"
        trained.write_text(json.dumps(json.loads(trained.read_text()) | {"best_step": step}))
    assert report.page(root).decode().count(says) == len(DOMAINS)
