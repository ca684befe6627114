"""Processes that look at videos: what becomes of a video whose process gives no answer."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from har_ros.service import decoding
from har_ros.service.decoding import Decoding, UnansweredError

WAITS = """
import sys, time
from pathlib import Path
from har_ros.service.process import end_with_the_server
end_with_the_server()
Path(sys.argv[1]).touch()
time.sleep(60)
"""
DIES = """
import os, sys
print("said before", file=sys.stderr, flush=True)
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


def there(path):
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_ended_at_the_servers_end_is_no_answer(program, tmp_path):
    opened = Decoding(1 << 30)
    with ThreadPoolExecutor() as pool:
        looking = pool.submit(opened.look, program(WAITS), str(tmp_path / "began"), longest=1.0, patience=60.0)
        there(tmp_path / "began")
        opened.close()
        with pytest.raises(UnansweredError):
            looking.result()
    with pytest.raises(UnansweredError):  # what came at the same time
        opened.look(program(WAITS), str(tmp_path / "later"), longest=1.0, patience=60.0)


def test_what_the_system_kills_is_no_answer_and_what_crashes_may_be_damaged(program, opened, caplog):
    with pytest.raises(UnansweredError):
        opened.look(program(DIES), "9", longest=1.0, patience=60.0)
    assert "looks_at ended with status -9: said before" in caplog.text
    said = opened.look(program(DIES), "11", longest=1.0, patience=60.0)
    assert said == "the process that decodes it ended with status -11; it may be damaged"


def test_to_wait_for_others_has_an_end_too(program, monkeypatch):
    monkeypatch.setattr(decoding, "AT_ONCE", 0)  # as if others ran
    with closing(Decoding(1 << 30)) as opened, pytest.raises(UnansweredError):
        opened.look(program(WAITS), longest=1.0, patience=0.1)
