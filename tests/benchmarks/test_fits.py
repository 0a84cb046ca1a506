"""What a model of one's own file is compared with, and which rows it is made of."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import fits
from pipelines.plan import Asked
from pipelines.sources import Domain


def test_the_forest_learns_from_train_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "TREES", 20)
    chains = ["C" * n + end for n in range(1, 13) for end in ("O", "N", "Cl", "F")]
    values = [{"O": 1.0, "N": 2.0, "l": 3.0, "F": 4.0}[smiles[-1]] for smiles in chains]
    split = ["test" if i % 4 == i // 4 % 4 else "train" for i in range(len(chains))]
    cells = [str(value) if i != 1 else "" for i, value in enumerate(values)]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"smiles": chains, "split": split, "source_assay": cells}), path)
    found = fits.by_forest(path, "assay")
    assert found["test_rows"] == 12
    assert found["forest_r2"] > 0.5
    assert found["forest_rmse"] ** 2 == pytest.approx(
        (1 - found["forest_r2"]) * np.var([v for v, part in zip(values, split, strict=True) if part == "test"])
    )
    wrong = [str(9 - value) if part == "test" else str(value) for value, part in zip(values, split, strict=True)]
    pq.write_table(pa.table({"smiles": chains, "split": split, "source_assay": wrong}), path)
    assert fits.by_forest(path, "assay")["forest_r2"] < 0


def test_a_fit_is_given_a_file_of_so_many_different_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Domain, Asked]] = []

    def fit(domain: Domain, asked: Asked, folder: Path) -> dict[str, object]:
        given.append((domain, asked))
        assert not folder.exists()
        folder.mkdir()
        return {"model": str(folder), "report": "there", "kl": 3.0}

    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"english {i % 40}\tfrench {i % 50}\n" for i in range(90)))
    monkeypatch.setattr(fits, "fit", fit)
    monkeypatch.setattr(fits, "obtain", lambda *_, **__: corpus)
    for name in ("tatoeba", "tatoeba_french"):
        monkeypatch.setitem(fits.TASKS, name, fits.TASKS[name]._replace(rows=30))
    source = fits.load_sources(fits.SOURCES)["tatoeba"]
    table = source.tables[0].model_copy(update={"member": None})
    monkeypatch.setattr(fits, "load_sources", lambda _: {"tatoeba": source.model_copy(update={"tables": [table]})})
    for _ in range(2):
        found = fits.made("tatoeba", tmp_path)
        assert found["kl"] == 3.0
        assert found.keys() == {"kl", "seconds"}
    fits.made("tatoeba_french", tmp_path)
    (domain, asked), again, french = given
    assert (domain, asked) == again
    assert domain == "sentences"
    assert (asked.start, asked.properties, asked.minutes) == (None, (), 15.0)
    lines = asked.file.read_text().splitlines()
    assert len(set(lines)) == len(lines) == 30
    assert all(line.startswith("english ") for line in lines)
    assert all(line.startswith("french ") for line in french[1].file.read_text().splitlines())
