"""Processes that look at videos: what becomes of a video whose process gives no answer."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from queue import SimpleQueue
from threading import Event

import pytest
from waiting import WAIT, wait_until

from har_ros.service import decoding
from har_ros.service.decoding import Decoding, UnansweredError

WAITS = """
import sys, time
from pathlib import Path
from har_ros.service.process import end_with_the_server
end_with_the_server()
Path(sys.argv[1]).touch()
time.sleep(600)
"""
DIES = """
import os, sys
print("said\\nbefore", file=sys.stderr, flush=True)
os.kill(os.getpid(), int(sys.argv[1]))
"""


@pytest.fixture
def opened():
    with closing(Decoding(1 << 30)) as opened:
        yield opened


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Returns a function that writes a module which processes can run. Returns its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")

    def write(text):
        (tmp_path / "looks_at.py").write_text(text)
        return "looks_at"

    return write


def test_what_is_ended_at_the_servers_end_is_no_answer(program, tmp_path):
    opened = Decoding(1 << 30)
    with ThreadPoolExecutor() as pool:
        looking = pool.submit(
            opened.look, program(WAITS), str(tmp_path / "began"), owner="a", longest=1.0, patience=WAIT
        )
        wait_until((tmp_path / "began").exists)
        opened.close()
        with pytest.raises(UnansweredError):
            looking.result()
    with pytest.raises(UnansweredError):  # what came at the same time
        opened.look(program(WAITS), str(tmp_path / "later"), owner="a", longest=1.0, patience=WAIT)


def test_what_the_system_kills_is_no_answer_and_what_crashes_may_be_damaged(program, opened, caplog):
    with pytest.raises(UnansweredError):
        opened.look(program(DIES), "9", owner="a", longest=1.0, patience=WAIT)
    assert "looks_at ended with status -9: said before" in caplog.text
    said = opened.look(program(DIES), "11", owner="a", longest=1.0, patience=WAIT)
    assert said == "the process that decodes it ended with status -11; it may be damaged"


def waiting(opened, *owners):
    wait_until(lambda: sorted(opened._waiting), sorted(owners))


def test_owners_take_turns_and_none_has_two_places(opened, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_OF_ONE", 3)
    go_on, began = {name: Event() for name in ("a1", "a2", "a3", "b", "c")}, SimpleQueue()

    def answer(command, _):
        began.put(command[0])
        assert go_on[command[0]].wait(WAIT)
        return ""

    monkeypatch.setattr(opened, "_answer", answer)
    with ThreadPoolExecutor(8) as pool:
        look = partial(pool.submit, opened.look, longest=1.0, patience=WAIT)
        looking = [look("a1", owner="a")]
        assert began.get(timeout=WAIT) == "a1"
        looking += [look("a2", owner="a"), look("a3", owner="a")]
        waiting(opened, "a", "a")
        with pytest.raises(UnansweredError):
            look("a4", owner="a").result()
        looking.append(look("b", owner="b"))
        assert began.get(timeout=WAIT) == "b"
        looking.append(look("c", owner="c"))
        waiting(opened, "a", "a", "c")
        go_on["a1"].set()
        order = [began.get(timeout=WAIT)]
        go_on["b"].set()
        order.append(began.get(timeout=WAIT))
        for event in go_on.values():
            event.set()
        assert [one.result() for one in looking] == [""] * 5
    assert (order[0] in ("a2", "a3"), order[1]) == (True, "c")  # though a third of a came first


def test_what_waits_at_the_servers_end_begins_nothing(program, tmp_path):
    opened = Decoding(1 << 30)
    with ThreadPoolExecutor() as pool:
        looking = [
            pool.submit(opened.look, program(WAITS), str(tmp_path / name), owner="a", longest=1.0, patience=WAIT)
            for name in ("first", "second")
        ]
        waiting(opened, "a")
        opened.close()
        for one in looking:
            with pytest.raises(UnansweredError):
                one.result()
        assert opened._running == opened._waiting == []


def test_to_wait_for_others_has_an_end_too(program, monkeypatch):
    monkeypatch.setattr(decoding, "AT_ONCE", 0)  # as if others ran
    with closing(Decoding(1 << 30)) as opened, pytest.raises(UnansweredError):
        opened.look(program(WAITS), owner="a", longest=1.0, patience=0.1)
