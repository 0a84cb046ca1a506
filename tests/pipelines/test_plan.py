"""What a fit takes from its prepared rows: what its search requires, and which properties had better be logarithms."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.plan import LOOKED, SEARCH, search_of

CHAINS = [f"{'C' * i}O" for i in range(1, 21)]
NITRO = [f"{'C' * i}[N+](=O)[O-]" for i in range(1, 21)]
Look = Callable[..., dict[str, object]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """What a fit takes from train rows of these molecules and columns."""

    def look(smiles: list[str], domain: str = "molecules", **columns: list[object]) -> dict[str, object]:
        table = tmp_path / "data/prepared" / domain / "rows.parquet"
        table.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"smiles": smiles, "split": ["train"] * len(smiles)} | columns), table)
        search = {"optimize": SEARCH | {"seed": 0}} if domain == "molecules" else {}
        return search_of(domain, {"train": {"properties": list(columns)}} | search, tmp_path)

    return look


def test_what_hardly_any_measured_row_holds_is_not_required(look: Look, capsys: pytest.CaptureFixture) -> None:
    assert look(CHAINS, pIC50=[*range(20)]) == {"require": SEARCH["require"]}
    assert capsys.readouterr().err == ""
    others = [text for text in SEARCH["require"] if text != "alerts:brenk"]
    assert look([*NITRO, *CHAINS[:2]], pIC50=[*range(22)]) == {"require": others}
    assert "leaves out alerts:brenk: few of the measured hold it" in capsys.readouterr().err
    measured = [*range(20), *[None] * 20]
    assert look([*NITRO, *CHAINS], pIC50=measured) == {"require": others}, "what was not measured does not count"
    assert look([*NITRO, *CHAINS], pIC50=measured, pKi=[*range(40)]) == {"require": others}, "each property counts"
    assert look(CHAINS) == {}, "nothing is sought"


def test_of_many_rows_some_are_looked_at(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr("vaemol.constraints.constraint", lambda _: lambda smiles: looked.append(len(smiles)) or True)
    look(CHAINS * 100, pIC50=[1] * 2_000)
    assert set(looked) == {LOOKED}


@pytest.mark.parametrize("domain", ["molecules", "sentences"])
def test_a_property_of_many_decades_had_better_be_a_logarithm(
    look: Look, domain: str, capsys: pytest.CaptureFixture
) -> None:
    nanomolar = [10 ** (i / 4) for i in range(20)]
    look(CHAINS, domain, **{"IC50 (nM)": nanomolar})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("'IC50 (nM)' is never negative, and from low to high values it grows ")
    assert "give its logarithm, such as pIC50" in line
    percent = [5 * i for i in range(20)]
    free_energy = [-value for value in nanomolar]
    look(CHAINS, domain, percent=percent, energy=free_energy, either=[-1, *nanomolar[1:]], flat=[1] * 20)
    assert capsys.readouterr().err == ""
