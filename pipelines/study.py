"""The study of the latent dimension: what experiments that differ in it come to, as a table and a picture.

``make study`` queues and runs them. This command reads what DVC kept of every experiment of the commit that is checked
out, and writes ``reports/study/study.csv`` and one picture a domain beside it. A line joins experiments that differ in
nothing but the dimension; what lines differ in names them, and seeds of one line become its mean and a band.
"""

from pipelines.stage import DOMAINS, run

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from ruamel.yaml import YAML

from pipelines.glossary import FIGURES, number
from pipelines.outputs import flat
from vaeseq.errors import InputError
from vaeseq.files import write_table

OUT = Path("reports", "study")
PANELS = ("elbo", "reconstruction", "kl", "mutual_information", "active_units", "exact_reconstruction")
STAGES = ("fetch", "prepare", "train", "prior", "evaluate")
LATENT, SEED, RATE = "model.latent", "train.seed", "train.rate"
# The colours of pipelines/templates/report.css.
COLOURS = ("#1f5fbf", "#c2480b", "#2c7a36", "#8438a8", "#b0276b", "#0d7c86", "#7d6608", "#9a9993")
INK, SOFT, LINE = "#1d1d1b", "#5c5b56", "#dddcd6"
SETTINGS = {
    "svg.hashsalt": "latentpath",  # the same experiments give the same bytes
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "font.size": 9,
}


@dataclass(frozen=True)
class Trial:
    """One model of the study.

    Attributes:
        experiment: DVC's name for it.
        revision: Its commit.
        params: What its stages ran with, ``section.name: text``.
        split: Which rows ``figures`` are of.
        figures: As in ``evaluate.json``.
    """

    experiment: str
    revision: str
    params: dict[str, str]
    split: str
    figures: dict[str, float]

    @property
    def latent(self) -> int:
        """Dimension of its codes."""
        return int(self.params[LATENT])

    @property
    def rest(self) -> dict[str, str]:
        """All that must be alike on one line."""
        return {name: text for name, text in self.params.items() if name not in (LATENT, SEED)}


def main() -> None:
    """Write the table of all experiments, and a picture of each domain that has any."""
    shown = _dvc("exp", "show", "--json", "--hide-workspace", "--hide-queued", "--hide-failed")
    lines = {domain: named(trials(domain, json.loads(shown))) for domain in DOMAINS}
    if not any(lines.values()):
        raise InputError(
            "study needs experiments of the commit that is checked out, got none that ended well; "
            "run `make study`, or see `dvc queue status`"
        )
    OUT.mkdir(parents=True, exist_ok=True)
    _write(OUT / "study.csv", lines)
    for domain, its in lines.items():
        if its:
            save(picture(domain, its), OUT / f"{domain}.svg")
    print(f"reports/study: {', '.join(f'{sum(map(len, its.values()))} {d}' for d, its in lines.items() if its)}")


def _dvc(*arguments: str) -> str:
    return _said([sys.executable, "-m", "dvc", *arguments])


def _said(command: Sequence[str]) -> str:
    """What a command prints.

    Raises:
        InputError: It failed; its last words are in the message.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise InputError(f"{' '.join(command[-4:])!r} must succeed, and said {said[-1]!r}")
    return done.stdout


def trials(domain: str, shown: list[dict[str, object]]) -> list[Trial]:
    """The experiments in which a domain was evaluated, the smallest latent first; of equal ones the first.

    Args:
        domain: ``molecules`` or ``sentences``.
        shown: What ``dvc exp show --json`` prints.
    """
    found: dict[tuple[tuple[str, str], ...], Trial] = {}
    for name, revision, metrics in _experiments(shown):
        by_split = metrics.get(f"reports/{domain}/evaluate.json", {}).get("data") or {}
        split = next((split for split in ("test", "valid") if by_split.get(split)), None)
        params = _ran(domain, revision) if split else {}
        if LATENT in params:
            found.setdefault(tuple(sorted(params.items())), Trial(name, revision, params, split, by_split[split]))
    return sorted(found.values(), key=lambda trial: (trial.latent, trial.experiment))


def _experiments(shown: list[dict[str, object]]) -> Iterator[tuple[str, str, dict[str, dict[str, object]]]]:
    """Name, commit and metrics of each experiment that ended well."""
    for baseline in shown:
        for experiment in baseline.get("experiments") or ():
            last = experiment["revs"][0]
            if last.get("data"):
                yield last["name"] or last["rev"][:7], last["rev"], last["data"]["metrics"]


def _ran(domain: str, revision: str) -> dict[str, str]:
    """The parameters that the stages ran with; none where one of them did not run.

    They stand in ``dvc.lock``. ``params.yaml`` may have moved on since, for a domain that the experiment let be.
    """
    stages = YAML(typ="safe").load(_said(["git", "show", f"{revision}:dvc.lock"]))["stages"]
    names = [f"{stage}@{domain}" for stage in STAGES]
    if not stages.keys() >= set(names):
        return {}
    sections = [stages[name]["params"]["params.yaml"] for name in names]
    return {
        name.removeprefix(f"{domain}."): text for section in sections for name, text in sorted(flat(section).items())
    }


def named(found: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Trials by line; a line's name is its rate, and whatever else lines differ in."""
    lines: dict[tuple[tuple[str, str], ...], list[Trial]] = {}
    for trial in found:
        lines.setdefault(tuple(sorted(trial.rest.items())), []).append(trial)
    alike = set.intersection(*map(set, lines)) if lines else set()
    return {_name(dict(key), {name for name, _ in set(key) - alike} - {RATE}): its for key, its in lines.items()}


def _name(params: dict[str, str], other: set[str]) -> str:
    rate = params.get(RATE, "null")
    asked = "plain bound, no rate" if rate == "null" else f"rate {float(rate):g}"
    return ", ".join([asked, *(f"{name} {params[name]}" for name in sorted(other))])


def _write(path: Path, lines: dict[str, dict[str, list[Trial]]]) -> None:
    rows = [
        {
            "domain": domain,
            "line": line,
            "latent": trial.latent,
            "rate": trial.params.get(RATE, "null").replace("null", ""),
            "seed": trial.params.get(SEED, ""),
            "split": trial.split,
            "rows": trial.figures.get("rows", ""),
            **{name: trial.figures.get(name, "") for name in (*PANELS, "mutual_information_cap")},
            "experiment": trial.experiment,
            "revision": trial.revision,
        }
        for domain, its in lines.items()
        for line, found in its.items()
        for trial in found
    ]
    write_table(path, rows)


def picture(domain: str, lines: dict[str, list[Trial]]) -> Figure:
    """One panel a figure, over the latent dimension."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(10.5, 6.4), layout="constrained", facecolor="#ffffff")
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
        panels = figure.subplots(2, 3).flat
        latents = sorted({trial.latent for its in lines.values() for trial in its})
        for axes, name in zip(panels, PANELS, strict=True):
            _panel(axes, name, lines, latents)
        splits = sorted({trial.split for its in lines.values() for trial in its})
        title = f"{domain.title()}: figures of {' and '.join(splits)} rows over the latent dimension"
        figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", frameon=False, ncols=2)
    return figure


def _panel(axes: Axes, name: str, lines: dict[str, list[Trial]], latents: list[int]) -> None:
    rates, caps = set(), set()
    for i, (line, its) in enumerate(lines.items()):
        colour, style = COLOURS[i % len(COLOURS)], ("-", "--", "-.", ":")[i % 4]
        _curve(axes, [[t.figures[name] for t in its if t.latent == latent and name in t.figures] for latent in latents])
        axes.lines[-1].set(color=colour, linestyle=style, label=line)
        axes.collections[-1].set(color=colour)
        caps |= {t.figures[f"{name}_cap"] for t in its if f"{name}_cap" in t.figures}
        rates |= {float(t.params[RATE]) for t in its if name == "kl" and t.params.get(RATE, "null") != "null"}
    for level in rates | caps:
        axes.axhline(level, color=SOFT, linestyle=":", linewidth=1)
    meaning = FIGURES[name]
    better = f"{meaning.better} is better" if meaning.better else ""
    dotted = "dotted: asked for" if rates else f"dotted: cap, {number(max(caps))}" if caps else ""
    under = "; ".join(filter(None, (meaning.unit, better, dotted)))
    axes.set_title(meaning.title, loc="left", color=INK, fontsize=10, fontweight="bold", pad=18)
    axes.text(0, 1.02, under, transform=axes.transAxes, color=SOFT, fontsize=8)
    axes.set_xticks(range(len(latents)), map(str, latents))
    axes.set_xlim(-0.3, max(0.3, len(latents) - 0.7))
    if meaning.unit == "fraction":
        axes.set_ylim(bottom=0, top=1.03 if name == "active_units" else None)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.tick_params(colors=SOFT, length=0)
    for side, spine in axes.spines.items():
        spine.set(visible=side == "bottom", color=LINE)


def _curve(axes: Axes, values: list[list[float]]) -> None:
    """The means of what there is at each place, and a band from the lowest to the highest."""
    places = [place for place, some in enumerate(values) if some]
    some = [values[place] for place in places]
    axes.plot(places, [fmean(v) for v in some], marker="o", markersize=4)
    axes.fill_between(places, [min(v) for v in some], [max(v) for v in some], alpha=0.16, linewidth=0)


def save(figure: Figure, path: Path) -> None:
    """Write a picture as SVG without the time of day."""
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    run(main)
