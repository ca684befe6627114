"""persons.jsonl: a line for each window of each person, recording by recording, in the order in which they came."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError, ImageError, ModelError
from har_ros.evaluate import results
from har_ros.frames.compressed import decode_all
from har_ros.persons.tracks import Track
from har_ros.pipeline.following import Following, PersonNetworks
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.recognizer import Result
from har_ros.recordings.recording import Recorded

logger = logging.getLogger(__name__)

PERSONS = "persons.jsonl"
Camera = tuple[str, str]
"""The names of a recording and of a camera in it."""


@dataclass(frozen=True)
class PersonWindow:
    """What a line says of the events of a person. start, until, end: stamps of the first frame of which it speaks, the
    last one, and the newest frame, in nanoseconds. evidence: of each label of the persons' network. distance: see
    results.PredictedWindow.
    """

    bag: str
    camera: str
    person: str
    start: int
    until: int
    end: int
    restarts: int
    evidence: NDArray[np.float16]
    distance: float | None = None


def read(path: Path) -> Iterator[PersonWindow]:
    """Yield the windows of a file of people. Raises ConfigurationError."""
    for number, text in enumerate(results.lines_of(path), 1):
        try:
            line = json.loads(text)
            yield PersonWindow(
                bag=line["bag"],
                camera=line["camera"],
                person=line["person"],
                start=line["start"],
                until=line.get("until", line["end"]),
                end=line["end"],
                restarts=line["restarts"],
                evidence=results.decoded(line["probabilities"]),
                distance=line.get("distance"),
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ConfigurationError(f"{path} line {number} is damaged; evaluate again with --overwrite") from None


class PersonLines:
    """Follows the people of a recording's cameras, and writes what each of them does.

    Every image is searched and every window runs, however long that takes: the same lines each time. A person's id is
    p, the camera's place in the recording, and the person's number.
    """

    def __init__(
        self,
        networks: PersonNetworks,
        values: dict[str, Any],
        labels: tuple[str, ...],
        name: str,
        cameras: Sequence[str],
        file: TextIO,
    ) -> None:
        """labels: of the network for whole images. name: of the recording. Raises ConfigurationError."""
        self._name = name
        self._file = file
        self._failed = False  # a network, as has been said
        self._cameras = {
            camera: Following(networks, values, labels, f"p{number}", live=True)
            for number, camera in enumerate(cameras, 1)
        }

    def take(self, recorded: Recorded) -> tuple[PersonResult, ...]:
        """Take an image. Returns who is in it; nobody in one that cannot be read, or for which a network fails."""
        if isinstance(recorded.image, ImageError):
            return ()
        following = self._cameras[recorded.camera]
        try:
            image = decode_all(recorded.image)
            if image.stamp == 0:
                image = dataclasses.replace(image, stamp=recorded.arrival)
            present = following.take(image)
            for person in present:
                if person.result is not None:
                    self._file.write(self._line(recorded.camera, person.track, person.result))
        except ImageError:
            return ()
        except ModelError as error:
            if not self._failed:
                logger.warning("%s: nobody is followed in some images: %s", self._name, error)
            self._failed = True
            return ()
        return present

    def _line(self, camera: str, track: Track, result: Result) -> str:
        record = {
            "bag": self._name,
            "camera": camera,
            "person": track.id,
            "start": result.start,
            "end": result.end,
            "frames": result.frames,
            "box": [round(side, 1) for side in track.box],
            "seen": round(track.seen, 4),
            "hypotheses": [[one.label, one.score] for one in result.prediction.hypotheses],
            "restarts": result.restarts,
            "probabilities": results.encoded(result.prediction.evidence),
            **({"until": result.until} if result.until != result.end else {}),
            **({"distance": round(result.distance, 4)} if result.distance is not None else {}),
        }
        return json.dumps(record, ensure_ascii=False) + "\n"
