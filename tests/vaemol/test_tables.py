"""What is drawn of a command's rows."""

from vaemol.tables import _remembered, as_sdf, pairs_drawn, proposals_drawn


def test_proposals_are_numbered_and_a_path_lies_alike():
    rows = [{"smiles": smiles, "step": i, "value": i / 3} for i, smiles in enumerate(["CCO", "CCN"], start=1)]
    assert proposals_drawn(rows, ranked=True) == ("strip", ["CCO", "CCN"], ["1: 0.333", "2: 0.667"], 5)
    around = [row | {"step": ""} for row in rows]
    assert proposals_drawn(around, ranked=False) == ("grid", ["CCO", "CCN"], ["1", "2"], 5)


def test_an_end_that_is_missed_is_drawn_in_its_place_and_a_row_that_failed_is_not():
    path = [{"smiles": "CCO", "t": 0.0, "error": "no code was found"}, {"smiles": "CCN", "t": 1.0}]
    drawn = []
    list(_remembered([path, [{"path": 2, "error": "empty"}], [{"smiles": "xyz", "error": "unparsable"}]], drawn, 9))
    assert drawn == path


def test_what_came_back_is_the_same_or_another():
    rows = [
        {"smiles": "CCO", "reconstruction": "CCO", "exact": True, "similarity": 1.0},
        {"smiles": "C" * 24, "reconstruction": "C" * 21, "exact": False, "similarity": 1.0},
    ]
    assert pairs_drawn(rows)[2] == ["given", "the same", "given", "another, similarity 1.00"]


def test_an_sd_file_is_of_the_command_s_own_molecules():
    rows = [[{"smiles": "CCO", "reconstruction": "c1ccccc1"}, {"smiles": "xyz", "error": "unparsable"}]]
    own, other = (
        "".join(as_sdf(rows, ["smiles", "reconstruction", "error"], molecule)).split("$$$$")
        for molecule in ("smiles", "reconstruction")
    )
    assert [" O " in text and " 3  2 " in text for text in (own[0], other[0])] == [True, False]
    assert "> <smiles>\nxyz" in own[1]
    assert "> <smiles>\nCCO" in other[0]
