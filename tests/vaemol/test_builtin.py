from vaemol.builtin import builtin_molecules


def test_the_molecules_inside_rdkit_are_all_there_under_distinct_names():
    rows = list(builtin_molecules())
    assert len(rows) == 14_999
    assert len({name for name, _ in rows}) == len(rows)
    assert rows[0] == ("WEHI-0039854", "N(NC(=O)C1CCC1)c2ccc(cc2)C(C)(C)C")
    assert rows[10_000] == ("NSC-1", "CC1=CC(=O)C=CC1=O")
    assert all(smiles.isascii() and smiles.strip() == smiles for _, smiles in rows)
