"""What is written while a recording is evaluated: lines, the network's answers, an annotated bag."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from har_ros.evaluate import results
from har_ros.evaluate.answers import Remembered
from har_ros.evaluate.film import Film
from har_ros.evaluate.plan import Job, Plan, Progress, StoppedError
from har_ros.evaluate.replay import ReplayedCamera, Seen
from har_ros.pipeline.configuration import score_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.recording import Recorded, Recording

PERIOD = 0.2
"""Seconds between two reports of progress."""


class Part:
    """What is written while a recording is evaluated: lines, the network's answers, an annotated bag."""

    def __init__(self, job: Job, plan: Plan, recognizer: Recognizer, recording: Recording, path: Path) -> None:
        """Raises OSError and HarError. path: of the files, without suffix."""
        self.images = 0
        self.windows = 0
        self.recognizer = recognizer
        scores = score_settings(plan.values, recognizer.labels)
        self.scores = dataclasses.replace(scores, top_k=len(recognizer.labels))  # figures take all classes
        self._top_k = scores.top_k
        self._name = job.name
        self._total = recording.count
        self._numbers = {label: number for number, label in enumerate(recognizer.labels)}
        self._remembered: Remembered | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            if recognizer.network.stateless:
                network = Remembered(recognizer.network, path.with_suffix(".answers"), len(recognizer.labels))
                stack.callback(network.end)
                self.recognizer, self._remembered = Recognizer(recognizer.card, recognizer.labels, network), network
            self._lines = stack.enter_context(path.with_suffix(".jsonl").open("w", encoding="utf-8"))
            self._film = stack.enter_context(Film(plan, job, recording.cameras)) if plan.annotate else None
            self._open = stack.pop_all()

    @property
    def replayed(self) -> int:
        """Number of runs whose answers an earlier run had left."""
        return self._remembered.replayed if self._remembered else 0

    def take(self, seen: Seen) -> None:
        """Write a result."""
        self.windows += 1
        self._lines.write(results.line(self._name, seen, self._numbers, self._top_k))
        if self._film is not None:
            self._film.add(seen)

    def watch(
        self, report: Callable[[Progress], None], stopped: Callable[[], bool]
    ) -> Callable[[Recorded, ReplayedCamera], None]:
        """Return what takes every image, and reports the progress; it raises StoppedError when the work is to end."""
        reported = 0.0

        def take_image(recorded: Recorded, camera: ReplayedCamera) -> None:
            nonlocal reported
            self.images += 1
            if self._film is not None:
                self._film.draw(recorded, camera)
            if (now := time.monotonic()) >= reported + PERIOD:
                reported = now
                report(Progress(self._name, self.images, self._total, self.windows))
            if stopped():
                raise StoppedError

        return take_image

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)
