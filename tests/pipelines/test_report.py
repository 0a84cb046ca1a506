from pipelines.stage import DOMAINS

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from pipelines import chapters, report
from vaeseq.errors import InputError

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text outside the style sheet."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self._in_style = [], [], False
        self.feed(text)
        self.text = "".join(self.words)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.words.append(data)


@pytest.fixture(scope="module")
def root(tmp_path_factory, write_outputs):
    root = tmp_path_factory.mktemp("report")
    write_outputs(root)
    return root


@pytest.fixture(scope="module")
def page(root):
    return report.page(root)


def test_the_page_is_small_and_has_every_chapter(page):
    assert len(page) < report.LARGEST
    found = {attrs["id"] for _, attrs in Page(page.decode()).elements if "id" in attrs}
    chapters = {"data", "training", "figures", "samples", "reconstructions", "map", "paths", "posterior"}
    own = {"molecules-optimisation", "sentences-imputed"}
    assert found >= {f"{domain}-{chapter}" for domain in DOMAINS for chapter in chapters} | own


def test_every_link_has_its_place(page):
    elements = Page(page.decode()).elements
    places = {f"#{attrs['id']}" for _, attrs in elements if "id" in attrs}
    assert {attrs["href"] for tag, attrs in elements if tag == "a"} <= places


def assert_loads_nothing(text):
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {"script", "iframe", "object", "embed", "base", "form"}
    for tag, attrs in page.elements:
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "srcset", "srcdoc")], tag
        for name in ("src", "href", "xlink:href", "action", "background"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs)
    assert "url(" not in text
    assert "@import" not in text


def test_nothing_is_loaded_and_nothing_runs(page):
    assert_loads_nothing(page.decode())
    policy = next(attrs["content"] for tag, attrs in Page(page.decode()).elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_the_policy_lets_the_style_sheet_in(page):
    style = re.search(r"<style>(.*?)</style>", page.decode(), re.DOTALL)[1]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in page.decode()


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://x.example/a.png onerror=alert(1)>',
    "=HYPERLINK('http://x.example')",
    "</style><svg onload=alert(1)>",
    "{{ 7 * 7 }} & \u202e \x00 {% raw %}",
    "x" * 100_000,
)


def test_no_string_of_the_data_becomes_markup(tmp_path, write_outputs, write_json, write_csv):
    write_outputs(tmp_path, smiles=HOSTILE, texts=HOSTILE)
    for domain in DOMAINS:
        source = json.loads((tmp_path / "data/raw" / domain / "source.json").read_text())
        files = [file | {"path": HOSTILE[0]} for file in source["files"]]
        write_json(
            tmp_path / "data/raw" / domain / "source.json", {"name": HOSTILE[0], "licence": HOSTILE[1], "files": files}
        )
        summary = json.loads((tmp_path / "data/prepared" / domain / "summary.json").read_text())
        summary |= {
            "source": HOSTILE[5],
            "licence": HOSTILE[1],
            "rejected": {HOSTILE[0]: 1},
            "changed": {HOSTILE[1]: 2},
        }
        write_json(tmp_path / "data/prepared" / domain / "summary.json", summary)
        write_json(tmp_path / "reports" / domain / "evaluate.json", {"test": {HOSTILE[0]: 1.0}})
        write_json(tmp_path / "reports" / domain / "interpolate.json", {HOSTILE[1]: {HOSTILE[0]: 1.0}})
        rows = [{"split": "train", "text": "a", "x": i, "y": i, HOSTILE[0]: HOSTILE[i]} for i in range(5)]
        write_csv(tmp_path / "reports" / domain / "evaluate/latent_map.csv", rows)
    page = report.page(tmp_path)
    assert len(page) < report.LARGEST
    text = page.decode()
    assert_loads_nothing(text)
    assert HOSTILE[0] in Page(text).text
    assert HOSTILE[2] in Page(text).text
    assert "{{ 7 * 7 }}" in text


def quality(name, split):
    return {"property": name, "split": split, "rows": 40, "r2": 0.71, "rmse": 0.55, "coverage_90": 0.9}


def predicted(name, split, i):
    row = {"property": name, "split": split, "text": ASPIRIN, "measured": i, "predicted": i + 0.5, "inside": i < 3}
    return row | {"deviation": 0.5 if i else 5.0}


def test_predicted_properties_have_a_table_and_a_picture_each(tmp_path, write_outputs, write_csv):
    write_outputs(tmp_path)
    assert b"molecules-predictions" not in report.page(tmp_path)
    folder = tmp_path / "reports/molecules/evaluate"
    qualities = [quality(HOSTILE[0], split) for split in ("train", "test")]
    write_csv(folder / "properties.csv", [*qualities, quality("pKi", "test") | {"r2": ""}])
    both = [(name, split) for name in (HOSTILE[0], "pKi") for split in ("train", "test")]
    write_csv(folder / "predictions.csv", [predicted(*each, i) for each in both for i in range(5)])
    page = report.page(tmp_path).decode()
    assert_loads_nothing(page)
    assert 'href="#molecules-predictions"' in page
    assert page.count("measured over predicted") == 2
    assert page.count('<td class="num">0.710</td>') == 2
    assert page.count('<td class="num">none</td>') == 1
    assert page.count('<td class="num">0.400</td>') == 3, "two of five are unlike what it was taught"
    assert "Test rows have scaffolds that no training row has" not in page
    found = chapters.predictions("molecules", tmp_path)
    clouds, calibration = found["charts"][::2], found["charts"][1::2]
    assert [chart.legend for chart in clouds] == [[("like what it was taught", "c0"), ("unlike it", "c1")]] * 2
    # One row of five is off by a tenth of its deviation, within any interval of 8 % or more; four by a whole one, 68 %.
    heights = re.search(r'class="line c0" d="M([^"]*)"', calibration[0].svg)[1].split("L")
    heights = [float(height.split()[1]) for height in heights]
    steps = sorted(set(heights), reverse=True)
    assert [heights.count(step) for step in steps] == [1, 12, 6], "none at 5 %, a fifth from 10 %, all from 70 %"
    assert (steps[0] - steps[1]) / (steps[0] - steps[2]) == pytest.approx(0.2, abs=1e-3)


def test_a_fit_says_how_to_go_on_with_it(tmp_path, write_outputs):
    write_outputs(tmp_path)
    assert "make repro" in report.page(tmp_path).decode()
    (tmp_path / "fit.json").write_text("{}")
    page = report.page(tmp_path).decode()
    assert "make repro" not in page
    assert "vaemol sample --model models/molecules" in page


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_has_not_been_run_is_left_out(tmp_path, write_outputs, domain):
    write_outputs(tmp_path)
    for path in sorted((tmp_path / "reports" / domain).rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()
            assert f'id="{domain}"'.encode() in report.page(tmp_path)
    (tmp_path / "data/prepared" / domain / "summary.json").unlink()
    assert f"Nothing has been run for {domain} yet" in report.page(tmp_path).decode()


def test_the_same_files_give_the_same_bytes(root, page):
    assert report.page(root) == page


def test_pictures_give_way_to_text_where_the_page_would_be_too_large(root, page, monkeypatch):
    monkeypatch.setattr(report, "LARGEST", len(page) - 1)
    smaller = report.page(root)
    assert len(smaller) < len(page)
    assert ASPIRIN in Page(smaller.decode()).text


def test_charts_give_way_too_and_the_page_says_so(tmp_path, write_outputs, write_csv, monkeypatch):
    write_outputs(tmp_path)
    folder, names = tmp_path / "reports/molecules/evaluate", [f"p{i}" for i in range(14)]
    write_csv(folder / "properties.csv", [quality(name, "test") for name in names])
    write_csv(folder / "predictions.csv", [predicted(name, "test", i) for name in names for i in range(5)])
    whole = report.page(tmp_path).decode()
    assert whole.count("measured over predicted") == 14
    assert "no room" not in whole
    monkeypatch.setattr(report, "LARGEST", len(whole.encode()) - 1)
    monkeypatch.setattr(report, "ROOM", [room for room in report.ROOM if room[1] is not None])
    page = report.page(tmp_path).decode()
    assert page.count("measured over predicted") == 6, "each has a chart of its calibration too"
    assert "Shown are 12 of 28 charts" in page
    monkeypatch.setattr(report, "LARGEST", 0)
    page = report.page(tmp_path).decode()
    assert "<svg" not in page
    assert "Shown are 0 of 28 charts" in page


def test_a_broken_file_is_named(tmp_path, write_outputs):
    write_outputs(tmp_path)
    (tmp_path / "reports/molecules/evaluate.json").write_text("[")
    with pytest.raises(InputError, match=r"evaluate\.json must be JSON"):
        report.page(tmp_path)


def test_a_table_that_was_cut_short_is_shown_as_far_as_it_goes(tmp_path, write_outputs):
    write_outputs(tmp_path)
    for path in sorted((tmp_path / "reports").rglob("*.csv")):
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.rindex(b",")])
    assert ASPIRIN.encode() in report.page(tmp_path)


def test_a_table_that_is_none_is_named(tmp_path, write_outputs):
    write_outputs(tmp_path)
    (tmp_path / "reports/molecules/evaluate/samples.csv").write_text("smiles\n" + "C" * 200_000)
    with pytest.raises(InputError, match=r"samples\.csv must be CSV"):
        report.page(tmp_path)


def test_a_figure_tells_what_it_was_taken_over(page):
    assert re.search(r"0\.061<small>of 700</small>", page.decode())
    assert re.search(r"6\.47<small>cap 6\.55</small>", page.decode())


def test_nested_figures_have_a_column_each(page):
    heads = re.findall(r'<th scope="col" class="num">([^<]*)', page.decode())
    assert {"Slerp held out", "Slerp random", "lerp"} <= set(heads)


def test_an_end_that_a_path_misses_is_shown(page):
    missed = '<span class="t">asked for</span><span><bdi>The old sailor did not sell his boat.</bdi>'
    assert page.decode().count(missed) == 2  # of two held-out pairs and two kinds of path, lerp starts at another text


def test_a_plane_is_shown_as_it_lies(tmp_path, write_outputs, write_manifold, page):
    write_outputs(tmp_path)
    for domain, side in (("molecules", 10), ("sentences", 2)):
        write_manifold(tmp_path, domain, side)
    text = report.page(tmp_path).decode()
    assert len(text) < report.LARGEST
    assert_loads_nothing(text)
    molecules, sentences = (re.search(rf'id="{d}-manifold">(.*?)</section>', text, re.DOTALL)[1] for d in DOMAINS)
    assert molecules.count("data:image/png;base64,") == 100
    assert f'alt="Structure of {ASPIRIN}"' in molecules
    lines = [re.findall(r"<th[^>]*>([^<]*)|<td><bdi>([^<]*)", line) for line in sentences.split("<tr>")[1:]]
    assert [["".join(cell) for cell in line] for line in lines] == [
        ["\N{MINUS SIGN}0.5", "0.5"],
        ["0.5", "The old sailor did not sell his boat.", "The old sailor did not sell the house."],
        ["\N{MINUS SIGN}0.5", "The old sailor did not sell the house.", "The young teacher did not sell the house."],
    ]
    assert "Manifold" not in Page(page.decode()).text, "a latent of another dimension has none"


def test_a_plane_without_room_for_all_pictures_shows_none(tmp_path, write_outputs, write_manifold, monkeypatch):
    write_outputs(tmp_path)
    write_manifold(tmp_path, "molecules", 3, HOSTILE)
    write_manifold(tmp_path, "sentences", 3, HOSTILE)
    monkeypatch.setattr(report, "ROOM", [(8, None)])
    text = report.page(tmp_path).decode()
    assert_loads_nothing(text)
    manifold = re.search(r'id="molecules-manifold">(.*?)</section>', text, re.DOTALL)[1]
    assert "<img" not in manifold
    assert "reports/molecules/evaluate/manifold.csv" in manifold


def test_words_that_differ_are_marked(page):
    assert chapters.different("I had a very good time.", "We had a good time.")[0][:2] == ("We", True)
    assert chapters.different("I had a very good time.", "I had a good time.")[3][:2] == ("very", None)
    assert chapters.different("I had a very good time.", "") == []
    assert "The <mark>young</mark> <mark>teacher</mark> did not sell the house." in page.decode()


def test_figures_of_a_fitted_prior_stand_under_their_own() -> None:
    column = {"kl_fitted": 1.0, "elbo": -3.0, "unknown": 2.0, "kl": 4.0, "elbo_fitted": -2.0}
    rows = chapters.figure_table("", {"test": column})["rows"]
    titles = [row["meaning"].title for row in rows]
    assert titles == ["ELBO", "ELBO, fitted prior", "KL", "KL, fitted prior", "Unknown"]


def test_a_bound_under_a_fitted_prior_tells_its_draws_and_rows_too() -> None:
    column = {"iwae": -30.0, "iwae_fitted": -28.0, "iwae_samples": 20, "iwae_rows": 300}
    column |= {"iwae_less_language_fitted": 2.5, "iwae_less_language_standard_error_fitted": 0.25}
    cells = {row["meaning"].title: row["cells"] for row in chapters.figure_table("", {"test": column})["rows"]}
    told = [over for ((_, over),) in cells.values()]
    assert told == ["20 draws, 300 rows"] * 2 + ["standard error 0.250, 300 rows"]
    assert list(cells)[2:] == ["Bound less language model, fitted prior"]
