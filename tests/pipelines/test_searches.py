"""The chapter of the report on searches: seeds, properties before and after, fronts, neighbours."""

import csv
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines import report, searches
from pipelines.charts import Series, scatter
from pipelines.glossary import objective_title
from pipelines.params import OptimizeParams
from pipelines.tiles import Easel

FOLDER = Path("reports/molecules/optimize")
PAIR = ("qed", "min:sa_score")


@pytest.fixture
def root(tmp_path, write_outputs, write_csv, write_json):
    """Made-up outputs with a search for two objectives, one of them to be low: its values are negated."""
    write_outputs(tmp_path)
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("optimize: {}", f"optimize: {{front: {list(PAIR)}}}"))
    chance = random.Random(1)
    with (tmp_path / FOLDER / "best.csv").open(newline="", encoding="utf-8") as file:
        best = [row for row in csv.DictReader(file) if row["objective"] == "qed"]
    front = [row | {"qed": 0.95 - i / 20, "min:sa_score": -4 + i / 4} for i, row in enumerate(best)]
    calls = [
        {"method": method, "seed": 0, "call": call, "smiles": best[call % 8]["smiles"], "seconds": call * 0.1}
        | {"qed": round(0.5 * chance.random(), 4), "min:sa_score": round(-5 - chance.random(), 4)}
        for method in ("structural", "random_prior")
        for call in range(1, 91)
    ]
    write_csv(tmp_path / FOLDER / "front.csv", front)
    write_csv(tmp_path / FOLDER / "front_calls.csv", calls)
    figures = {"on_front": 8, "random_front_beaten": 0.8125, "calls": 90, "seconds": 12.0}
    write_json(tmp_path / "reports/molecules/optimize.json", {"qed": {"best": 0.9}, "front": figures})
    return tmp_path


def chapter(root, front=PAIR):
    return searches.optimisation(OptimizeParams(front=front), root, Easel(400))


def test_a_band_goes_from_the_worst_seed_to_the_best(root):
    chart = chapter(root)["objectives"][0]["chart"]
    assert chart.svg.count('class="band') == 2
    with (root / FOLDER / "calls.csv").open(encoding="utf-8") as file:
        lines = file.read().splitlines()
    (root / FOLDER / "calls.csv").write_text("\n".join(line for line in lines if ",1," not in line[:40]) + "\n")
    assert 'class="band' not in chapter(root)["objectives"][0]["chart"].svg


def test_the_mean_of_seeds_is_of_all_of_them(root, monkeypatch):
    ends = {"0": [None, 0.2, 0.9], "1": [0.1, 0.3, 0.4, 0.4, 0.6]}
    rows = [
        {"method": "structural", "seed": seed, "call": str(call), "best_so_far": "" if best is None else str(best)}
        for seed, bests in ends.items()
        for call, best in enumerate(bests, start=1)
    ]
    drawn = []
    monkeypatch.setattr(searches, "lines", lambda title, series, **how: drawn.extend(series))
    searches._race("qed", rows, None)
    (race,) = drawn
    assert list(race.x) == [2, 3, 4, 5]
    assert race.y == pytest.approx([0.25, 0.65, 0.65, 0.75])
    assert race.low == [0.2, 0.4, 0.4, 0.6]
    assert race.high == [0.3, 0.9, 0.9, 0.9]


def test_the_best_training_row_is_a_line_to_beat(root, write_json):
    assert ("best training row", "reference") not in chapter(root)["objectives"][0]["chart"].legend
    write_json(root / "reports/molecules/optimize.json", {"qed": {"best_training": 0.91}})
    assert ("best training row", "reference") in chapter(root)["objectives"][0]["chart"].legend


@pytest.mark.parametrize(
    ("start", "objective", "reference"),
    [
        ("prior", "qed", ("best training row", 0.91)),
        ("prior", "property:pIC50", ("best training row, measured", 0.91)),
        ("training", "property:pIC50", ("best before it starts", 0.7)),
    ],
)
def test_what_a_search_is_to_rise_above_is_of_the_kind_that_its_curve_is_of(start, objective, reference):
    found = {"best_training": 0.91, "best_at_start": 0.7}
    assert searches._level(objective, found, OptimizeParams(start=start)) == reference
    assert searches._level(objective, {}, OptimizeParams(start=start)) is None


def test_what_is_to_be_low_is_shown_as_it_is_measured(root, monkeypatch, write_json):
    for name in ("best.csv", "calls.csv", "shifts.csv"):
        path = root / FOLDER / name
        path.write_text(path.read_text().replace("qed,", "min:property:IC50,").replace(",0.9,,", ",-812.5,30.25,"))
    scores = {"best": -812.5, "top_10": -900.0, "best_training": -0.0, "best_at_start": -1200.0, "random_best": -950.0}
    found = scores | {"calls": 240, "random_top_10": None, "without_value": 3}
    write_json(root / "reports/molecules/optimize.json", {"min:property:IC50": found})
    drawn, lines = [], searches.lines
    monkeypatch.setattr(searches, "lines", lambda *of, **how: drawn.append((of[1], how)) or lines(*of, **how))
    (its, *_) = chapter(root)["objectives"]
    assert its["title"] == "IC50, predicted, to be low"
    series, how = drawn[0]
    assert all(height < 0 for one in series for height in one.y), "made-up calls are positive as they are sought"
    assert all(low <= mean <= high for one in series for low, mean, high in zip(one.low, one.y, one.high, strict=True))
    assert how["caption"].startswith("lower is better")
    assert how["reference"] == ("best training row, measured", 0.0)
    assert its["best"][0]["verdict"] == "no. 1 · score 812.5 ± 30.25 · SA 2.10"
    shown = {
        row["meaning"].title: ([text for text, _ in row["cells"]], row["meaning"]) for row in its["figures"]["rows"]
    }
    assert shown["Best"][0] == ["812.5", "950.0"]
    assert shown["Best"][1].better == shown["Ten best"][1].better == "lower"
    assert shown["Best training row"][0] == ["0.000", ""], "zero has no sign"
    assert shown["Oracle calls"][0] == ["240", ""]
    assert "lower is better; the axis" in report.page(root).decode()


def test_the_page_says_what_is_required_and_what_usually_is(root):
    params = root / "params.yaml"
    usual = "<code>alerts:pains</code> (no pattern that often deceives assays)"
    said = report.page(root).decode()
    assert "Not required, though it usually is: <code>sa_score&lt;=3.5</code> (easy to make), " in said
    assert "Only molecules that hold" not in said
    params.write_text(params.read_text().replace("front: [", "require: ['log_p<=2', 'alerts:pains'], front: ["))
    page = report.page(root).decode()
    assert f"Only molecules that hold <code>log_p&lt;=2</code>, {usual} are scored." in page
    assert page.count(usual) == 1


def test_properties_have_a_strip_each_of_every_group(root):
    found = chapter(root)
    for chart in (*(its["shift"] for its in found["objectives"]), found["front_shift"]):
        assert chart.svg.count('class="box"') == 6 * 3
        assert [style for _, style in chart.legend] == ["c7", "c1", "c0"]
        assert "Molecular weight, g/mol" in chart.svg
    with (root / FOLDER / "shifts.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["objective"], row["property"]) == ("qed", "qed")]
    before, after = (f"{float(row['q50']):.3f}" for row in rows if row["molecules"] != "random")
    assert f">{before} → {after}</text>" in found["objectives"][0]["shift"].svg


def test_the_front_is_drawn_as_it_was_measured(root):
    (chart,) = chapter(root)["front"]["charts"]
    assert chart.svg.count("a4 4 0 1 0 8 0") == 8
    assert [name for name, _ in chart.legend][:2] == ["the front", "first third of the calls"]
    assert "SA score, 1 easy to 10 hard to make (low is better)" in chart.svg
    assert "\N{MINUS SIGN}" not in "".join(re.findall(r'class="end"[^>]*>([^<]*)<', chart.svg)), "SA is not negative"


def test_nothing_found_is_beyond_the_stairs():
    front, below = Series("f", [3.0, 2.0, 1.0], [1.0, 2.0, 3.0], "c3"), Series("s", [0.9, 1.9], [0.9, 0.2], "s1")
    svg = scatter("t", [below], front=front).svg
    (stairs,) = re.findall(r'class="stairs c3" d="M([^"]*)"', svg)
    first, *steps = re.split("[HV]", stairs)
    x, y = map(float, first.split())
    assert list(re.sub("[^HV]", "", stairs)) == ["H", "V"] * 2
    across, down = map(float, steps[::2]), map(float, steps[1::2])
    assert all(a > b for a, b in pairwise([x, *across])), "from the best of the first objective"
    assert all(a > b for a, b in pairwise([y, *down])), "up to the best of the second"


def test_three_objectives_are_drawn_in_pairs_without_stairs(root):
    for name in ("front.csv", "front_calls.csv"):
        path = root / FOLDER / name
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join([head + ",log_p", *(row + ",1.5" for row in rows)]) + "\n", encoding="utf-8")
    charts = chapter(root, (*PAIR, "log_p"))["front"]["charts"]
    assert [chart.title for chart in charts] == ["QED and SA score", "QED and logP", "SA score and logP"]
    assert not any("stairs" in chart.svg for chart in charts)


def test_a_long_front_is_drawn_from_end_to_end(root, write_csv):
    with (root / FOLDER / "front.csv").open(newline="", encoding="utf-8") as file:
        (row, *_) = csv.DictReader(file)
    write_csv(root / FOLDER / "front.csv", [row | {"smiles": "C" * i, "qed": 1 / i} for i in range(1, 31)])
    front = chapter(root)["front"]
    lengths = [len(its["found"]["text"]) for its in front["molecules"]]
    assert (front["of"], len(lengths), lengths[0], lengths[-1]) == (30, searches.ON_FRONT, 1, 30)
    assert lengths == sorted(set(lengths))


def test_the_page_shows_a_molecule_beside_its_nearest_in_training(root):
    page = report.page(root).decode()
    assert page.count('<span class="label">nearest in training, 0.400</span>') == 3 * 8
    assert "no. 1 · score 0.900 · SA 2.10" in page
    assert "0.812" in page, "how much of the front of random draws is beaten"
    assert "A prediction is no measurement" not in page


def test_predicted_scores_say_how_sure_they_are(root):
    path = root / FOLDER / "best.csv"
    path.write_text(path.read_text().replace("penalised_log_p,1,", "property:pIC50,1,").replace(",0.9,,", ",0.9,0.25,"))
    calls = root / FOLDER / "calls.csv"
    calls.write_text(calls.read_text().replace("penalised_log_p", "property:pIC50"))
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("front: [", "objectives: ['property:pIC50'], front: ["))
    page = report.page(root).decode()
    assert "score 0.900 ± 0.250" in page
    assert "A prediction is no measurement" in page


def test_the_page_says_of_each_objective_which_training_rows_it_started_from(root, write_json):
    params = root / "params.yaml"
    assert "starts from training rows" not in report.page(root).decode()
    begun = params.read_text().replace("front: [", "start: training, objectives: [penalised_log_p], front: [")
    params.write_text(begun)
    front = {"best_training": {"qed": 0.9, "min:sa_score": -1.2}}
    write_json(root / "reports/molecules/optimize.json", {"penalised_log_p": {"best_training": None}, "front": front})
    assert (
        "some drawn at random (Penalised logP (capped size)), "
        "those of the highest measured values (QED, drug-likeness, 0 to 1), "
        "those of the lowest measured values (SA score, 1 easy to 10 hard to make, to be low)."
    ) in report.page(root).decode()


@pytest.mark.parametrize(("start", "measure"), [("prior", "on the same terms"), ("training", "best before it starts")])
def test_random_draws_are_the_measure_only_of_what_starts_from_them(root, start, measure):
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("front: [", f"start: {start}, front: ["))
    page = report.page(root).decode()
    assert [said for said in ("on the same terms", "best before it starts") if said in page] == [measure]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("qed", "QED, drug-likeness, 0 to 1"),
        ("osimertinib_mpo", "Osimertinib mpo"),
        ("min:sa_score", "SA score, 1 easy to 10 hard to make, to be low"),
        ("property:p_IC/50", "p_IC/50, predicted"),
        ("similarity:C/C=C/C", "similarity:C/C=C/C"),
    ],
)
def test_objectives_have_titles_in_words(name, title):
    assert objective_title(name) == title
