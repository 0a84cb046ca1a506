"""Do the tests notice? Faults are planted one at a time in a copy of the code, and each must turn a test red.

Run as ``python -m benchmarks.faults`` (``make faults``), or with words of the names of faults. A fault that goes
unnoticed is a test that is missing. The faults stand in ``benchmarks/faults.toml``.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

from benchmarks.record import write

LIST = Path(__file__).with_suffix(".toml")
COPIED = ("pipelines", "vaemol", "vaeseq", "vaetext", "benchmarks", "tests", "data/sources.yaml", "data/README.md")
FILES = ("Makefile", "constraints.txt", "dvc.yaml", "params.yaml", "pyproject.toml", "README.md", "LICENSE")


class Fault(NamedTuple):
    """One fault: ``was`` stands once in ``file`` and becomes ``is_``; one of ``tests`` is to fail."""

    name: str
    file: Path
    was: str
    is_: str
    tests: list[str]


def faults() -> list[Fault]:
    """All of them."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["fault"]
    return [Fault(e["name"], Path(e["file"]), e["was"], e["is"], e["tests"].split()) for e in entries]


def first_failure(fault: Fault, root: Path) -> str:
    """The first test that fails with the fault planted in the copy of the code; '' where none does."""
    path = root / fault.file
    whole = path.read_text(encoding="utf-8")
    try:
        path.write_text(whole.replace(fault.was, fault.is_), encoding="utf-8")
        found = _failures(fault.tests, root)
    finally:
        path.write_text(whole, encoding="utf-8")
    return found


def _failures(tests: list[str], root: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    told = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode != 1 or not told:
        raise RuntimeError(f"pytest did not run its tests:\n{done.stdout}{done.stderr}")
    return told[0].split(" - ")[0]


def main(words: list[str]) -> None:
    """Write ``benchmarks/results/trust_faults.json``, unless only some of the faults are asked for."""
    chosen = [fault for fault in faults() if all(word in fault.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in (*COPIED, *FILES):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, root / name)
        for test in sorted({test for fault in chosen for test in fault.tests}):
            if red := _failures([test], root):
                raise SystemExit(f"{red} fails without any fault")
        noticed = {}
        for fault in chosen:
            noticed[fault.name] = first_failure(fault, root)
            print(f"{fault.name}: {noticed[fault.name] or 'NOT NOTICED'}", file=sys.stderr, flush=True)
    if not words:
        write(
            "trust_faults",
            command="make faults",
            data={"name": "benchmarks/faults.toml", "rows": len(chosen)},
            seed=0,
            budget={},
            figures={
                "planted_faults": len(chosen),
                "caught": sum(map(bool, noticed.values())),
                "noticed_by": noticed,
            },
        )
    if not all(noticed.values()):
        raise SystemExit(f"not noticed: {', '.join(name for name, test in noticed.items() if not test)}")


if __name__ == "__main__":
    main(sys.argv[1:])
