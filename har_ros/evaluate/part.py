"""What is written while a recording is evaluated: lines, the network's answers, an annotated bag."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ImageError
from har_ros.evaluate import results
from har_ros.evaluate.plan import Job, Plan, Progress, StoppedError
from har_ros.evaluate.replay import Camera, Seen
from har_ros.frames.compressed import decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.frames.window import Clip
from har_ros.networks.clip import ClipNetwork
from har_ros.networks.kind import Answer, Memory
from har_ros.pipeline.overlay import annotate, announce, overlay_topics
from har_ros.pipeline.parameters import score_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import Prediction
from har_ros.recordings.bag_writer import BagWriter
from har_ros.recordings.recording import Recorded, Recording

ANNOTATED = "annotated"
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
            if isinstance(recognizer.network, ClipNetwork):
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
        self, tell: Callable[[Progress], None], stopped: Callable[[], bool]
    ) -> Callable[[Recorded, Camera], None]:
        """Return what takes every image, and tells the progress; it raises StoppedError when the work is to end."""
        told = 0.0

        def take_image(recorded: Recorded, camera: Camera) -> None:
            nonlocal told
            self.images += 1
            if self._film is not None:
                self._film.draw(recorded, camera)
            if (now := time.monotonic()) >= told + PERIOD:
                told = now
                tell(Progress(self._name, self.images, self._total, self.windows))
            if stopped():
                raise StoppedError

        return take_image

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)


class Remembered:
    """A clip network that keeps its answers in a file, and first gives those of an interrupted run."""

    def __init__(self, network: ClipNetwork, path: Path, classes: int) -> None:
        """Raises OSError. classes: the number of values in an answer."""
        self._network = network
        self.length, self.step, self.backend = network.length, network.step, network.backend
        self.new_window, self.new_memory = network.new_window, network.new_memory
        known = np.fromfile(path, np.float32) if path.is_file() else np.zeros(0, np.float32)
        self._known: NDArray[np.float32] = known[: len(known) // classes * classes].reshape(-1, classes)
        self._file = path.open("r+b" if path.is_file() else "w+b")
        self._file.truncate(self._known.nbytes)
        self._file.seek(0, 2)
        self._next = 0
        self.replayed = 0  # runs that were not necessary

    def run(self, clips: Sequence[Clip], memories: Sequence[Memory | None]) -> list[Answer | None]:
        """See Network."""
        rows = self._known[self._next : self._next + len(clips)]
        self._next += len(clips)
        if len(rows) == len(clips):
            self.replayed += 1
            return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]
        try:
            answers = self._network.run(clips, memories)
        except Exception:
            self._keep([None] * (len(clips) - len(rows)))  # a run that fails has a place, too
            raise
        self._keep(answers[len(rows) :])
        return answers

    def _keep(self, answers: Sequence[Answer | None]) -> None:
        for answer in answers:
            row = answer.probabilities if answer else np.full(self._known.shape[1], np.nan)
            self._file.write(np.asarray(row, np.float32).tobytes())
        self._file.flush()

    def end(self) -> None:
        """Close the file; the network stays."""
        self._file.close()

    def close(self) -> None:
        """See Network."""


class Film:
    """The annotated bag of a recording: /actions, and images with the actions drawn in, as JPEG."""

    def __init__(self, plan: Plan, job: Job, cameras: Sequence[str]) -> None:
        """Raises HarError."""
        path = annotated_bag(plan.folder, job.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.rmtree(path)  # of an interrupted run
        self._bag = BagWriter(path)
        self._top_k = plan.values["top_k"]
        self._topics = dict(zip(cameras, overlay_topics(list(cameras)), strict=True))

    def add(self, seen: Seen) -> None:
        """Write a result."""
        prediction = self._published(seen.result.prediction)
        self._bag.actions("/actions", seen.published, prediction.accepted, seen.result.end, seen.result.frame_id)

    def draw(self, recorded: Recorded, camera: Camera) -> None:
        """Write an image with what was last said of its camera; one that cannot be read is left out."""
        if isinstance(recorded.image, ImageError):
            return
        try:
            pixels = to_rgb(decode_all(recorded.image))
        except ImageError:
            return
        if camera.prediction is None or camera.stream.fill < camera.stream.length:
            announce(pixels, f"warming up {camera.stream.fill}/{camera.stream.length}")
        else:
            annotate(pixels, self._published(camera.prediction))
        bgr = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
        stamp = recorded.image.stamp or recorded.arrival
        self._bag.jpeg(self._topics[recorded.camera], recorded.arrival, bgr, stamp, recorded.image.frame_id)

    def _published(self, prediction: Prediction) -> Prediction:
        return dataclasses.replace(prediction, hypotheses=prediction.hypotheses[: self._top_k])

    def __enter__(self) -> Film:
        self._bag.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bag.__exit__(*error)


def annotated_bag(folder: Path, name: str) -> Path:
    """Return where a recording's annotated bag lies."""
    return folder / ANNOTATED / name.replace("/", "_").replace(".", "_")
