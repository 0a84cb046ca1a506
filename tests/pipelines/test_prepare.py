import csv
import hashlib
import itertools
import json

import pyarrow.parquet as pq
import pytest

from pipelines.fetch import fetch
from pipelines.params import DataParams, MoleculePrepareParams, SentencePrepareParams
from pipelines.prepare import prepare_corpus
from pipelines.sources import Raw, RawFile, Table
from vaemol.molecule import canonical, parse
from vaemol.notation import to_smiles
from vaemol.properties import PROPERTIES
from vaeseq.corpus import SPLITS, Corpus
from vaeseq.errors import InputError
from vaeseq.tokenizer import UNK, Tokenizer
from vaetext.sentence import split_of

CHAINS = ["".join(atoms) for n in (3, 4) for atoms in itertools.product("CNO", repeat=n)]
RINGS = [f"{chain}c1ccccc1" for chain in CHAINS[:27]] + [f"{chain}C1CCCCC1" for chain in CHAINS[:27]]
SPECIAL = {
    "centre": "C[C@H](N)C(=O)O",
    "double bond": "O=C(O)/C=C/C(=O)O",
    "isotope": "[2H]OC",
    "quaternary": "C[N+](C)(C)CCO",
}
HALF = {"valid_fraction": 0.2, "test_fraction": 0.2, "workers": 1}


def raw_folder(folder, domain, files, **facts):
    """A raw folder of tables written here; ``files`` are name to (content, table's settings)."""
    folder.mkdir(parents=True)
    for name, (content, _) in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    tables = tuple(Table(file=name, **table) for name, (_, table) in files.items())
    listed = tuple(RawFile(path=name, sha256="0" * 64, bytes=1) for name in files)
    facts = {"name": "toy", "domain": domain, "licence": "CC0", "attribution": "nobody"} | facts
    Raw(tables=tables, files=listed, **facts).save(folder)
    return folder


def smi(lines):
    return {"toy.smi": ("\n".join(lines) + "\n", {"format": "smi"})}


def txt(lines):
    return {"toy.txt": ("\n".join(lines) + "\n", {"format": "txt"})}


def table(out):
    return pq.read_table(out / "rows.parquet").to_pylist()


def rejects(out):
    with (out / "rejects.csv").open(encoding="utf-8", newline="") as file:
        return [(row["source_line"], row["source_id"], row["text"], row["reason"]) for row in csv.DictReader(file)]


def check(out, summary):
    """What holds for every prepared corpus."""
    corpus, tokenizer, rows = Corpus.load(out), Tokenizer.load(out / "tokenizer.json"), table(out)
    assert summary == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["accepted"] + sum(summary["rejected"].values()) == summary["input"]
    assert sum(summary["rejected"].values()) == len(rejects(out))
    assert len(rows) == len(corpus) == summary["accepted"] + summary["copies"]
    assert [SPLITS[i] for i in corpus.split] == [row["split"] for row in rows]
    assert {name: len(corpus.rows(name)) for name in SPLITS} == summary["split"]
    assert summary["unknown_symbols"] == sum(int((corpus.sequence(i) == UNK).sum()) for i in range(len(corpus)))
    for i, row in enumerate(rows):
        ids = corpus.sequence(i).tolist()
        assert ids == tokenizer.encode(row["text"])
        assert UNK in ids or tokenizer.decode(ids) == row["text"]
        assert row["split"] != "train" or UNK not in ids
    return corpus, rows


@pytest.fixture(scope="module")
def molecules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("molecules")
    named = [f"{smiles} {name}" for name, smiles in SPECIAL.items()]
    bad = [
        "C(C bad",
        "OCC twin-1",
        "C(O)C twin-2",
        "[Na+].CC(=O)[O-] salt",
        f"{'C' * 60} long",
        "* any",
        f"{'N' * 900} x",
    ]
    raw = raw_folder(folder / "raw", "molecules", smi(CHAINS + RINGS + named + bad))
    settings = MoleculePrepareParams(max_characters=80, max_heavy_atoms=30, **HALF)
    return raw, folder / "out", prepare_corpus(raw, folder / "out", settings), settings


def test_molecules_keep_the_laws_of_a_corpus(molecules):
    _, out, summary, _ = molecules
    _, rows = check(out, summary)
    assert summary["notation"] == "selfies"
    assert len({row["smiles"] for row in rows}) == len(rows)
    for row in rows:
        assert canonical(parse(row["smiles"])) == row["smiles"] == to_smiles(row["text"], "selfies")
        assert set(PROPERTIES) <= set(row)


def test_rejected_molecules_are_kept_with_their_reasons(molecules):
    _, out, summary, _ = molecules
    kept = {identifier: reason for _, identifier, _, reason in rejects(out)}
    assert {kept[name] for name in ("twin-1", "twin-2")} == {"duplicate"}
    assert (kept["bad"], kept["long"], kept["any"], kept["x"]) == (
        "unparsable",
        "too_many_atoms",
        "wildcard",
        "too_long",
    )
    assert summary["changed"] == {"charge": 1, "fragment": 1}


def test_stereo_isotopes_and_charges_survive(molecules):
    rows = {row["source_id"]: row for row in table(molecules[1])}
    for name, smiles in SPECIAL.items():
        assert rows[name]["smiles"] == canonical(parse(smiles))
        assert rows[name]["changed"] == ""
    assert rows["salt"]["smiles"] == "CC(=O)O"


def test_the_same_bytes_whatever_the_number_of_workers(molecules, tmp_path):
    raw, out, _, settings = molecules
    prepare_corpus(raw, tmp_path, settings.model_copy(update={"workers": 2}))
    for path in sorted(out.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_scaffold_is_never_in_two_splits_and_order_does_not_matter(tmp_path):
    settings = MoleculePrepareParams(split="scaffold", notation="smiles", standardise=False, **HALF)
    links = [f"C1CCCC1{chain}c1ccccc1" for chain in CHAINS[:30]]
    splits = []
    for name, lines in (("a", CHAINS + RINGS + links), ("b", (CHAINS + RINGS + links)[::-1])):
        raw = raw_folder(tmp_path / name / "raw", "molecules", smi(lines))
        check(tmp_path / name / "out", prepare_corpus(raw, tmp_path / name / "out", settings))
        splits.append({row["smiles"]: (row["scaffold"], row["split"]) for row in table(tmp_path / name / "out")})
    assert splits[0] == splits[1]
    of_scaffold = {(scaffold, split) for scaffold, split in splits[0].values() if scaffold}
    assert len(of_scaffold) == len({scaffold for scaffold, _ in of_scaffold}) > 10


def test_randomised_copies_are_train_rows_of_the_same_molecule(tmp_path):
    raw = raw_folder(tmp_path / "raw", "molecules", smi(RINGS))
    settings = MoleculePrepareParams(notation="smiles", randomise=3, **HALF)
    summary = prepare_corpus(raw, tmp_path / "out", settings)
    _, rows = check(tmp_path / "out", summary)
    copies = [row for row in rows if row["copy"]]
    assert len(copies) == summary["copies"] > 2 * (summary["split"]["train"] - summary["copies"])
    assert len({row["text"] for row in rows}) == len(rows)
    for row in copies:
        assert row["split"] == "train"
        assert canonical(parse(row["text"])) == row["smiles"]


def test_sdf_records_become_rows(tmp_path):
    from rdkit import Chem

    blocks = []
    for smiles in CHAINS:
        mol = Chem.MolFromSmiles(smiles)
        mol.SetProp("_Name", smiles)
        blocks.append(f"{Chem.MolToMolBlock(mol)}> <activity>\n5.5\n\n$$$$\n")
    files = {"toy.sdf": ("".join(["broken\n$$$$\n", *blocks]), {"format": "sdf"})}
    raw = raw_folder(tmp_path / "raw", "molecules", files)
    summary = prepare_corpus(raw, tmp_path / "out", MoleculePrepareParams(**HALF))
    _, rows = check(tmp_path / "out", summary)
    assert summary["rejected"]["unparsable"] == 1
    assert rejects(tmp_path / "out")[0][:2] == ("1", "broken")
    for row in rows:
        assert row["smiles"] == canonical(parse(row["source_id"]))
        assert row["source_activity"] == "5.5"


def test_a_sets_own_split_is_kept_and_valid_carved_from_its_train_rows(tmp_path):
    part = {"format": "csv", "column": "SMILES"}
    files = {
        "train.csv": ("SMILES\n" + "\n".join(CHAINS[:60]), part | {"split": "train"}),
        "test.csv": (
            "SMILES,note\n" + "\n".join(f"{chain}Cl,n" for chain in [*CHAINS[60:80], "(", "("]),
            part | {"split": "test"},
        ),
    }
    raw = raw_folder(tmp_path / "raw", "molecules", files)
    _, rows = check(tmp_path / "out", prepare_corpus(raw, tmp_path / "out", MoleculePrepareParams(**HALF)))
    for row in rows:
        assert (row["split"] == "test") == row["source_id"].startswith("test.csv:")
        assert row["source_note"] == ("n" if row["split"] == "test" else None)
    assert [identifier for _, identifier, _, reason in rejects(tmp_path / "out") if reason == "unparsable"] == [
        "test.csv:22",
        "test.csv:23",
    ]


def test_rows_are_a_seeded_draw(tmp_path):
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        raw = raw_folder(tmp_path / name, "molecules", smi(RINGS), rows=30, seed=seed)
        summary = prepare_corpus(raw, tmp_path / f"{name}-out", MoleculePrepareParams(**HALF))
        assert (summary["source_rows"], summary["input"]) == (len(RINGS), 30)
        drawn.append([row["source_line"] for row in table(tmp_path / f"{name}-out")])
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(drawn[0])


WORDS = ["the", "cat", "dog", "sees", "likes", "a", "small", "bird", "“today”", "Zoë"]
LINES = [f"{a} {b} {c}." for a, b, c in itertools.product(WORDS, repeat=3)][:400]


@pytest.mark.parametrize("cut", ["words", "bpe"])
def test_sentences_keep_the_laws_of_a_corpus(tmp_path, cut):
    extra = ["the  cat\tcat. ", "the cat cat.", "Zoe\u0308 likes, a bird.", "one two three four five six"]
    raw = raw_folder(tmp_path / "raw", "sentences", txt(LINES + extra))
    settings = SentencePrepareParams(cut=cut, vocabulary=600, max_words=5, workers=1)
    summary = prepare_corpus(raw, tmp_path / "out", settings)
    _, rows = check(tmp_path / "out", summary)
    assert (summary["cut"], summary["unknown_symbols"]) == (cut, 0)
    assert summary["vocabulary"] <= 600
    assert summary["rejected"] == {"duplicate": 2, "too_long": 1}
    for row in rows:
        assert row["split"] == split_of(row["text"])
        assert (row["words"], row["characters"]) == (len(row["text"].split()), len(row["text"]))
    assert rows[-1]["text"] == "Zoë likes, a bird."


def test_labels_keep_their_name_and_other_columns_get_a_prefix(tmp_path):
    content = "text\tframe\tmood\n" + "".join(f"{line}\tf{i}\tm{i}\n" for i, line in enumerate(LINES))
    raw = raw_folder(tmp_path / "raw", "sentences", {"toy.csv": (content, {"format": "csv", "labels": ("frame",)})})
    _, rows = check(tmp_path / "out", prepare_corpus(raw, tmp_path / "out", SentencePrepareParams(workers=1)))
    assert [(row["frame"], row["source_mood"]) for row in rows] == [(f"f{i}", f"m{i}") for i in range(len(LINES))]
    assert "source_frame" not in rows[0]


def test_an_own_column_never_takes_a_name_of_the_table(tmp_path):
    content = "text,line,id_\n" + "".join(f"{line},{i},x\n" for i, line in enumerate(LINES))
    raw = raw_folder(tmp_path / "raw", "sentences", {"toy.csv": (content, {"format": "csv", "column": "text"})})
    _, rows = check(tmp_path / "out", prepare_corpus(raw, tmp_path / "out", SentencePrepareParams(workers=1)))
    assert [(row["source_line"], row["source_line_"]) for row in rows] == [(i + 2, str(i)) for i in range(len(LINES))]


def test_a_measurement_that_was_repeated_is_the_mean_of_all(tmp_path):
    content = "\n".join(["smiles,pIC50", *(f"{'C' * i}O,{i}" for i in range(1, 40)), "OC,3", "CO,5", "CCO,"])
    raw = raw_folder(tmp_path / "raw", "molecules", {"toy.csv": (content, {"format": "csv", "column": "smiles"})})
    summary = prepare_corpus(raw, tmp_path / "out", MoleculePrepareParams(mean_of=("pIC50",), **HALF))
    assert [float(row["source_pIC50"]) for row in check(tmp_path / "out", summary)[1]] == [3, *range(2, 40)]
    assert (summary["averaged"], summary["rejected"]) == (1, {"duplicate": 3})
    with pytest.raises(InputError, match=r"columns of 'toy': \['pIC50'\], got \['pic50'\]"):
        prepare_corpus(raw, tmp_path / "out", MoleculePrepareParams(mean_of=("pic50",)))


def test_a_benchmark_may_keep_its_repeated_rows(tmp_path):
    files = {f"{split}.txt": ("Oh.\nOh.\nAh <unk> N.\n", {"format": "txt", "split": split}) for split in SPLITS}
    raw = raw_folder(tmp_path / "raw", "sentences", files, keep_duplicates=True)
    summary = prepare_corpus(raw, tmp_path / "out", SentencePrepareParams(workers=1))
    check(tmp_path / "out", summary)
    assert summary["split"] == {"train": 3, "valid": 3, "test": 3}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["x" * 900] * 30, r"every split must hold a row.*'too_long': 30"),
        (["Only one sentence."], r"every split must hold a row.*more rows"),
        ([""], r"must hold rows and is empty"),
    ],
)
def test_a_corpus_without_rows_is_an_input_error(tmp_path, lines, says):
    raw = raw_folder(tmp_path / "raw", "sentences", txt(lines))
    with pytest.raises(InputError, match=says):
        prepare_corpus(raw, tmp_path / "out", SentencePrepareParams(workers=1))
    assert not (tmp_path / "out" / "summary.json").exists()


def test_an_own_file_with_every_fault_loses_only_its_bad_rows(tmp_path):
    good = "".join(f'"{smiles}",c{i},note {i}\n' for i, smiles in enumerate(RINGS)).encode()
    bad = b'C(C,b1,x\n,b2,x\nC\xff,b3,x\nC,b4,x,y,z\n"CC,b5,x\n' + b"C" * 200_000 + b",b6,x\n"
    (tmp_path / "mine.csv").write_bytes(b"\xef\xbb\xbfsmiles,id,note\n" + bad + good)
    fetch("molecules", DataParams(source=f"file:{tmp_path / 'mine.csv'}"), tmp_path / "unused", tmp_path / "raw")
    summary = prepare_corpus(tmp_path / "raw", tmp_path / "out", MoleculePrepareParams(**HALF))
    _, rows = check(tmp_path / "out", summary)
    assert [reason for *_, reason in rejects(tmp_path / "out")] == [
        "unparsable",
        "empty",
        "encoding",
        "malformed",
        "malformed",
        "too_long",
    ]
    assert [row["source_id"] for row in rows] == [f"c{i}" for i in range(len(RINGS))]
    assert rows[7]["source_note"] == "note 7"
    assert summary["source"] == "file:mine.csv"
    assert (
        hashlib.sha256((tmp_path / "raw" / "mine.csv").read_bytes()).hexdigest()
        == Raw.load(tmp_path / "raw").files[0].sha256
    )
