"""A long recording in ranges that are evaluated apart: each gives the network's answers, which are joined here.

A range goes through what is known of the images before it (Glance), reads those that are in a window where it begins,
and lets the network answer from there on. To join, the answers are given to a replay of what is known of all images:
scores, smoothing and lines are made there. Where two ranges meet, both must have had the same window; where they had
not, or where an image or a window failed, the recording is evaluated as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.evaluate.job import PERIOD
from har_ros.evaluate.likeness import Likeness
from har_ros.evaluate.networks import EvaluatedNetworks
from har_ros.evaluate.plan import Job, Plan, Progress
from har_ros.evaluate.replay import Replay
from har_ros.files.arrays import as_npz, read_npz
from har_ros.frames.window import Clip
from har_ros.networks.kind import Answer, Network
from har_ros.pipeline.configuration import stream_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings
from har_ros.recordings.glance import Excerpt, Glance, borders, firsts, seam
from har_ros.recordings.recording import BagError, Recorded
from har_ros.workers.workers import StoppedError


@dataclass(frozen=True)
class Range:
    """A part of a recording. key: of the recording's part. number: of the range, of `count`.

    first: number of the first image that is in a window where the range begins. begin, end: of the images whose windows
    are the range's.
    """

    job: Job
    key: str
    seen: Glance
    number: int
    count: int
    first: int
    begin: int
    end: int

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return f"{self.job.name}, range {self.number} of {self.count}"

    @property
    def file(self) -> str:
        """The name of the file with its answers."""
        return f"{self.key}.{self.begin}-{self.end}.range"


@dataclass(frozen=True)
class Answered:
    """What the network said in a range. seams: what was in the windows where it began and ended.

    rows: float32 windows×classes. distances: of each, see Likeness, NaN: not measured. times: seconds of each run.
    wall: seconds in all.
    """

    seams: tuple[str, str]
    rows: NDArray[np.float32]
    distances: NDArray[np.float64]
    times: NDArray[np.float64]
    wall: float

    def packed(self) -> bytes:
        """Return it as a file's content."""
        return as_npz(vars(self))

    @classmethod
    def read(cls, path: Path) -> Answered | None:
        """Read it. Returns None where the file is damaged. Raises OSError."""
        if (arrays := read_npz(path)) is None:
            return None
        try:
            begin, end = map(str, arrays["seams"])
            rows, distances, times = (arrays[name] for name in ("rows", "distances", "times"))
            return cls((begin, end), rows, distances, times, float(arrays["wall"]))
        except (KeyError, TypeError, ValueError):
            return None


def can_be_ranged(plan: Plan, recognizer: Recognizer) -> bool:
    """Say whether the windows of a recording can be evaluated apart: each is answered by itself, whenever it runs."""
    values = plan.values
    apart = not values["persons"] and values["idle"] == "off" and not plan.inference_time and not plan.annotate
    return apart and recognizer.network.stateless


def ranges_of(job: Job, key: str, seen: Glance, plan: Plan, recognizer: Recognizer) -> list[Range]:
    """Return the ranges of a recording; a single one where it is short."""
    found = borders(seen.count, len(seen.cameras))
    settings = stream_settings(plan.values)
    begins = firsts(seen, found[:-1], {name: recognizer.stream(settings) for name in seen.cameras})
    spans = zip(begins, found[:-1], found[1:], strict=True)
    return [Range(job, key, seen, number, len(begins), *span) for number, span in enumerate(spans, 1)]


def answered(
    part: Range,
    plan: Plan,
    networks: EvaluatedNetworks,
    report: Callable[[Progress], None],
    stopped: Callable[[], bool] = lambda: False,
) -> Answered | None:
    """Let the network answer in a range. Returns None where the recording has to be evaluated as a whole.

    Raises HarError, and StoppedError as soon as `stopped` says so.
    """
    began, reported = time.monotonic(), 0.0
    network = _InRange(networks.recognizer.network, networks.likeness)
    recognizer = Recognizer(networks.recognizer.card, networks.recognizer.labels, network, network.measure)
    replay = Replay(recognizer, part.seen.cameras, stream_settings(plan.values), ScoreSettings())
    number = 0
    network.begun = part.begin == 0
    seams = [_seam(replay)] if network.begun else []
    try:
        with part.job.opened() as recording:
            for step in replay.play(Excerpt(recording, part.seen, part.first, part.end).images()):
                if stopped():
                    raise StoppedError
                number += isinstance(step, Recorded)
                if not network.begun and number == part.begin:
                    seams.append(_seam(replay))
                    network.begun = True
                if network.begun and (now := time.monotonic()) >= reported + PERIOD:
                    reported = now
                    report(Progress(part.name, number - part.begin, 0, len(network.rows)))
    except BagError:
        return None
    counts = replay.counts().values()
    if any(one.frames_broken or one.windows_failed for one in counts):
        return None
    report(Progress(part.name, part.end - part.begin, 0, len(network.rows)))
    classes = len(recognizer.labels)
    rows = np.array(network.rows, np.float32).reshape(-1, classes)
    distances, times = np.array(network.distances), np.array(replay.inference_times)
    return Answered((seams[0], _seam(replay)), rows, distances, times, time.monotonic() - began)


def _seam(replay: Replay) -> str:
    return seam(camera.stream for camera in replay.cameras.values())


class _InRange:
    """A network that says nothing until the range has begun, and notes what it says then."""

    stateless = True

    def __init__(self, network: Network[Any], likeness: Likeness | None) -> None:
        self._network, self._likeness = network, likeness
        self.length, self.step, self.backend = network.length, network.step, network.backend
        self.new_memory, self.length_with, self.summary = network.new_memory, network.length_with, network.summary
        self.begun = False
        self.rows: list[NDArray[np.float32]] = []
        self.distances: list[float] = []

    def run(self, clips: Sequence[Clip], memories: Sequence[Any]) -> list[Answer | None]:
        """Return what the network answers, None before the range."""
        if self.begun:
            answers = self._network.run(clips, memories)
            self.rows += [answer.probabilities for answer in answers if answer is not None]
            return answers
        if self._likeness is not None:
            for clip, memory in zip(clips, memories, strict=True):
                self._likeness.takes(clip, memory)
        return [None] * len(clips)

    def measure(self, clip: Clip, memory: Any) -> float | None:
        """Measure a window in the range."""
        distance = self._likeness.distance(clip, memory) if self._likeness is not None else None
        self.distances.append(np.nan if distance is None else distance)
        return distance

    def close(self) -> None:
        """Do nothing: the network belongs to others."""
