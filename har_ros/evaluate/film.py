"""The annotated bag of a recording."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from har_ros.errors import ImageError
from har_ros.evaluate.plan import Job, Plan
from har_ros.evaluate.replay import ReplayedCamera, Seen
from har_ros.frames.compressed import decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.pipeline.annotate import annotate, overlay_topics
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.scores import Prediction
from har_ros.recordings.bag_writer import BagWriter
from har_ros.recordings.recording import Recorded

ANNOTATED = "annotated"


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

    def draw(self, recorded: Recorded, camera: ReplayedCamera, people: Sequence[PersonResult] = ()) -> None:
        """Write an image with who is in it and the newest prediction; one that cannot be read is left out."""
        if isinstance(recorded.image, ImageError):
            return
        try:
            pixels = to_rgb(decode_all(recorded.image))
        except ImageError:
            return
        prediction, stream = camera.prediction, camera.stream
        filling = f"warming up {stream.fill}/{stream.length}"
        said = filling if prediction is None or stream.fill < stream.length else self._published(prediction)
        annotate(pixels, said, people)
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
