"""The worst mistakes, with pictures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.compressed import AnyImage, decode_all
from har_ros.errors import HarError
from har_ros.evaluate import metrics
from har_ros.evaluate.assess import Assessment
from har_ros.evaluate.bag import BagError, open_recording
from har_ros.evaluate.job import Job
from har_ros.evaluate.judge import BACKGROUND, LABELLED, Judged
from har_ros.pixels import to_rgb

MOST = 12
SIDE = 160
"""Pixels of a picture's longer side."""
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
        wrong = track.accepted & (track.kind == LABELLED) & ~metrics.hits(track.truth, track.ranked, 1)
        wrong |= (track.predicted >= 0) & (track.kind == BACKGROUND)
        found += [(-float(track.score[i]), number, int(i)) for i in np.flatnonzero(wrong)]
    chosen: dict[tuple[int, int, str], tuple[int, int]] = {}
    for _, number, i in sorted(found):
        track = assessment.judged[number]
        chosen.setdefault((number, int(track.cluster[i]), track.labels[i]), (number, i))
        if len(chosen) == MOST:
            break
    by_name = {job.name: job for job in jobs}
    return [_mistake(assessment.judged[n], i, names, by_name[assessment.judged[n].bag]) for n, i in chosen.values()]


def _mistake(track: Judged, i: int, names: Sequence[str], job: Job) -> Mistake:
    start, end = int(track.start[i]), int(track.end[i])
    return Mistake(
        bag=track.bag,
        camera=track.camera,
        end=(end - track.first) / 1e9,
        truth=tuple(name for name, true in zip(names, track.truth[i], strict=True) if true),
        said=track.labels[i],
        score=float(track.score[i]),
        pictures=_pictures(job, track.camera, start, end, int(track.offset)),
    )


def _pictures(job: Job, camera: str, start: int, end: int, offset: int) -> tuple[str, ...]:
    """Return the images nearest to a window's start, middle and end. offset: arrival minus stamp, as a rule."""
    wanted = (start, (start + end) // 2, end)
    nearest: list[tuple[int, AnyImage] | None] = [None] * len(wanted)
    try:
        recording = open_recording(job.path, job.topics, job.transport)
        for recorded in recording.images(start + offset - MARGIN, end + offset + MARGIN):
            if recorded.camera != camera or isinstance(recorded.image, Exception):
                continue
            stamp = recorded.image.stamp or recorded.arrival
            for place, moment in enumerate(wanted):
                best = nearest[place]
                if best is None or abs(stamp - moment) < best[0]:
                    nearest[place] = abs(stamp - moment), recorded.image
        return tuple(_data_url(to_rgb(decode_all(found[1]))) for found in nearest if found)
    except (BagError, HarError):  # the report does without
        return ()


def _data_url(rgb: NDArray[np.uint8]) -> str:
    scale = SIDE / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
