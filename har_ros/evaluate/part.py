"""What is written while a recording is evaluated: lines, the network's answers, an annotated bag."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from har_ros.evaluate import results
from har_ros.evaluate.answers import Remembered
from har_ros.evaluate.film import Film
from har_ros.evaluate.networks import Networks, compared
from har_ros.evaluate.persons import PersonLines
from har_ros.evaluate.plan import Job, Plan, Progress
from har_ros.evaluate.replay import ReplayedCamera, Seen
from har_ros.pipeline.configuration import score_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.recording import Recorded, Recording

PERSONS_SUFFIX = ".persons.jsonl"


class Part:
    """What is written while a recording is evaluated: lines, the network's answers, an annotated bag."""

    def __init__(
        self,
        job: Job,
        plan: Plan,
        networks: Networks,
        recording: Recording,
        path: Path,
    ) -> None:
        """Raises OSError and HarError. path: of the files, without suffix."""
        self.images = 0
        self.windows = 0
        recognizer, persons = networks.recognizer, networks.persons
        scores = score_settings(
            plan.values, recognizer.labels, persons.recognizer.labels if persons is not None else ()
        )
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
                recognizer, self._remembered = Recognizer(recognizer.card, recognizer.labels, network), network
            self.recognizer = compared(recognizer, networks.likeness)
            self._lines = stack.enter_context(path.with_suffix(".jsonl").open("w", encoding="utf-8"))
            self._persons: PersonLines | None = None
            if persons is not None:
                file = stack.enter_context(path.with_suffix(PERSONS_SUFFIX).open("w", encoding="utf-8"))
                cameras, labels = recording.cameras, recognizer.labels
                self._persons = PersonLines(persons, plan.values, labels, job.name, cameras, file)
            self._film = stack.enter_context(Film(plan, job, recording.cameras)) if plan.annotate else None
            self._open = stack.pop_all()

    @property
    def replayed(self) -> int:
        """Number of runs whose answers an earlier run had left."""
        return self._remembered.replayed if self._remembered else 0

    def take(self, step: Seen | Recorded, camera: ReplayedCamera) -> None:
        """Write a result, or draw an image that its camera has taken."""
        if isinstance(step, Seen):
            self.windows += 1
            self._lines.write(results.line(self._name, step, self._numbers, self._top_k))
            if self._film is not None:
                self._film.add(step)
        else:
            self.images += 1
            people = self._persons.take(step) if self._persons is not None else ()
            if self._film is not None:
                self._film.draw(step, camera, people)

    @property
    def progress(self) -> Progress:
        """How far the recording is."""
        return Progress(self._name, self.images, self._total, self.windows)

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)
