"""The tasks are builtins: worker processes cannot import a test module."""

import functools
import operator
import subprocess
import sys

import psutil
import pytest

from vaeseq import parallel
from vaeseq.errors import Rejected
from vaeseq.parallel import ordered_map
from vaetext.sentence import sentence_record


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    items = range(100)
    assert list(ordered_map(abs, items, workers=workers, chunk=7)) == [(i, i) for i in items]


def test_an_item_that_hangs_or_kills_its_worker_costs_itself_alone():
    hang, kill = "__import__('time').sleep(60)", "__import__('os')._exit(3)"
    items = [str(i) for i in range(20)]
    items[3], items[4], items[15] = hang, kill, kill
    results = [result for _, result in ordered_map(eval, items, workers=2, chunk=5, seconds=2)]
    lost = {i: result.reason for i, result in enumerate(results) if isinstance(result, Rejected)}
    assert lost == {3: "timeout", 4: "crashed", 15: "crashed"}
    assert [result for i, result in enumerate(results) if i not in lost] == [i for i in range(20) if i not in lost]


def test_a_worker_at_work_does_not_outlive_for_long_what_started_it():
    script = """
import os, sys
from vaeseq.parallel import ordered_map
if __name__ == "__main__":
    hang = "print(__import__('os').getpid(), flush=True) or __import__('time').sleep(600)"
    list(ordered_map(eval, [hang], workers=1, seconds=1.5))
"""
    above = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with above.stdout:
        worker = psutil.Process(int(above.stdout.readline()))
    above.kill()
    above.wait()
    assert psutil.wait_procs([worker], timeout=20)[0]


def test_a_rejected_item_is_a_result():
    first, second = (result for _, result in ordered_map(sentence_record, [" ", "Oh."], workers=1))
    assert isinstance(first, Rejected)
    assert first.reason == "empty"
    assert second["text"] == "Oh."


def test_a_fault_of_our_own_is_not_hidden():
    with pytest.raises(TypeError):
        list(ordered_map(abs, ["no number"], workers=1))


def test_items_are_read_as_they_are_needed():
    read = []
    stream = ordered_map(
        functools.partial(operator.add, 1), (read.append(i) or i for i in range(1_000)), workers=1, chunk=10
    )
    next(stream)
    stream.close()
    assert len(read) == 20


def test_in_turn_an_item_is_read_when_the_one_before_is_done_by_one_process():
    read = []
    stream = ordered_map(eval, (read.append(i) or "__import__('os').getpid()" for i in range(5)), in_turn=True)
    found = [(process, len(read)) for _, process in stream]
    assert [count for _, count in found] == [1, 2, 3, 4, 5]
    assert len({process for process, _ in found}) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_of_long_items_fewer_are_read_ahead(workers):
    read = []
    rows = ({"text": "C", "note": "n" * 1_000_000} for i in range(100) if not read.append(i))
    stream = ordered_map(len, rows, workers=workers)
    assert next(stream)[1] == 2
    stream.close()
    assert len(read) == 2 * workers * 4  # a few megabytes in each of two chunks a worker


def test_results_of_long_items_come_in_order():
    items = ["C" * (5_000_000 if i % 5 == 0 else i) for i in range(20)]
    assert list(ordered_map(len, items, workers=2, chunk=3)) == [(item, len(item)) for item in items]


@pytest.mark.parametrize(("items", "processes"), [(0, 1), (1, 1), (256, 1), (257, 2), (9_999, 3)])
def test_no_more_processes_than_chunks(items, processes, monkeypatch):
    counts = []

    class Started(Exception):
        """Far enough."""

    def started(function, context, count, seconds):
        counts.append(count)
        raise Started

    monkeypatch.setattr(parallel, "_workers", started)
    with pytest.raises(Started):
        next(ordered_map(len, ["a"] * items, workers=3))
    assert counts == [processes]


def test_processes_that_cannot_start_are_not_the_fault_of_the_rows(tmp_path):
    work = "from vaeseq.parallel import ordered_map\nprint(list(ordered_map(len, ['a', 'bc'])))\n"
    (tmp_path / "unguarded.py").write_text(work)
    for program, given in (("-", work), (str(tmp_path / "unguarded.py"), "")):
        done = subprocess.run([sys.executable, program], input=given, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1].startswith("RuntimeError: no worker process can start")
