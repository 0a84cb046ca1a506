from benchmarks import attributes
from vaetext.everyday import LABELS, sentences


def test_shares_are_of_all_sentences() -> None:
    rows = list(sentences(400, seed=0))
    first = rows[0]
    same = next(row for row in rows[1:] if row["tense"] == first["tense"])
    other = next(row for row in rows if row["tense"] != first["tense"])
    found = [first["text"], other["text"], "no sentence of that grammar"]
    shares = attributes.shares([first, same, first], "tense", first["tense"], found)
    rest = [all(a[n] == b[n] for n in LABELS if n != "tense") for a, b in ((first, first), (other, same))]
    assert shares == {"parses": 2 / 3, "changed": 1 / 3, "rest_kept": sum(rest) / 3, "both": 1 / 3}
