"""Predictions and truth → figures: what metrics.json holds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har_ros.errors import ConfigurationError
from har_ros.evaluate import results
from har_ros.evaluate.figures import Pool, figures, per_class, sweep
from har_ros.evaluate.judge import Judged, Track, judge
from har_ros.evaluate.plan import Job
from har_ros.evaluate.replay import Counts
from har_ros.recordings.bag import Bag
from har_ros.stats import metrics
from har_ros.truth.labelling import COVERAGE
from har_ros.truth.segments import Classes, Segment, join, segments_of_topic

logger = logging.getLogger(__name__)

FORMAT = "har_ros metrics 1"


@dataclass(frozen=True)
class Truth:
    """What is known of the recordings. label_map: see truth.join. topic: of Classification in the bags, or empty.

    coverage: see truth.labelling.
    """

    segments: tuple[Segment, ...] = ()
    label_map: Mapping[str, object] = dataclasses.field(default_factory=dict)
    topic: str = ""
    coverage: float = COVERAGE

    def check(self, jobs: Sequence[Job], labels: Sequence[str]) -> None:
        """Raise HarError when a name is no class, or nothing is said of the recordings, before the work begins."""
        names = [segment.label for segment in self._concerning(jobs)]
        known = {segment.bag for segment in self._concerning(jobs)}
        if others := sorted({segment.bag for segment in self.segments} - known):
            if not names:
                raise ConfigurationError(
                    f"the truth speaks of {others[0]} and not of {jobs[0].name}; mend or remove its column bag"
                )
            logger.warning("the truth speaks of %d recordings that are not given, such as %s", len(others), others[0])
        for bag in self._bags(jobs):
            names += [label for message in bag.classifications(self.topic) for label in message.labels]
        join(names, labels, self.label_map)

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
        return [Bag(job.path, job.topics, job.transport) for job in jobs] if self.topic else []


@dataclass(frozen=True)
class Assessment:
    """All that the report shows. judged: a track for each camera of each recording."""

    header: dict[str, Any]
    classes: Classes
    judged: tuple[Judged, ...]
    metrics: dict[str, Any]


def assess(predictions: Path, header: dict[str, Any], segments: Sequence[Segment], truth: Truth) -> Assessment:
    """Compare predictions with segments. Raises ConfigurationError when they do not fit."""
    labels, threshold = header["labels"], header["parameters"]["threshold"]
    classes = join([segment.label for segment in segments], labels, truth.label_map)
    tracks = _tracks(predictions, header, classes)
    judged: list[Judged] = []
    cluster = 0
    for track in tracks:
        concerned = [segment for segment in segments if segment.concerns(track.bag, track.camera)]
        judged.append(judge(track, concerned, classes, threshold, truth.coverage, cluster))
        cluster = 1 + max([cluster, *judged[-1].cluster, *(segment.cluster for segment in judged[-1].segments)])
    return Assessment(header, classes, tuple(judged), _metrics(header, classes, judged, truth))


def _tracks(predictions: Path, header: dict[str, Any], classes: Classes) -> list[Track]:
    numbers = {label: number for number, label in enumerate(header["labels"])}
    outputs: list[list[int]] = [[] for _ in classes.names]
    for label, index in classes.of_output.items():
        outputs[index].append(numbers[label])
    tracks: dict[tuple[str, str], Track] = {}
    for summary in header["recordings"]:
        firsts = [counts["first"] for counts in summary["cameras"].values() if counts["first"] is not None]
        for camera in summary["cameras"]:
            tracks[summary["name"], camera] = Track(summary["name"], camera, min(firsts, default=0))
    for window in results.read(predictions)[1]:
        tracks[window.bag, window.camera].append(window, classes, outputs)
    return list(tracks.values())


def _metrics(header: dict[str, Any], classes: Classes, judged: Sequence[Judged], truth: Truth) -> dict[str, Any]:
    count = len(classes.names)
    pool = Pool(judged, count)
    hashes = {summary["name"]: summary["sha256"] for summary in header["recordings"]}
    bags = {summary["name"]: summary for summary in header["recordings"]}
    counts = {(name, camera): c for name, summary in bags.items() for camera, c in summary["cameras"].items()}
    by_bag = {name: [track for track in judged if track.bag == name] for name in bags}
    labelled = pool.labelled
    judged_windows = labelled | pool.background
    bins = metrics.reliability(pool.score[labelled], pool.first_is_right[labelled])
    overall = figures(pool)

    def figures_of(tracks: Sequence[Judged]) -> dict[str, Any]:
        return figures(Pool(tracks, count)) if len(tracks) < len(judged) else overall

    return {
        "format": FORMAT,
        "model": header["card"]["name"],
        "backend": header["backend"],
        "versions": header["versions"],
        "parameters": header["parameters"],
        "inference_time": header["inference_time"],
        "realtime_factor": header["realtime_factor"],
        "coverage": truth.coverage,
        "recordings": [
            {"name": name, "sha256": hashes[name], "error": summary["error"]} for name, summary in bags.items()
        ],
        "overall": {**overall, "counts": _counts(list(counts.values()))},
        "per_bag": [
            {
                "bag": name,
                **figures_of(tracks),
                "counts": _counts([counts[name, track.camera] for track in tracks]),
            }
            for name, tracks in by_bag.items()
        ],
        "per_camera": [
            {
                "bag": track.bag,
                "camera": track.camera,
                **figures_of([track]),
                "counts": _counts([counts[track.bag, track.camera]]),
            }
            for track in judged
        ],
        "classes": per_class(pool, classes.names),
        "confusion": {
            "rows": [*classes.names, "none"],
            "columns": [*classes.names, "another class", "nothing"],
            "windows": metrics.confusion(pool.truth[judged_windows], pool.predicted[judged_windows]).tolist(),
        },
        "calibration": [
            {"windows": int(n), "confidence": float(c), "right": float(r)} for n, c, r in zip(*bins, strict=True)
        ],
        "sweep": [dataclasses.asdict(row) for row in sweep(pool)],
        "segments": [
            {
                "bag": segment.bag,
                "sha256": hashes[segment.bag],
                "camera": segment.camera,
                "start": segment.start,
                "end": segment.end,
                "label": classes.names[segment.label],
                "windows": len(segment.windows),
                "right": segment.right,
                "vote": segment.vote,
                "delay": segment.delay,
            }
            for segment in pool.segments
        ],
    }


def _counts(cameras: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return what became of images and windows, added up."""
    names = [name for name, value in (cameras[0] if cameras else {}).items() if type(value) is int]
    sums = {name: sum(camera[name] for camera in cameras) for name in names if name not in ("first", "last")}
    counts = [Counts(**camera) for camera in cameras]
    return {
        "windows_expected": sum(one.windows_expected for one in counts),
        "cameras_too_short": sum(one.too_short for one in counts),
        **sums,
    }


def value_of(measured: Mapping[str, Any], name: str) -> float:
    """Return a figure of all recordings together; NaN where there is none."""
    value = measured["overall"][name]["value"]
    return float("nan") if value is None else float(value)
