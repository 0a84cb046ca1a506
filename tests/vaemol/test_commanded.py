"""An objective that is a program."""

import math
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from vaemol.commanded import CommandOracle, _ran
from vaemol.oracles import FunctionOracle, oracle_of
from vaemol.prediction import together
from vaeseq.asking import Unanswered, answered, in_pieces
from vaeseq.errors import InputError


@pytest.fixture
def program(tmp_path):
    """A program from lines of Python that have the molecules in ``lines``."""

    def made(body, **settings):
        path = tmp_path / "my objective.py"
        path.write_text(f"import sys, time\nlines = sys.stdin.read().split()\n{body}\n")
        return CommandOracle(f"{sys.executable} '{path}' --quiet", **settings)

    return made


def test_a_program_gives_its_numbers(program):
    oracle = program("for line in lines: print(len(line))")
    assert oracle(["C", "CCO"]).tolist() == [1, 3]
    assert oracle([]).tolist() == []
    assert oracle.failures == (0, "")


def test_what_is_no_number_is_no_value(program, capsys):
    oracle = program("print('1.5\\n\\nnan\\ninf\\nmany')")
    values = oracle(["C"] * 5)
    assert values[0] == 1.5
    assert all(map(math.isnan, values[1:]))
    assert oracle.failures[0] == 4
    assert "4 of 5 molecules have no value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("if 'N' in lines: sys.exit('no nitrogen')\nfor line in lines: print(1)", "ended with 1: no nitrogen"),
        ("for line in lines: line == 'N' or print(1)", "printed 0 lines for 1"),
        ("if 'N' in lines: sys.stdout.buffer.write(b'\\xff'); sys.exit()\nfor line in lines: print(1)", "UTF-8"),
        ("if 'N' in lines: print('1\\n' * 100_000)\nfor line in lines: print(1)", "too much: more than 65,000 bytes"),
    ],
)
def test_a_batch_that_fails_costs_only_its_bad_molecule(program, body, why):
    _assert_fails_on_nitrogen(program(body), why)


def _assert_fails_on_nitrogen(oracle, why):
    with pytest.raises(Unanswered):
        oracle(["C", "N", "O"])
    values = in_pieces(oracle)(["C", "N", "O"])
    assert [math.isnan(value) for value in values] == [False, True, False]
    assert oracle.failures[0] == 1
    assert why in oracle.failures[1]


def test_a_program_that_hangs_is_stopped_and_counted(program, capsys):
    oracle = program("time.sleep(60 if 'N' in lines[0] else 0)\nfor line in lines: print(1)", seconds=0.5)
    assert math.isnan(oracle(["N"])[0])
    assert "more than 0.5 s" in oracle.failures[1]
    assert math.isnan(oracle(["NN"])[0])
    assert (oracle.failures[0], oracle.late) == (2, 2)
    assert math.isnan(program("sys.exit(1)")(["N"])[0])
    told = capsys.readouterr().err
    assert "1 of 1 molecules have no value (2 so far, 2 took too long): it took more" in told
    assert "1 of 1 molecules have no value (1 so far): it ended with 1" in told


def test_the_messages_of_a_program_do_not_fill_memory_nor_outlast_its_time(program):
    oracle = program("sys.stderr.write('é' * 1_000_000 + 'no licence\\n')\nsys.exit(1)")
    assert len(_ran(oracle._argv, "C\n", 60.0).stderr) < 10_000
    assert math.isnan(oracle(["C"])[0])
    assert oracle.failures[1] == f"it ended with 1: {'é' * 190}no licence"
    endless = program("while True: sys.stderr.write('no licence\\n')", seconds=0.5)
    assert math.isnan(endless(["C"])[0])
    assert "more than 0.5 s" in endless.failures[1]


@pytest.mark.parametrize("then", ["time.sleep(60)", "sys.exit()"])
def test_what_a_program_has_started_ends_with_it(program, tmp_path, then):
    note = tmp_path / "pid"
    start = "import pathlib, subprocess\nstarted = subprocess.Popen(['sleep', '60'])\n"
    body = f"{start}pathlib.Path({str(note)!r}).write_text(str(started.pid))"
    assert math.isnan(program(f"{body}\n{then}", seconds=6.0)(["C"])[0])
    deadline = time.monotonic() + 10
    while _lives(pid := int(note.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGUSR1, signal.SIGHUP])
def test_a_program_and_what_it_started_end_with_the_process_that_asks_it(program, tmp_path, how):
    note = tmp_path / "pid"
    start = "import os, pathlib, subprocess\nboth = os.getpid(), subprocess.Popen(['sleep', '60']).pid\n"
    oracle = program(f"{start}pathlib.Path({str(note)!r}).write_text('{{}} {{}}'.format(*both))\ntime.sleep(60)")
    asking = f"""
import signal
from vaemol.commanded import CommandOracle
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored below nohup, as is the other one in the background
signal.signal(signal.SIGINT, signal.default_int_handler)
CommandOracle({shlex.join(oracle._argv)!r})(["C"])
"""
    with subprocess.Popen([sys.executable, "-c", asking]) as asker:
        deadline = time.monotonic() + 30
        while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        asker.send_signal(how)
        assert asker.wait(10) == -how
    deadline = time.monotonic() + 10
    for pid in map(int, note.read_text().split()):
        while _lives(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _lives(pid)


def test_a_batch_may_take_as_long_as_its_molecules(program, monkeypatch):
    limits = []

    def ran(argv, lines, seconds):
        limits.append(seconds)
        return subprocess.CompletedProcess(argv, 0, "1\n" * lines.count("\n"), "")

    monkeypatch.setattr("vaemol.commanded._ran", ran)
    program("", seconds=7)(["C", "N", "O"])
    assert limits == [21]


def test_a_program_that_always_fails_is_broken(program):
    oracle = program("sys.exit('out of order')")
    for text in "NO":
        assert np.isnan(in_pieces(oracle)(["C", text, "S"])).all()
    with pytest.raises(InputError, match="failed on 3 batches in a row: it ended with 1: out of order"):
        in_pieces(oracle)(["C", "N"])


def test_a_program_that_is_asked_for_one_at_a_time_may_fail_on_several(program):
    oracle = program("sys.exit(1) if 'N' in lines[0] else print(1)")
    assert all(math.isnan(oracle([f"{'C' * n}N"])[0]) for n in range(1, 20))
    assert oracle(["C"]).tolist() == [1]
    broken = program("sys.exit(1)")
    with pytest.raises(InputError, match="failed on 20 batches in a row"):
        [broken([f"{'C' * n}N"]) for n in range(1, 21)]


@pytest.mark.parametrize("body", ["print(len(lines) < 2 or sys.exit(1))", "print('\\n' * (len(lines) - 1))"])
def test_a_program_that_takes_one_at_a_time_or_knows_nothing_is_not_broken(program, body):
    oracle = in_pieces(program(body))
    assert all(len(oracle(["C", text])) == 2 for text in ("N", "O", "F", "Cl", "Br"))


def test_a_program_is_asked_once_whatever_another_fails_on(program, tmp_path):
    log = tmp_path / "log"
    first = program(f"open({str(log)!r}, 'a').writelines(line + '\\n' for line in lines)\nfor line in lines: print(1)")
    first(["S"])
    assert log.read_text() == "S\n"
    both = together([first, picky])
    found = list(answered(both, ["C", "N", "O"]))
    assert [piece for piece, _ in found] == [["C"], ["N"], ["O"]]
    assert log.read_text().split() == ["S", "C", "N", "O"]


def picky(smiles):
    if len(smiles) > 1:
        raise Unanswered
    return np.ones(1)


@pytest.mark.parametrize(
    ("command", "message"), [("", "got nothing"), ("'", "readable"), ("no-such-program", "started")]
)
def test_what_is_no_program_is_said(command, message):
    with pytest.raises(InputError, match=message):
        CommandOracle(command)(["C"])


def test_a_program_is_named_like_any_objective(program):
    oracle = program("for line in lines: print(len(line))")
    named = oracle_of(f"command:{shlex.join(oracle._argv)}")
    assert named(["CCO"]).tolist() == [3]


def picking(smiles):
    if "N" in smiles:
        raise RuntimeError("no nitrogen")
    return [len(text) for text in smiles]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (picking, "it raised RuntimeError: no nitrogen"),
        (lambda smiles: [1.0] * (len(smiles) - ("N" in smiles)), "it gave 0 values for 1 molecules"),
        (lambda smiles: 1.0 if "N" in smiles else (1 for _ in smiles), "TypeError"),
    ],
)
def test_a_batch_that_a_function_fails_on_costs_only_its_bad_molecule(function, why, capsys):
    _assert_fails_on_nitrogen(FunctionOracle(function), why)
    assert "1 of 1 molecules have no value" in capsys.readouterr().err


def test_what_a_function_gives_that_is_no_finite_number_is_no_value():
    given = [1.5, np.float32(2), None, "high", math.nan, math.inf, 10**400, [1, 2]]
    oracle = FunctionOracle(lambda smiles: given)
    np.testing.assert_array_equal(oracle(["C"] * 8), [1.5, 2] + [math.nan] * 6)
    assert oracle.failures == (6, "it gave what is no finite number")


def test_a_function_that_always_fails_is_broken():
    def docked(smiles):
        raise KeyError("no such licence")

    oracle = in_pieces(FunctionOracle(docked))
    for text in "NO":
        assert np.isnan(oracle(["C", text, "S"])).all()
    with pytest.raises(InputError, match=r"'docked' must .* on 3 batches in a row: .*no such licence") as caught:
        oracle(["C", "N"])
    assert isinstance(caught.value.__cause__.__cause__, KeyError)


def test_how_long_a_program_may_take_is_handed_on(program):
    oracle = program("time.sleep(60)")
    hurried = oracle_of(f"command:{shlex.join(oracle._argv)}", seconds=0.2)
    assert math.isnan(hurried(["C"])[0])
    assert "more than 0.2 s" in hurried.failures[1]
