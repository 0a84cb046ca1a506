"""The shape of the house: who may import whom, and that DVC knows of every file a stage runs."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipelines", "vaemol", "vaeseq", "vaetext")
MODULES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAY_IMPORT = {
    "pipelines": {"pipelines", "vaemol", "vaeseq", "vaetext"},
    "vaemol": {"vaemol", "vaeseq"},
    "vaetext": {"vaetext", "vaeseq"},
    "vaeseq": {"vaeseq"},
}
OTHER_DOMAIN = {"molecules": "vaetext", "sentences": "vaemol"}
# Training has to run on a bare GPU image.
CORE_NEEDS = {"torch", "numpy", "safetensors", "tokenizers"}
# The search asks for a Gaussian process only when it fits one; training has no use for the processes that make rows.
CORE_NEEDS_LATE = {
    Path("vaeseq/search.py"): {"botorch", "gpytorch"},
    Path("vaeseq/parallel.py"): {"pebble"},
    Path("vaeseq/cluster.py"): {"distributed"},
}
# Asked for by the models of these families, and imported by nobody else.
FAMILIES = {Path("vaeseq/flows.py"): {"zuko"}, Path("vaeseq/quantised.py"): {"vector_quantize_pytorch"}}
LONGEST = 300  # lines
# It tells MLflow what the files say; a change to it, or to what it alone needs, changes no result.
TELLING = Path("pipelines", "tracking.py")
SOURCES = {".py", ".html", ".jinja", ".j2", ".css", ".js"}


_DOTTED = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+")


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names; ``from a import b`` gives ``a.b``, which may be a module or a name in one.

    Strings count as well, for ``import_module``: only those that name a module of ours are looked at.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            yield node.value


def _tree(module: Path, root: Path = ROOT) -> ast.Module:
    return ast.parse((root / module).read_text(encoding="utf-8"), str(module))


def _names(module: Path) -> set[str]:
    """Top-level names of all that a module imports, wherever in it, type checking included."""
    return {name.split(".")[0] for name in _imported(ast.walk(_tree(module)))}


def _module(name: str, root: Path) -> Path | None:
    """The file of ours that an imported name is in."""
    parts = name.split(".")
    if parts[0] in PACKAGES:
        for length in (len(parts), len(parts) - 1):
            path = Path(*parts[:length]).with_suffix(".py")
            if (root / path).is_file():
                return path
    return None


def _data_files(tree: ast.Module, root: Path) -> set[Path]:
    """Files beside the code that a module names; those in a folder of their own by the folder."""
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = set()
    for package in PACKAGES:
        for path in (root / package).rglob("*"):
            relative = path.relative_to(root)
            if path.is_file() and path.suffix not in {".py", ".pyc"} and relative.parts[1] in strings:
                found.add(relative)
    return found


def _closure(stage: Path, root: Path = ROOT) -> set[Path]:
    """Every file of ours that runs, or is read as part of the code, when a stage does."""
    waiting, seen, data = [stage], set(), set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        tree = _tree(module, root)
        data |= _data_files(tree, root)
        found = {_module(name, root) for name in _imported(_running(tree))} - {None, TELLING}
        waiting += found - seen - set(waiting)
    return seen | data


def _stages(root: Path = ROOT) -> dict[str, dict[str, object]]:
    """Stages by name, ``foreach`` written out."""
    stages = {}
    for name, stage in YAML(typ="safe").load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        if "foreach" not in stage:
            stages[name] = stage
            continue
        items = stage["foreach"]
        for item in items:
            names = {"item": item, "key": item}
            if isinstance(items, dict):
                names |= {f"item.{field}": value for field, value in items[item].items()}
            stages[f"{name}@{item}"] = _filled(stage["do"], names)
    return stages


def _filled(template: object, names: dict[str, str]) -> object:
    if isinstance(template, dict):
        return {_filled(key, names): _filled(entry, names) for key, entry in template.items()}
    if isinstance(template, list):
        return [_filled(entry, names) for entry in template]
    return re.sub(r"\$\{([\w.]+)\}", lambda m: str(names[m[1]]), template) if isinstance(template, str) else template


def _script(stage: dict[str, object]) -> Path:
    """``pipelines/x.py`` of ``python -m pipelines.x ...``."""
    words = str(stage["cmd"]).split()
    return Path(*words[words.index("-m") + 1].split(".")).with_suffix(".py")


def _deps(stage: dict[str, object]) -> set[Path]:
    return {Path(next(iter(dep)) if isinstance(dep, dict) else dep) for dep in stage.get("deps", [])}


def _missing(stage: dict[str, object], root: Path = ROOT) -> list[str]:
    """Files of a stage's closure that neither stand in its ``deps`` nor lie in a folder that does.

    A stage of one domain may leave out the other domain's package, which it imports at most in passing.
    """
    deps, other = _deps(stage), OTHER_DOMAIN.get(str(stage["cmd"]).split()[-1])
    needed = {path for path in _closure(_script(stage), root) if path.parts[0] != other}
    return sorted(str(path) for path in needed if not deps & {path, *path.parents})


@pytest.mark.parametrize("name", _stages())
def test_dvc_knows_every_file_that_a_stage_imports(name: str) -> None:
    missing = _missing(_stages()[name])
    assert not missing, f"dvc.yaml: deps of stage {name} must also list {missing}"


def test_the_report_is_made_anew_where_what_it_reads_has_changed() -> None:
    deps = _deps(_stages()["report"])
    for domain in OTHER_DOMAIN:
        assert Path("data/raw", domain, "source.json") in deps
        read = [Path("data/prepared", domain), *(Path("reports", domain, stage) for stage in ("train", "evaluate"))]
        assert set(read) <= deps


@pytest.mark.parametrize("name", _stages())
def test_every_file_of_code_in_deps_exists(name: str) -> None:
    ours = [path for path in _deps(_stages()[name]) if path.parts[0] in PACKAGES]
    assert [str(path) for path in ours if not (ROOT / path).exists()] == []


def test_the_guard_sees_what_is_missing(tmp_path: Path) -> None:
    files = {
        "pipelines/train.py": "from vaeseq import model\n\ndef main():\n    from vaeseq.late import thing\n"
        "    importlib.import_module({'molecules': 'vaemol.one', 'sentences': 'vaetext.other'}[domain])",
        "vaemol/one.py": "",
        "vaetext/other.py": "",
        "vaeseq/model.py": "import vaeseq.deep\nif TYPE_CHECKING:\n    import vaeseq.kind",
        "vaeseq/deep.py": "WORDS = 'words.toml'",
        "vaeseq/late.py": "",
        "vaeseq/kind.py": "",
        "vaeseq/unused.py": "",
        "vaeseq/words.toml": "",
        "dvc.yaml": "stages:\n  train:\n    foreach: [molecules, sentences]\n    do:\n"
        "      cmd: python -m pipelines.train ${item}\n"
        "      deps: [pipelines, 'data/${item}', {vaeseq/model.py: {cache: false}}]\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    stages = _stages(tmp_path)
    assert list(stages) == ["train@molecules", "train@sentences"]
    assert Path("data/sentences") in _deps(stages["train@sentences"])
    of_both = ["vaeseq/deep.py", "vaeseq/late.py", "vaeseq/words.toml"]
    assert _missing(stages["train@molecules"], tmp_path) == ["vaemol/one.py", *of_both]
    assert _missing(stages["train@sentences"], tmp_path) == [*of_both, "vaetext/other.py"]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_run_one_way(module: Path) -> None:
    package = module.parts[0]
    assert _names(module) & set(PACKAGES) <= MAY_IMPORT[package]


@pytest.mark.parametrize("module", [path for path in MODULES if path.parts[0] == "vaeseq"], ids=str)
def test_the_core_needs_nothing_but_torch_and_three_small_packages(module: Path) -> None:
    def foreign(names: set[str]) -> set[str]:
        return names - CORE_NEEDS - {"vaeseq"} - sys.stdlib_module_names

    body = _tree(module).body
    at_once = {name.split(".")[0] for name in _imported(iter(body))}
    assert foreign(at_once) <= FAMILIES.get(module, set())
    assert foreign(_names(module)) <= (CORE_NEEDS_LATE | FAMILIES).get(module, set())
    assert not {"vaeseq.flows", "vaeseq.quantised"} & {name.rpartition(".")[0] for name in _imported(iter(body))}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_mlflow_is_behind_one_file(module: Path) -> None:
    assert "mlflow" not in _names(module) or module == Path("pipelines/tracking.py")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_import_hides_from_the_guard(module: Path) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(_tree(module)) if isinstance(node, ast.Call)}
    assert not called & {"__import__", "exec", "eval"}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_re_export_nothing(package: str) -> None:
    body = _tree(Path(package, "__init__.py")).body
    assert len(body) == 1
    assert ast.get_docstring(_tree(Path(package, "__init__.py")))


def test_no_file_is_too_long_to_be_read() -> None:
    folders = [ROOT / name for name in (*PACKAGES, "tests", "benchmarks")]
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in SOURCES]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_named_for_nothing() -> None:
    vague = {"utils", "util", "base", "core", "common", "helpers", "misc"}
    assert [str(path) for path in MODULES if vague & {path.stem, *path.parts[:-1]}] == []
