import json
import shutil
from pathlib import Path

import pytest

from benchmarks import dimensions, record
from vaeseq.errors import InputError

HEAD = f"domain,line,latent,rate,seed,split,rows,{','.join(dimensions.FIGURES)}"
PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(record, "circumstances", lambda: {"commit": "abc"})
    shutil.copy(PARAMS, "params.yaml")
    Path("reports/study").mkdir(parents=True)
    return Path("reports/study/study.csv")


def test_each_dimension_is_kept_with_its_figures(study: Path) -> None:
    rows = [f"molecules,rate 10,{latent},10,0,test,700,-3{latent},20,1{latent}.5,6,1,0.25" for latent in (2, 5)]
    study.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    dimensions.main("a=1 b=2")
    kept = json.loads(Path("benchmarks/results/dimensions_molecules.json").read_text(encoding="utf-8"))
    assert kept["command"] == 'make study LATENTS=2,5 RATE=10 SET="a=1 b=2"'
    assert kept["data"] == {"name": "builtin", "rows": 700, "split": "test"}
    assert {name: its["kl"] for name, its in kept["figures"].items()} == {"2": 12.5, "5": 15.5}
    assert not Path("benchmarks/results/dimensions_sentences.json").exists()


def test_several_lines_are_no_table(study: Path) -> None:
    rows = [f"molecules,rate {rate},2,{rate},0,test,700,-30,20,10,6,1,0" for rate in (5, 10)]
    study.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="rate 10, seed 0"):
        dimensions.main("")
