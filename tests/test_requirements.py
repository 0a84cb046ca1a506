"""Dependencies are pinned, locked by the hashes of their files, and tell nobody anything."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def _pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([\w.!+-]+)", text, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


PINS = _pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))


def test_the_lock_has_every_pin_but_torch_with_its_hashes() -> None:
    assert _pins(LOCK) == {name: version for name, version in PINS.items() if name != "torch"}
    releases = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(releases) == len(PINS) - 1
    for release in releases:
        name, *hashes = release.replace("\\\n", "\n").split()
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), name


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_every_dependency_is_pinned_to_a_release_that_is_allowed(extra: str) -> None:
    asked = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for need in map(Requirement, asked):
        if need.name != PROJECT["name"]:
            assert need.specifier.contains(PINS[canonicalize_name(need.name)]), need


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("jinja2", "3.1.5"),  # CVE-2025-27516: a template leaves the sandbox
        ("torch", "2.5.1"),  # CVE-2025-32434: weights_only runs code
        ("torch", "2.9.1"),  # CVE-2026-24747: weights_only writes beyond its memory
        ("pyarrow", "14.0.0"),  # CVE-2023-47248: a file runs code
        ("pyarrow", "23.0.0"),  # CVE-2026-25087: a file is read from memory that was given back
        ("pillow", "12.1.0"),  # CVE-2026-25990: a picture is written beyond its memory
    ],
)
def test_a_release_that_is_known_to_be_bad_is_not_allowed(name: str, release: str) -> None:
    allowed = [need.specifier for need in map(Requirement, PROJECT["dependencies"]) if need.name == name]
    assert [its.contains(release) for its in allowed] == [False]


def test_nothing_is_reported_and_no_pickle_is_read() -> None:
    script = (
        "import os, pipelines.stage; from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION as it"
    )
    script += "; print(it.get(), os.environ['MLFLOW_DISABLE_TELEMETRY'], os.environ['DO_NOT_TRACK'])"
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DO_NOT"))}
    done = subprocess.run(
        [sys.executable, "-c", script], env=unset, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False true true\n"


def test_dvc_reports_nothing_from_this_repository(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC", "XDG"))}
    alone = kept | {"HOME": str(tmp_path)}  # whose settings may say no by themselves
    script = "from dvc import analytics; print(analytics.is_enabled())"
    for place, told in ((tmp_path, "True\n"), (ROOT, "False\n")):
        done = subprocess.run(
            [sys.executable, "-c", script], env=alone, cwd=place, capture_output=True, text=True, check=True
        )
        assert done.stdout == told, place
