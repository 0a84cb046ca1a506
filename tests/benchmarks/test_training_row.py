from benchmarks.record import RESULTS, read
from benchmarks.training_row import PUBLISHED, too_far_off


def test_the_measures_are_those_of_moses_within_what_is_stated():
    figures = read(RESULTS / "moses_training_row.json")["figures"]
    assert list(too_far_off(figures)) == []
    for name, (published, tolerance) in PUBLISHED.items():
        for wrong in (published + 1.01 * tolerance, published - 1.01 * tolerance, float("nan")):
            assert [text.split()[0] for text in too_far_off(figures | {name: wrong})] == [name]
