"""What the report says of a model that went on from another, and of one that did not."""

from pipelines.stage import DOMAINS

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
    return tmp_path


def chapters(root: Path, start: str) -> list[str]:
    """The page of each domain that goes on from ``start``."""
    params = (root / "params.yaml").read_text(encoding="utf-8")
    params = re.sub(r"prepare: \{[^}]*\}", "prepare: {split: scaffold}", params, count=1)
    params = re.sub(r"model: \{[^}]*\}", f"model: {{start: {start}}}", params)
    (root / "params.yaml").write_text(params, encoding="utf-8")
    text = report.page(root).decode()
    return [re.search(rf'id="{domain}">(.*?)(id="sentences">|id="words">)', text, re.DOTALL)[1] for domain in DOMAINS]


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
