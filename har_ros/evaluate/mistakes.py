"""The worst mistakes, with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from har_ros.errors import HarError, ImageError
from har_ros.evaluate.assess import Assessment
from har_ros.evaluate.judge import BACKGROUND, LABELLED, Judged
from har_ros.evaluate.plan import Job
from har_ros.evaluate.track import predicted
from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.recordings.bag import Bag
from har_ros.recordings.recording import VideoRecording
from har_ros.reports.picture import data_url
from har_ros.stats import metrics

MOST = 12
MARGIN = 1_000_000_000
"""Nanoseconds by which an image may have arrived before or after its stamp says, so that it is found."""


@dataclass(frozen=True)
class Mistake:
    """A window whose first answer is wrong. end: seconds from the recording's first image.

    truth: the labels that it should have had, empty in the background. pictures: data URLs of the first, the middle and
    the last image.
    """

    bag: str
    camera: str
    end: float
    truth: tuple[str, ...]
    said: str
    score: float
    pictures: tuple[str, ...]


def worst(assessment: Assessment, jobs: Sequence[Job]) -> list[Mistake]:
    """Return the wrong answers that were given with most confidence, one for each segment and answer."""
    names = assessment.classes.names
    found = []
    for number, track in enumerate(assessment.judged):
        windows = track.windows
        labelled, background = windows["kind"] == LABELLED, windows["kind"] == BACKGROUND
        wrong = windows["accepted"] & labelled & ~metrics.hits(windows["truth"], windows["ranked"], 1)
        wrong |= (predicted(windows) >= 0) & background
        found += [(-float(windows["score"][i]), number, int(i)) for i in np.flatnonzero(wrong)]
    chosen: dict[tuple[int, int, str], tuple[int, int]] = {}
    for _, number, i in sorted(found):
        window = assessment.judged[number].windows[i]
        chosen.setdefault((number, int(window["cluster"]), window["label"]), (number, i))
        if len(chosen) == MOST:
            break
    pictures = _pictures([(assessment.judged[number], i) for number, i in chosen.values()], jobs)
    return [
        Mistake(
            bag=track.bag,
            camera=track.camera,
            end=(int(track.windows["end"][i]) - track.first) / 1e9,
            truth=tuple(name for name, true in zip(names, track.windows["truth"][i], strict=True) if true),
            said=track.windows["label"][i],
            score=float(track.windows["score"][i]),
            pictures=shown,
        )
        for (track, i), shown in pictures
    ]


Spot = tuple[Judged, int]
"""A track and the number of a window in it."""


def _pictures(places: Sequence[Spot], jobs: Sequence[Job]) -> list[tuple[Spot, tuple[str, ...]]]:
    """Return the images nearest to each window's start, middle and end."""
    nearest: list[list[tuple[int, AnyImage] | None]] = [[None] * 3 for _ in places]
    for job in jobs:
        here = [number for number, (track, _) in enumerate(places) if track.bag == job.name]
        with suppress(HarError):  # the report does without what cannot be read
            _look(job, [places[number] for number in here], [nearest[number] for number in here])
    return [(place, _data_urls(found)) for place, found in zip(places, nearest, strict=True)]


def _look(job: Job, places: Sequence[Spot], nearest: Sequence[list[tuple[int, AnyImage] | None]]) -> None:
    """Read what was recorded around these windows: in one go where each beginning costs."""
    spans = [(int(track.windows["start"][i]), int(track.windows["end"][i])) for track, i in places]
    ranges = [
        (start + track.offset - MARGIN, end + track.offset + MARGIN)
        for (start, end), (track, _) in zip(spans, places, strict=True)
    ]
    if not ranges:
        return
    with job.opened() as recording:
        _look_into(recording, ranges, places, spans, nearest)


def _look_into(
    recording: Bag | VideoRecording,
    ranges: list[tuple[int, int]],
    places: Sequence[Spot],
    spans: Sequence[tuple[int, int]],
    nearest: Sequence[list[tuple[int, AnyImage] | None]],
) -> None:
    if isinstance(recording, VideoRecording) or any(file.suffix == ".zstd" for file in recording.files()):
        ranges = [(min(start for start, _ in ranges), max(end for _, end in ranges))]
    for start, end in ranges:
        for recorded in recording.images(start, end):
            if isinstance(recorded.image, ImageError):
                continue
            stamp = recorded.image.stamp or recorded.arrival
            for (track, _), (first, last), found in zip(places, spans, nearest, strict=True):
                if track.camera != recorded.camera:
                    continue
                for number, moment in enumerate((first, (first + last) // 2, last)):
                    best = found[number]
                    if best is None or abs(stamp - moment) < best[0]:
                        found[number] = abs(stamp - moment), recorded.image


def _data_urls(found: Sequence[tuple[int, AnyImage] | None]) -> tuple[str, ...]:
    try:
        return tuple(data_url(to_rgb(decode_all(one[1]))) for one in found if one)
    except ImageError:
        return ()
