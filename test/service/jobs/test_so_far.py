"""What a job has found so far, read while it is written."""

import io
import json
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="FastAPI is not installed: pip install -r requirements-serve.txt")
from har_ros.service.folder import WINDOWS
from har_ros.service.jobs.so_far import so_far

ROWS = [{"frame": number} for number in range(3)]
HALF = '{"fra'


class Growing(io.StringIO):
    """A file whose last line is half written when it is read, and goes on before it is read again."""

    def __init__(self):
        super().__init__("".join(json.dumps(row) + "\n" for row in ROWS[:2]) + HALF)

    def readline(self, size=-1):
        line = super().readline(size)
        if line == HALF:
            at = self.tell()
            self.write(json.dumps(ROWS[2])[len(HALF) :] + "\n")
            self.seek(at)
        return line

    def __next__(self):
        if line := self.readline():
            return line
        raise StopIteration


def test_a_window_that_is_half_written_comes_next_time(tmp_path, monkeypatch):
    as_it_is = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *how, **more: Growing() if path.name == WINDOWS else as_it_is(path, *how, **more)
    )
    found = so_far(tmp_path, 1, over=False)
    assert (found.windows, found.next) == (ROWS[1:2], 2)
