"""Predictions and truth → figures: what metrics.json holds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError, counted
from har_ros.evaluate import persons, results
from har_ros.evaluate.event_figures import event_figures, events_of, windows_of
from har_ros.evaluate.judge import Judged, judge
from har_ros.evaluate.likeness_figures import likeness_figures, of_images, of_people
from har_ros.evaluate.measured import (
    CalibrationBin,
    Confusion,
    Metrics,
    RecordingState,
    SegmentFigures,
    Summary,
    TotalCounts,
)
from har_ros.evaluate.person_figures import events_of_people, person_event_figures
from har_ros.evaluate.persons import PERSONS
from har_ros.evaluate.plan import Job
from har_ros.evaluate.pool import Pool
from har_ros.evaluate.replay import Counts
from har_ros.evaluate.track import Track
from har_ros.evaluate.window_figures import Figures, figures, per_class, sweep
from har_ros.pipeline.configuration import event_settings, parameter_values
from har_ros.pipeline.events import IDLE
from har_ros.recordings.bag import Bag
from har_ros.recordings.remote import Address
from har_ros.stats import metrics
from har_ros.truth.labelling import COVERAGE
from har_ros.truth.segments import NONE, Classes, Segment, join, segments_of_topic

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Truth:
    """What is known of the recordings. label_map: see truth.join. topic: of Classification in the bags, or empty.

    coverage: see truth.labelling.
    """

    segments: tuple[Segment, ...] = ()
    label_map: Mapping[str, object] = dataclasses.field(default_factory=dict)
    topic: str = ""
    coverage: float = COVERAGE

    def check(self, jobs: Sequence[Job], labels: Sequence[str], network: str) -> None:
        """Raise HarError when a name is no class, or nothing is said of the recordings, before the work begins.

        labels, network: of all networks, and what they are called.
        """
        names = [segment.label for segment in self._concerning(jobs)]
        known = {segment.bag for segment in self._concerning(jobs)}
        if others := sorted({segment.bag for segment in self.segments} - known):
            if not names:
                raise ConfigurationError(
                    f"the truth names {others[0]} and not {jobs[0].name}; correct the recording's name, or leave it out"
                )
            many = counted(len(others), "recording")
            logger.warning("the truth also names %s that you did not give, such as %s", many, others[0])
        for bag in self._bags(jobs):
            names += [label for message in bag.classifications(self.topic) for label in message.labels]
        join(names, labels, self.label_map, network=network)

    def of(self, jobs: Sequence[Job], header: Mapping[str, Any]) -> list[Segment]:
        """Return the segments that concern these recordings, with those of the bags' topics. Raises HarError."""
        segments = self._concerning(jobs)
        for job, bag, summary in zip(jobs, self._bags(jobs), header["recordings"], strict=False):
            frame_ids = {name: counts["frame_id"] for name, counts in summary["cameras"].items()}
            segments += segments_of_topic(bag.classifications(self.topic), job.name, frame_ids)
        return segments

    def _concerning(self, jobs: Sequence[Job]) -> list[Segment]:
        return [segment for segment in self.segments if any(segment.speaks_of(job.name) for job in jobs)]

    def _bags(self, jobs: Sequence[Job]) -> list[Bag]:
        bags = []
        for job in jobs if self.topic else ():
            if isinstance(job.path, Address):
                raise ConfigurationError(
                    f"the truth's topic is read on this machine, where {job.path} is not; give a file of segments"
                )
            bags.append(Bag(job.path, job.topics, job.transport))
        return bags


@dataclass(frozen=True)
class Assessment:
    """All that the report shows. judged: a track for each camera of each recording.

    person_classes: of the network that says what people do, None where they are not followed.
    """

    header: dict[str, Any]
    classes: Classes
    judged: tuple[Judged, ...]
    metrics: Metrics
    person_classes: Classes | None = None


def assess(predictions: Path, header: dict[str, Any], segments: Sequence[Segment], truth: Truth) -> Assessment:
    """Compare predictions with segments. Raises ConfigurationError when they do not fit."""
    labels, threshold = header["labels"], header["parameters"]["threshold"]
    names, person_labels = [segment.label for segment in segments], header.get("person_labels", ())
    classes = join(names, labels, truth.label_map, person_labels)
    tracks = _tracks(predictions, header, classes)
    judged: list[Judged] = []
    cluster = 0
    for track in tracks:
        concerned = [segment for segment in segments if segment.concerns(track.bag, track.camera)]
        judged.append(judge(track, concerned, classes, threshold, truth.coverage, cluster))
        taken = [*judged[-1].windows["cluster"].tolist(), *(segment.cluster for segment in judged[-1].segments)]
        cluster = 1 + max([cluster, *taken])
    found, person_classes = _metrics(header, classes, judged, truth), None
    if person_labels:
        person_classes = join(names, person_labels, truth.label_map, labels)
        found = _with_people(found, predictions.parent / PERSONS, header, person_classes, judged, truth.coverage)
    return Assessment(header, classes, tuple(judged), found, person_classes)


def _with_people(
    found: Metrics, path: Path, header: dict[str, Any], classes: Classes, judged: Sequence[Judged], coverage: float
) -> Metrics:
    """Return the metrics with those of people, of whose windows there is a file."""
    windows, values = tuple(persons.read(path)), parameter_values(header["parameters"])
    settings, labels = event_settings(values), header["person_labels"]
    said = events_of_people(windows, classes, labels, settings, values["smoothing"], values["track_timeout"])
    return dataclasses.replace(
        found,
        person_events=person_event_figures(judged, classes, said),
        person_likeness=likeness_figures(judged, classes, of_people(windows), "the network for people", coverage),
    )


def _tracks(predictions: Path, header: dict[str, Any], classes: Classes) -> list[Track]:
    tracks: dict[tuple[str, str], Track] = {}
    values = parameter_values(header["parameters"])
    settings, smoothing = event_settings(values), values["smoothing"]
    for summary in header["recordings"]:
        firsts = [counts["first"] for counts in summary["cameras"].values() if counts["first"] is not None]
        for camera in summary["cameras"]:
            name, first = summary["name"], min(firsts, default=0)
            tracks[name, camera] = Track(name, camera, first, classes, header["labels"], settings, smoothing)
    for window in results.read(predictions)[1]:
        tracks[window.bag, window.camera].append(window)
    return list(tracks.values())


def _metrics(
    header: Mapping[str, Any],
    classes: Classes,
    judged: Sequence[Judged],
    truth: Truth,
) -> Metrics:
    pool = Pool(judged, len(classes.names))
    recordings = [RecordingState(one["name"], one["sha256"], one["error"]) for one in header["recordings"]]
    overall = _summary(header, judged, figures(pool))

    def of(tracks: Sequence[Judged], bag: str, camera: str = "") -> Summary:
        own = figures(Pool(tracks, pool.count)) if len(tracks) < len(judged) else overall.figures
        return _summary(header, tracks, own, bag, camera)

    return Metrics(
        model=header["card"]["name"],
        backend=header["backend"],
        versions=header["versions"],
        parameters=header["parameters"],
        inference_time=header["inference_time"],
        realtime_factor=header["realtime_factor"],
        coverage=truth.coverage,
        recordings=recordings,
        overall=overall,
        per_bag=[of([track for track in judged if track.bag == one.name], one.name) for one in recordings],
        per_camera=[of([track], track.bag, track.camera) for track in judged],
        classes=per_class(pool, classes.names),
        confusion=_confusion(pool, classes),
        calibration=_calibration(pool),
        sweep=sweep(pool),
        segments=_segments(pool, classes, {one.name: one.sha256 for one in recordings}),
        events=event_figures(judged, classes, events_of),
        windows_as_events=event_figures(judged, classes, windows_of),
        person_events=None,
        likeness=likeness_figures(
            judged,
            classes,
            {(track.bag, track.camera): of_images(track) for track in judged},
            header["card"]["name"],
            truth.coverage,
        ),
        person_likeness=None,
    )


def _summary(
    header: Mapping[str, Any], tracks: Sequence[Judged], of_tracks: Figures, bag: str = "", camera: str = ""
) -> Summary:
    cameras = {summary["name"]: summary["cameras"] for summary in header["recordings"]}
    counts = TotalCounts.of([Counts(**cameras[track.bag][track.camera]) for track in tracks])
    return Summary(of_tracks, counts, bag, camera)


def _confusion(pool: Pool, classes: Classes) -> Confusion:
    judged = pool.labelled | pool.background
    idle = np.isin(pool.windows["label"], IDLE) & (pool.predicted == metrics.OTHER)
    said = np.where(idle, metrics.NOTHING, pool.predicted)
    windows = metrics.confusion(pool.windows["truth"][judged], said[judged]).tolist()
    return Confusion([*classes.names, NONE], [*classes.names, "another class", NONE], windows)


def _calibration(pool: Pool) -> list[CalibrationBin]:
    bins = metrics.reliability(pool.windows["score"][pool.labelled], pool.first_is_right[pool.labelled])
    return [CalibrationBin(int(n), float(c), float(r)) for n, c, r in zip(*bins, strict=True)]


def _segments(pool: Pool, classes: Classes, hashes: Mapping[str, str]) -> list[SegmentFigures]:
    return [
        SegmentFigures(
            bag=segment.bag,
            sha256=hashes[segment.bag],
            camera=segment.camera,
            start=segment.start,
            end=segment.end,
            label=classes.names[segment.label],
            windows=len(segment.windows),
            right=segment.right,
            vote=segment.vote,
            delay=segment.delay,
        )
        for segment in pool.segments
    ]
