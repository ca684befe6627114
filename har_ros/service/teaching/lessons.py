"""Checks and trainings: one at a time, in a process of its own, whose reports outlive connections."""

from __future__ import annotations

import importlib.util
import json
import logging
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal

from fastapi import HTTPException

from har_ros.errors import HarError
from har_ros.files.results_folder import read_json, write_json
from har_ros.service.teaching.datasets import Stored

logger = logging.getLogger(__name__)

Kind = Literal["check", "training"]
State = Literal["running", "done", "failed", "cancelled"]
NEEDED = {"rosbags": "rosbags", "matplotlib": "matplotlib", "scipy": "scipy", "sklearn": "scikit-learn"}
"""Modules that teaching needs beside those of the service → how pip calls them."""
LINES = 300
"""Of a log, at most; the oldest make room."""
LONGEST_LINE = 1_000_000
"""Characters that a process may say at once."""
INTERRUPTED = "the server ended meanwhile; start it again, what was computed is kept"


@dataclass
class Lesson:
    """A check or a training of a dataset. Times are seconds since 1970.

    options: as they were asked for. network: what it makes, empty for a check. doing, done, total: what is being done,
    how much of it is done, and of how much, 0 where that is not known. log: its last lines. said: how many there were.
    """

    dataset: str
    kind: Kind
    options: dict[str, Any]
    network: str
    state: State = "running"
    started: float = 0.0
    ended: float | None = None
    doing: str = "starting"
    done: int = 0
    total: int = 0
    error: str = ""
    result: dict[str, Any] | None = None
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    said: int = 0

    def since(self, line: int) -> list[str]:
        """Return the lines of the log from this number on, as far as they are kept."""
        lines = list(self.log)
        return lines[max(0, len(lines) - (self.said - line)) :] if line < self.said else []

    def take(self, report: Mapping[str, Any]) -> None:
        """Take what the process says."""
        if "log" in report:
            self.log.append(str(report["log"]))
            self.said += 1
        if "doing" in report:
            self.doing, self.done, self.total = report["doing"], report["done"], report["total"]
        self.error = report.get("error", self.error)
        self.result = report.get("result", self.result)

    def end(self, state: State, error: str = "") -> None:
        """Note that nothing more happens to it."""
        self.state, self.ended, self.error = state, time.time(), error


class Lessons:
    """Runs them. Close it: what runs is interrupted."""

    def __init__(self, memory: int) -> None:
        """memory: bytes that a process may take."""
        self._memory = memory
        self._lock = Lock()
        self._running: _Running | None = None

    @property
    def running(self) -> Lesson | None:
        """What runs, of any dataset."""
        running = self._running
        return running.lesson if running is not None and running.lesson.state == "running" else None

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            running = self._running
        if running is not None:
            running.stop("failed", INTERRUPTED)

    def start(self, dataset: Stored, kind: Kind, options: dict[str, Any], network: str, arguments: list[str]) -> Lesson:
        """Begin. arguments: of teacher, beside the dataset and the memory. Raises HTTPException."""
        if missing := [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]:
            raise HTTPException(501, f"this server lacks what teaching needs; run: pip install {' '.join(missing)}")
        lesson = Lesson(dataset.name, kind, options, network, started=time.time())
        with self._lock:
            if (busy := self.running) is not None:
                raise HTTPException(
                    409, f"the {busy.kind} of {busy.dataset} runs, and one at a time does; wait for it, or cancel it"
                )
            if not dataset.clips.is_dir():
                raise HTTPException(404, f"there is no dataset {dataset.name}")
            dataset.home.mkdir(parents=True, exist_ok=True)
            command = [str(dataset.clips), *arguments, "--memory", str(self._memory)]
            self._running = _Running(lesson, _file(dataset, kind), command)
        return lesson

    def get(self, dataset: Stored, kind: Kind) -> Lesson | None:
        """Return the last one, None when there was none."""
        running = self._running
        if running is not None and (running.lesson.dataset, running.lesson.kind) == (dataset.name, kind):
            return running.lesson
        return _read(_file(dataset, kind))

    @contextmanager
    def released(self, dataset: Stored) -> Iterator[None]:
        """Let something of a dataset be erased, while nothing begins. Raises HTTPException while a lesson reads it."""
        with self._lock:
            running = self._running
            if running is not None and running.lesson.dataset == dataset.name:
                if running.lesson.state == "running":
                    raise HTTPException(
                        409, f"the {running.lesson.kind} of {dataset.name} reads its clips; wait for it, or cancel it"
                    )
                running.join()
                self._running = None  # its file has the lesson, and is erased with the dataset
            yield

    def cancel(self, dataset: Stored, kind: Kind) -> None:
        """End it, if it runs, without a result."""
        running = self._running
        if running is not None and (running.lesson.dataset, running.lesson.kind) == (dataset.name, kind):
            running.stop("cancelled", "")


class _Running:
    """A process and what it says."""

    def __init__(self, lesson: Lesson, file: Path, arguments: list[str]) -> None:
        self.lesson, self._file = lesson, file
        self._write()
        command = [sys.executable, "-m", "har_ros.service.teaching.teacher", *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._lock = Lock()
        self._reader = Thread(target=self._read, name="lesson", daemon=True)
        self._reader.start()

    def stop(self, state: State, error: str) -> None:
        """End the process, unless it is done."""
        with self._lock:
            if self.lesson.state != "running":
                return
            self.lesson.end(state, error)
        self._process.kill()
        self.join()

    def join(self) -> None:
        """Wait until the end of the process is written."""
        self._reader.join()

    def _read(self) -> None:
        with self._process as process:  # closes its pipes at the end
            assert process.stdout is not None
            while line := process.stdout.readline(LONGEST_LINE):
                try:
                    self.lesson.take(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    logger.warning("a lesson said %.100r (%s)", line, type(error).__name__)
        status = process.returncode
        with self._lock:
            if self.lesson.state == "running":
                self.lesson.end(*self._outcome(status))
        self._write()

    def _outcome(self, status: int) -> tuple[State, str]:
        if self.lesson.error or self.lesson.result is None:
            ended = f"its process ended with status {status}; a clip may be damaged, or need more memory than --memory"
            return "failed", self.lesson.error or ended
        return "done", ""

    def _write(self) -> None:
        try:
            write_json(self._file, {**asdict(self.lesson), "log": list(self.lesson.log)})
        except HarError as error:
            logger.error("%s", error)


def _file(dataset: Stored, kind: Kind) -> Path:
    return dataset.home / f"{kind}.json"


def _read(path: Path) -> Lesson | None:
    """Return what was written of a lesson that runs no more."""
    if not path.is_file():
        return None
    try:
        values = read_json(path)
        lesson = Lesson(**{**values, "log": deque(values["log"], LINES)})
    except (HarError, TypeError, KeyError) as error:
        logger.warning("%s cannot be read (%s)", path, type(error).__name__)
        return None
    if lesson.state == "running":
        lesson.end("failed", INTERRUPTED)
    return lesson
