"""How stable a network's answers are, without truth: flicker, cameras of one scene, lost images, lower rates."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError
from har_ros.evaluate.event_figures import MINUTE, event_figures, events_of, windows_of
from har_ros.evaluate.judge import Judged, judge
from har_ros.evaluate.plan import Job
from har_ros.evaluate.replay import Replay, Seen
from har_ros.evaluate.results import PredictedWindow
from har_ros.evaluate.track import SaidSpan, Track
from har_ros.pipeline.configuration import event_settings, score_settings, stream_settings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.recordings.bag import Bag
from har_ros.recordings.recording import BagError, Recorded, VideoRecording
from har_ros.recordings.remote import named
from har_ros.stats.agreement import Named, agreement, kappa, shared_time
from har_ros.stats.intervals import Bootstrap, Figure, interval
from har_ros.stats.metrics import Floats, ratio
from har_ros.truth.labelling import COVERAGE
from har_ros.truth.segments import Classes

logger = logging.getLogger(__name__)

LOST = 0.1
"""Share of the images that are lost."""
NO_CLASSES = Classes((), {}, {})
"""Of a truth."""
Images = Iterable[Recorded]


def all_images(images: Images) -> Iterator[Recorded]:
    """Yield every image."""
    yield from images


def some_lost(images: Images) -> Iterator[Recorded]:
    """Yield the images without some that are lost at random, always the same."""
    random = np.random.default_rng(0)
    return (image for image in images if random.random() >= LOST)


def every_second(images: Images) -> Iterator[Recorded]:
    """Yield every second image of each camera."""
    taken: Counter[str] = Counter()
    for image in images:
        taken[image.camera] += 1
        if taken[image.camera] % 2:
            yield image


WAYS: tuple[Callable[[Images], Iterator[Recorded]], ...] = (all_images, some_lost, every_second)
"""In which each recording is played."""


@dataclass(frozen=True)
class Pair:
    """Two cameras of a recording. agreement: share of time in which their first answers are the same."""

    bag: str
    cameras: tuple[str, str]
    agreement: float
    kappa: float


@dataclass(frozen=True)
class Stability:
    """What was measured; intervals are by bootstrap over recordings. Agreements are shares of time.

    label_changes, event_changes: a minute, of the windows' first answers and of events. cameras, kappa: of all pairs of
    cameras. lost, half: of what is said with some images lost, or with every second one, and what is said with all.
    """

    recordings: int
    minutes: float
    label_changes: Figure
    event_changes: Figure
    cameras: Figure
    kappa: Figure
    lost: Figure
    half: Figure
    pairs: tuple[Pair, ...]


class Stable:
    """Plays recordings, and sums up how stable the answers are."""

    def __init__(self, recognizer: Recognizer, values: dict[str, Any]) -> None:
        """values: of the node's parameters. Raises ConfigurationError when they do not fit the network."""
        self._recognizer = recognizer
        self._labels = recognizer.labels
        self._streams = stream_settings(values)
        scores = score_settings(values, self._labels)
        self._scores = replace(scores, top_k=len(self._labels))
        self._events, self._smoothing = event_settings(values, self._labels), scores.smoothing
        self._tracks: list[list[Judged]] = []  # with all images, of each recording
        self._said: list[list[list[list[Named]]]] = []  # by recording, way and camera
        self._numbers: dict[str, int] = {}  # of what was said

    def take(self, job: Job, advance: Callable[[], None]) -> None:
        """Play a recording in all WAYS. advance: is called with each image. Raises HarError."""
        with job.opened() as recording:
            played = [self._played(job, recording, way, advance) for way in WAYS]
        self._tracks.append(played[0])
        self._said.append([[self._named(track) for track in tracks] for tracks in played])

    def stability(self) -> Stability:
        """Return what was measured."""
        minutes = np.array([sum(map(_minutes, tracks)) for tracks in self._tracks], np.float64)
        pairs = [[*combinations(tracks, 2)] for tracks in self._tracks]
        times = [[self._shared(*pair) for pair in combinations(said[0], 2)] for said in self._said]
        together = [self._sum(of_one) for of_one in times]
        changed = [
            [self._sum(self._shared(*pair) for pair in zip(said[0], said[way], strict=True)) for said in self._said]
            for way in range(1, len(WAYS))
        ]
        return Stability(
            recordings=len(self._tracks),
            minutes=float(minutes.sum()),
            label_changes=self._rate(windows_of, minutes),
            event_changes=self._rate(events_of, minutes),
            cameras=_figure(agreement, together),
            kappa=_figure(kappa, together),
            lost=_figure(agreement, changed[0]),
            half=_figure(agreement, changed[1]),
            pairs=tuple(
                Pair(one.bag, (one.camera, other.camera), float(agreement(time)), float(kappa(time)))
                for (one, other), time in zip(chain(*pairs), chain(*times), strict=True)
            ),
        )

    def _played(
        self,
        job: Job,
        recording: Bag | VideoRecording,
        way: Callable[[Images], Iterator[Recorded]],
        advance: Callable[[], None],
    ) -> list[Judged]:
        """Return the windows of each camera."""
        replay = Replay(self._recognizer, recording.cameras, self._streams, self._scores)
        tracks = {
            camera: Track(job.name, camera, 0, NO_CLASSES, self._labels, self._events, self._smoothing)
            for camera in recording.cameras
        }
        steps: Iterable[Seen | Recorded] = replay.play(way(_counted(recording.images(), advance)))
        if isinstance(recording, VideoRecording):
            steps = chain(steps, replay.fill_up(lambda: way(recording.images()), str(recording.path)))
        try:
            for step in steps:
                if isinstance(step, Seen):
                    tracks[step.camera].append(_window(job.name, step))
        except (BagError, ConfigurationError) as error:
            logger.warning("%s", named(str(error), recording.path, job.path))
        return [judge(track, (), NO_CLASSES, self._scores.threshold, COVERAGE, 0) for track in tracks.values()]

    def _named(self, track: Judged) -> list[Named]:
        """Return the first answers, numbered as they occur."""
        spans = windows_of(track)
        return [Named(self._numbers.setdefault(one.name, len(self._numbers)), one.start, one.end) for one in spans]

    def _shared(self, one: Sequence[Named], other: Sequence[Named]) -> Floats:
        return shared_time(one, other, len(self._numbers))

    def _sum(self, times: Iterable[Floats]) -> Floats:
        return np.asarray(np.sum([self._shared((), ()), *times], axis=0))

    def _rate(self, said: Callable[[Judged], list[SaidSpan]], minutes: Floats) -> Figure:
        """Return the changes a minute."""
        rates = [event_figures(tracks, NO_CLASSES, said).label_changes_per_minute for tracks in self._tracks]
        weights = Bootstrap(len(self._tracks)).weights
        drawn = ratio(weights @ np.nan_to_num(np.array(rates) * minutes), weights @ minutes)
        return interval(drawn, len(self._tracks), share=False)


def _counted(images: Images, advance: Callable[[], None]) -> Iterator[Recorded]:
    for image in images:
        advance()
        yield image


def _minutes(track: Judged) -> float:
    return float(track.windows["duration"].sum()) / MINUTE


def _figure(of_times: Callable[[Floats], Floats], times: Sequence[Floats]) -> Figure:
    """Return a figure of the times of recordings, added up. times: of each, a matrix."""
    drawn = np.tensordot(Bootstrap(len(times)).weights, np.stack(times), 1)
    return interval(of_times(np.asarray(drawn, np.float64)), len(times))


def _window(name: str, seen: Seen) -> PredictedWindow:
    result = seen.result
    return PredictedWindow(
        name,
        seen.camera,
        result.frame_id,
        result.start,
        result.end,
        seen.started,
        seen.published,
        seen.restarts,
        result.frames,
        result.prediction.hypotheses,
        result.prediction.evidence.astype(np.float16),
        seen.padded,
        result.until,
    )
