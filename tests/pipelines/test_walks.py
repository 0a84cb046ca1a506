"""What the report shows of ways through the space of sentences, and that MLflow gets the tables behind it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pipelines import chapters, report, tracking
from pipelines.tables import table


@pytest.fixture
def root(tmp_path, write_outputs):
    write_outputs(tmp_path)
    return tmp_path


def section(root: Path, name: str) -> str:
    return re.search(rf'id="sentences-{name}">(.*?)</section>', report.page(root).decode(), re.DOTALL)[1]


def test_gaps_are_shown_with_the_weights_of_what_fills_them(root):
    gaps = section(root, "imputed")
    assert "<bdi>The ___ old sailor did not sell his boat.</bdi>" in gaps
    assert re.findall(r'<td class="num">([^<]*)</td>', gaps) == ["0.50", "0.25", "0.17"]
    filled = '<del title="___">‸</del> old sailor did not sell <mark>the</mark> <mark>house.</mark>'
    assert f"<bdi>The {filled}</bdi>" in gaps
    assert '<a href="#sentences-imputed">' in report.page(root).decode()
    (root / "reports/sentences/interpolate/imputed.csv").unlink()
    assert "sentences-imputed" not in report.page(root).decode()


def test_of_a_model_of_pieces_the_gaps_say_how_many_pieces_were_tried(root):
    told = "no more than three pieces"
    assert told not in section(root, "imputed")
    summary = root / "data/prepared/sentences/summary.json"
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"cut": "bpe"}))
    assert told in section(root, "imputed")


def test_each_sentence_of_a_path_stands_beside_what_it_costs(root, write_csv):
    path = root / "reports/sentences/interpolate/paths.csv"
    assert "what its sentence costs a word" not in section(root, "paths")
    write_csv(path, [row | {"nats_a_word": 2.5} for row in table(path)])
    shown = section(root, "paths")
    lines = re.findall(r"<li>(.*?)</li>", shown)
    assert "what its sentence costs a word" in shown
    told = [line.endswith('<span class="t">2.50</span>') for line in lines]
    assert told == ["asked for" not in line for line in lines]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("我很好。", "我好。", '我<del title="很">‸</del>好。'),
        ("我很好。", "我很坏。", "我很<mark>坏</mark>。"),
        ("我用 Python 写。", "我用 Python 写。", "我用 Python 写。"),
        ("我写。", "我用 Python 写。", "我<mark>用</mark> <mark>Python</mark> 写。"),
        ("ฉันรักแมว", "ฉันรักหมา", "ฉันรัก<mark>ห</mark>ม<mark>า</mark>"),
        ("I had a very good time.", "I had a good time.", 'I had a <del title="very">‸</del> good time.'),
        ("Well, I had one.", "I had one.", '<del title="Well,">‸</del> I had one.'),
        ("I had one of them.", "I had one", 'I had one <del title="of them.">‸</del>'),
    ],
)
def test_words_that_differ_are_marked_and_spaces_stay_as_they_are(root, write_csv, before, after, shown):
    cloud = {"input": before, "mean": after} | dict.fromkeys(("sample_1", "sample_2", "sample_3"), before)
    write_csv(root / "reports/sentences/interpolate/posterior_table.csv", [cloud])
    assert f"<td><bdi>{shown}</bdi></td>" in section(root, "posterior")
    assert f"<td><bdi>{before}</bdi></td>" in section(root, "posterior")


def test_each_word_of_a_text_without_spaces_is_one():
    assert chapters.different("我很好", "我好") == [("我", False, " "), ("很", None, ""), ("好", False, "")]


@pytest.mark.filterwarnings("ignore")  # MLflow and what it is built on warn about their own code
def test_mlflow_gets_the_tables_of_paths_and_of_gaps(root, empty_store, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracking, "_warned", set())
    shutil.copy(empty_store, root / "mlflow.db")
    tracking.mirror("sentences", "interpolate", root=root)
    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    (run,) = (run for run in runs if run.data.tags.get("latentpath.stage") == "interpolate")
    found = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert found == {"interpolate.json", "paths.csv", "posterior_table.csv", "imputed.csv"}
