import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeseq.calls import COLUMNS, Answers, Run, auc_top, best_calls, best_so_far, recover, resumed
from vaeseq.errors import InputError
from vaeseq.rounds import Call

RUN, OTHER = Run("qed", "bayesian", 0), Run("qed", "random_prior", 0)
# What decoding can give: any text but lone surrogates.
TEXTS, SECONDS = st.text(st.characters(exclude_categories=["Cs"])), st.floats(0, 1e6).map(lambda x: round(x, 3))
SEVERAL = st.lists(st.floats(), min_size=2, max_size=4).map(tuple)
CALLS = st.lists(
    st.builds(Call, TEXTS, st.floats(), SECONDS, st.just(()))
    | st.builds(Call, TEXTS, st.just(math.nan), SECONDS, SEVERAL),
    max_size=5,
)


def written(path, run, *batches):
    return [call for batch in resumed(path, run, lambda calls: iter(batches)) for call in batch]


def same(a, b):
    return [repr(call) for call in a] == [repr(call) for call in b]


@given(calls=CALLS, cut=st.floats(0, 1))
def test_a_cut_file_gives_its_first_calls(tmp_path_factory, calls, cut):
    path = tmp_path_factory.mktemp("calls") / "calls.csv"
    written(path, RUN, calls)
    assert same(recover(path).get(RUN, []), calls)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    kept = recover(path).get(RUN, [])
    assert same(kept, calls[: len(kept)])
    assert content.startswith(path.read_bytes())
    # Whatever is appended next starts on a line of its own.
    written(path, RUN, calls[len(kept) :])
    assert same(recover(path).get(RUN, []), calls)
    assert path.read_bytes() == content


def test_runs_share_a_file(tmp_path):
    path, first, second = tmp_path / "folder" / "calls.csv", [Call("a", 1.0, 0.5)], [Call("a", math.nan, 1.5)]
    assert same(written(path, RUN, first), first)
    assert same(written(path, OTHER, second), second)
    assert same(written(path, RUN, second), first + second)
    found = recover(path)
    assert same(found[RUN], first + second)
    assert same(found[OTHER], second)


def test_a_call_is_in_the_file_before_the_search_goes_on(tmp_path):
    path, batches = tmp_path / "calls.csv", [[Call("a", 1.0, 0.0)], [Call("b", 2.0, 0.0)]]
    for number, _ in enumerate(resumed(path, RUN, lambda calls: iter(batches)), start=1):
        assert len(recover(path)[RUN]) == number


def test_a_call_is_on_the_disk_before_the_search_goes_on(tmp_path, monkeypatch):
    path, synced, sync = tmp_path / "calls.csv", [], os.fsync

    def noted(number):
        told = os.fstat(number)
        synced.append((told.st_ino, told.st_size))
        sync(number)

    monkeypatch.setattr("os.fsync", noted)
    batches = [[Call("a", 1.0, 0.0)], [Call("b", 2.0, 0.0)]]
    for _ in resumed(path, RUN, lambda calls: iter(batches)):
        assert synced[-1] == (path.stat().st_ino, path.stat().st_size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no line end", "must start with the columns objective, method"),
        ("smiles,qed\nC,1\n", "must start with the columns objective, method"),
        (",".join(COLUMNS) + "\nqed,bayesian,0,1,C,high,0\nqed,bayesian,0,2,N,1,0\n", "record 2, is broken"),
        (",".join(COLUMNS) + "\nqed,bayesian,0,1\nqed,bayesian,0,2,N,1,0\n", "record 2, is broken"),
        (",".join(COLUMNS) + "\nqed,bayesian,0,2,C,1,0\n", "call must be 1, got 2"),
        (",".join(COLUMNS) + "\nqed,bayesian,0,1," + "C" * 200_000 + ",1,0\n", "cannot be read: field larger"),
        (",".join(COLUMNS) + "\nqed,bayesian,0,1,C\udcff,1,0\n", "cannot be read: .* codec"),
    ],
)
def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path, content, message):
    path, whole = tmp_path / "calls.csv", content.encode("utf-8", "surrogateescape")
    path.write_bytes(whole)
    with pytest.raises(InputError, match=message):
        recover(path)
    assert path.read_bytes() == whole


@given(calls=CALLS, place=st.floats(0, 1), junk=st.binary(max_size=8) | st.sampled_from([b'"', b"\r", b",", b"\0"]))
def test_a_scratched_file_is_read_or_refused_and_then_left_alone(tmp_path_factory, calls, place, junk):
    path = tmp_path_factory.mktemp("calls") / "calls.csv"
    written(path, RUN, calls)
    whole = path.read_bytes()
    at = int(place * len(whole))
    path.write_bytes(scratched := whole[:at] + junk + whole[at + len(junk) :])
    try:
        found = recover(path)
    except InputError:
        assert path.read_bytes() == scratched
    else:
        assert sum(map(len, found.values())) <= len(calls) + 1


def test_two_searches_never_keep_their_calls_in_one_file(tmp_path):
    path, call = tmp_path / "calls.csv", Call("CCO", 1.0, 0.0)
    first = resumed(path, RUN, lambda calls: iter([[call], [call]]))
    next(first)
    with pytest.raises(InputError, match="another search keeps its calls"):
        next(resumed(path, RUN, lambda calls: iter([[call]])))
    first.close()
    assert len(written(path, RUN, [call])) == 2


def test_best_so_far_and_best_calls():
    calls = [Call(name, value, 0.0) for name, value in zip("abcde", (math.nan, 1.0, math.nan, 0.5, 2.0), strict=True)]
    assert repr(best_so_far(calls)) == "[nan, 1.0, 1.0, 1.0, 2.0]"
    assert [call.text for call in best_calls(calls, 2)] == ["e", "b"]
    assert len(best_calls(calls, 9)) == 3


def test_the_area_under_the_best_by_hand():
    calls = [Call(str(i), value, 0.0) for i, value in enumerate([0.2, math.nan, 0.8, 0.4, 1.0])]
    # means of the best two after 2, 4 and 5 calls: .1, .6, .9; then .9 for five calls more
    wanted = (2 * 0.05 + 2 * 0.35 + 1 * 0.75 + 5 * 0.9) / 10
    assert auc_top(calls, 2, 10, every=2) == pytest.approx(wanted)
    assert auc_top(calls, 2, 4, every=2) == pytest.approx((2 * 0.05 + 2 * 0.35) / 4)
    assert auc_top([], 10, 100) == 0
    assert auc_top(calls, 1, 5, every=5) == pytest.approx(0.5)


def test_what_is_infinite_is_no_best():
    calls = [Call("a", value, 0.0) for value in (0.3, math.inf, -math.inf, math.nan, 0.5)]
    assert best_so_far(calls) == [0.3, 0.3, 0.3, 0.3, 0.5]
    assert best_calls(calls, 1)[0].value == 0.5


def test_a_file_that_is_called_like_the_lock_keeps_its_text(tmp_path):
    (tmp_path / "requirements.lock").write_text("mine")
    list(resumed(tmp_path / "requirements", RUN, lambda calls: iter([[Call("a", 1.0, 0.0)]])))
    assert (tmp_path / "requirements.lock").read_text() == "mine"


def test_a_search_that_begins_anew_beside_others_says_so(tmp_path, capsys):
    path, call = tmp_path / "calls.csv", Call("a", 1.0, 0.0)

    def go(run, **how):
        list(resumed(path, run, lambda calls: iter([[call]]), **how))
        return capsys.readouterr().err

    assert go(RUN, alone=True) == ""
    assert go(RUN, alone=True) == ""
    assert "holds 2 calls of other settings or models" in go(OTHER, alone=True)
    assert go(Run("other", "bayesian", 0)) == ""


PROGRAMS = st.sampled_from(["command:dock", "=command:dock", "'dock\n"])


@given(rounds=st.lists(st.tuples(PROGRAMS, st.lists(TEXTS, max_size=3)), max_size=4), cut=st.floats(0, 1))
def test_no_program_is_asked_again_for_what_a_file_of_answers_holds(tmp_path_factory, rounds, cut):
    calls = tmp_path_factory.mktemp("calls") / "calls.csv"
    file = calls.with_name("calls.csv.answers.csv")

    def told(program, texts):
        return np.array([math.nan if "N" in text else len(program + text) / 3 for text in texts])

    def asked():
        answers, log = Answers(calls), set()
        for program, texts in rounds:
            oracle = answers.of(program, lambda new, its=program: log.update((its, t) for t in new) or told(its, new))
            np.testing.assert_array_equal(oracle(texts), told(program, texts))
        return {(program, text) for program, text in log if "N" not in text}

    assert asked() == {(program, text) for program, texts in rounds for text in texts if "N" not in text}
    assert asked() == set()
    if file.exists():
        whole = file.read_bytes()
        file.write_bytes(whole[: int(cut * len(whole))])
        asked()
        assert file.read_bytes() == whole
        assert asked() == set()


def test_an_answer_is_on_the_disk_before_it_is_given(tmp_path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr("os.fsync", lambda number: synced.append(os.fstat(number).st_size) or sync(number))
    oracle = Answers(tmp_path / "calls.csv").of("command:dock", lambda texts: np.array([2.5]))
    assert oracle(["C"]).tolist() == [2.5]
    file = tmp_path / "calls.csv.answers.csv"
    assert synced[-1] == file.stat().st_size
    assert file.read_text() == '"program","text","value"\n"command:dock","C","2.5"\n'


def test_answers_that_are_none_are_refused(tmp_path):
    file = tmp_path / "calls.csv.answers.csv"
    for content, message in (("a,b\n1,2\n", "must start with"), ("program,text,value\na,C,high\n", "is broken")):
        file.write_text(content)
        with pytest.raises(InputError, match=message):
            Answers(tmp_path / "calls.csv").of("a", len)(["C"])
        assert file.read_text() == content
