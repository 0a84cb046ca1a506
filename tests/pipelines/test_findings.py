"""The training rows that a search starts from."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.findings import Training, front_figures, front_found
from vaemol.constraints import all_of
from vaemol.molecule import parse
from vaemol.properties import properties
from vaeseq.errors import InputError
from vaeseq.rounds import Call

SMILES = ["CCO", "CCCCCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "CCCCN"]
LIGHTEST = ["CCN", "CCO", "CCCCN", "c1ccccc1", "CCCCCO", "CC(=O)Oc1ccccc1C(=O)O"]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows = [{"smiles": smiles, "split": "train"} | properties(parse(smiles)) for smiles in SMILES]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return Training.load(path, 0)


def test_what_is_to_be_low_starts_from_the_lowest(training: Training) -> None:
    assert training.first("molecular_weight", 2, 0, all_of([])) == LIGHTEST[:-3:-1]
    assert training.first("min:molecular_weight", 4, 0, all_of([])) == LIGHTEST[:4]
    assert training.best("min:molecular_weight") == -training.measured("molecular_weight").min()
    assert training.best("min:penalised_log_p") is None
    assert set(training.first("min:penalised_log_p", 6, 0, all_of([]))) == set(SMILES), "by chance"


def test_rows_that_lack_what_is_required_leave_their_place_to_others(training: Training) -> None:
    assert training.first("molecular_weight", 1, 0, all_of(["smarts:N"])) == ["CCCCN"]
    with pytest.raises(InputError, match="must be held by a training row to start from, none of them does"):
        training.first("molecular_weight", 1, 0, all_of(["smarts:S"]))


def test_a_search_or_its_draws_may_have_found_nothing() -> None:
    some, none = [[Call("CCO", math.nan, 0.1, (0.5, 1.0))]], [[]]
    assert front_found(none) == []
    assert front_figures(some, none, some)["random_on_front"] == 0
    figures = front_figures(some, some, none)
    assert figures["on_front"] == 0
    assert math.isnan(figures["front_beaten"])
    assert figures["random_front_beaten"] == 0
