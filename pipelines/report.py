"""Stage: everything the other stages found, on one page that stands alone.

The page loads nothing and runs nothing, holds no time of day, and is a function of the files it reads, the commit that
is checked out and the versions of the packages that are installed, both of which it names: the same of these give the
same bytes.
"""

from pipelines.stage import DOMAINS, run

import base64
import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines import chapters, maps, searches, tracking, walks
from pipelines.glossary import number
from pipelines.outputs import flat
from pipelines.params import MoleculeParams, SentenceParams, load_params
from pipelines.tables import figures, short
from pipelines.tiles import Easel
from vaeseq.files import replacing

LARGEST = 1_500_000  # bytes; MLflow shows nothing larger
# Pictures of molecules on the page, and charts in each list of them; tried in this order until it is small enough.
ROOM = ((400, None), (200, None), (80, None), (80, 12), (0, 12), (0, 0))
TEMPLATES = Path(__file__).parent / "templates"
PACKAGES = ("latentpath", "torch", "rdkit", "selfies", "tokenizers", "numpy", "botorch", "dvc", "mlflow")


def main() -> None:
    """Write ``reports/index.html``, and tell MLflow of it and of whatever it does not know yet."""
    target = Path("reports", "index.html")
    target.parent.mkdir(exist_ok=True)
    with replacing(target) as partial:
        partial.write_bytes(page(Path(".")))
    tracking.mirror_all()


def page(root: Path) -> bytes:
    """The report on the files of a repository, at most 1.5 MB where leaving out pictures and charts makes it so.

    Raises:
        InputError: ``params.yaml`` or a file that is there cannot be read.
    """
    for pictures, charts in ROOM:
        text = _rendered(root, Easel(pictures), charts).encode("utf-8")
        if len(text) <= LARGEST:
            break
    return text


def _rendered(root: Path, easel: Easel, most_charts: int | None) -> str:
    params = load_params(root / "params.yaml")
    domains = {name: found for name in DOMAINS if (found := getattr(params, name))}
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["most_charts"] = most_charts
    fitted = (root / "fit.json").is_file()
    environment.filters |= {"number": number, "short": short}
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        style=Markup(style),  # our own file, and the policy of the page allows these bytes and no others
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        domains=[_domain(name, found, root, easel) for name, found in domains.items()],
        versions=_versions(),
        commit="" if fitted else _commit(root),
        fitted=fitted,
    )


def _domain(name: str, params: MoleculeParams | SentenceParams, root: Path, easel: Easel) -> dict[str, object]:
    found = figures(root / "reports" / name / "evaluate.json")
    return {
        "name": name,
        "thing": {"molecules": "molecule", "sentences": "sentence"}[name],
        "headline": _headline(found, params.train.rate),
        "data": chapters.data(name, root),
        "start": params.model.start,
        "training": chapters.training(name, root, params.train.rate),
        "noises": _noises(params),
        "tables": chapters.tables(found),
        "predictions": chapters.predictions(name, root),
        "samples": chapters.samples(name, root, easel),
        "reconstructions": chapters.reconstructions(name, root, easel),
        "maps": maps.latent_maps(name, root),
        "paths": walks.paths(name, root, easel),
        "posterior": walks.posterior(name, root, easel),
        "imputed": walks.imputed(root) if name == "sentences" else {},
        "optimisation": searches.optimisation(params.optimize, root, easel) if name == "molecules" else {},
        "params": flat(params.model_dump(mode="json")),
        "manifold": maps.manifold(name, root, easel),  # last, so that it takes the pictures that are left
        "files": figures(root / "data" / "raw" / name / "source.json").get("files", []),
    }


def _noises(params: MoleculeParams | SentenceParams) -> list[str]:
    """What makes training rows harder than they are."""
    train = [f"train.{name}" for name in ("code_noise", "word_dropout", "masking", "splicing")]
    model = [f"model.{name}" for name in params.model.model_dump() if "drop" in name]
    return [name for name in train + model if getattr(getattr(params, name.split(".")[0]), name.split(".")[1])]


def _headline(found: dict[str, dict[str, float]], rate: float | None) -> list[tuple[str, str, str]]:
    """The few figures to read first: name, value, what it says."""
    test, prior = found.get("test") or found.get("valid") or {}, found.get("prior_fitted") or found.get("prior", {})
    cards = []
    if "kl" in test:
        asked = f"; {rate:g} were asked for" if rate else ""
        cards.append(("Rate", number(test["kl"]), f"nats that the latent carries about a held-out row{asked}"))
    if "exact_reconstruction" in test:
        of = number(test.get("exact_reconstruction_of", 0))
        cards.append(("Exact reconstruction", number(test["exact_reconstruction"]), f"share of {of} held-out rows"))
    for key, title in (("validity", "Valid samples"), ("parse_fraction", "Samples that parse")):
        if key in prior:
            cards.append(
                (title, number(prior[key]), f"share of {number(prior.get(f'{key}_of', 0))} draws of the prior")
            )
    if "active_units" in test:
        of = number(test.get("active_units_of", 0))
        cards.append(
            ("Active units", number(test["active_units"]), f"share of the {of} latent dimensions that say something")
        )
    return cards


def _versions() -> list[tuple[str, str]]:
    found = [("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found


def _commit(root: Path) -> str:
    """The commit that is checked out, empty outside git."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


if __name__ == "__main__":
    run(main)
