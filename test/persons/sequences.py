"""Videos of several people whose identities are known, made of real videos of one person each.

A clip is cut out around its person and moves over a grey canvas, played forwards and backwards. Where the person is, is
what the pose network finds in the clip alone; a person who is mostly covered by another clip, or hidden, is not there.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from har_ros.frames.pixels import CameraImage
from har_ros.persons.skeleton import box_areas

SECOND = 1_000_000_000
CANVAS = (480, 800)
EVERY = 2
"""Frames of a video from one of its clip to the next: to find the person in each takes most of the time."""
HEIGHT = 360
"""Of a clip on the canvas, in pixels."""


@dataclass(frozen=True)
class Clip:
    """frames: cut out. boxes: of the person in them, NaN where nobody is found."""

    frames: np.ndarray
    boxes: np.ndarray
    rate: float

    def at(self, seconds):
        """The frame and the box at a moment: forwards and backwards, again and again."""
        place, last = round(seconds * self.rate), len(self.frames) - 1
        place = last - abs(last - place % (2 * last))
        return self.frames[place], self.boxes[place]


@dataclass(frozen=True)
class Actor:
    """A clip that moves over the canvas. start, velocity: its left edge, in pixels and pixels/s.

    hidden: the seconds between which it is not there.
    """

    clip: Clip
    start: float
    velocity: float = 0.0
    hidden: tuple[float, float] = (0.0, 0.0)


@cache
def clip(estimator, path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    frames = frames[::EVERY]
    found = [estimator.estimate([CameraImage.of_array(frame, 1)])[0] for frame in frames]
    boxes = np.array([poses.boxes[0] if len(poses) and poses.scores[0] > 0.25 else [np.nan] * 4 for poses in found])
    height, width = frames[0].shape[:2]
    left, top = np.nanmin(boxes[:, :2], axis=0) - 20
    right, bottom = np.nanmax(boxes[:, 2:], axis=0) + 20
    left, top, right, bottom = max(0, int(left)), max(0, int(top)), min(width, int(right)), min(height, int(bottom))
    scale = HEIGHT / (bottom - top)
    size = (round((right - left) * scale), HEIGHT)
    cut = [cv2.resize(frame[top:bottom, left:right], size) for frame in frames]
    return Clip(np.stack(cut), (boxes - [left, top, left, top]) * scale, capture.get(cv2.CAP_PROP_FPS) / EVERY)


def play(actors, seconds, rate, lost=0.0, seed=0):
    """Yield stamp, image, and the box of each actor who is there. lost: share of the images that do not arrive."""
    random = np.random.default_rng(seed)
    top = (CANVAS[0] - HEIGHT) // 2
    for number in range(round(seconds * rate)):
        if random.random() < lost:
            continue
        moment = number / rate
        canvas, there = np.full((*CANVAS, 3), 128, np.uint8), {}
        for name, actor in enumerate(actors):
            if actor.hidden[0] <= moment < actor.hidden[1]:
                continue
            frame, box = actor.clip.at(moment)
            left = round(actor.start + actor.velocity * moment)
            begin, end = max(0, left), min(CANVAS[1], left + frame.shape[1])
            if end <= begin:
                continue
            canvas[top : top + HEIGHT, begin:end] = frame[:, begin - left : end - left]
            box = box + np.array([left, top, left, top])
            there = {other: known for other, known in there.items() if _covered(known, begin, end) < 0.4}
            if not np.isnan(box).any() and box[0] >= 0 and box[2] <= CANVAS[1]:
                there[name] = box
        yield SECOND + round(moment * SECOND), canvas, there


def _covered(box, begin, end):
    inside = np.array([[max(box[0], begin), box[1], min(box[2], end), box[3]]])
    return float(box_areas(inside)[0] / max(box_areas(box[None])[0], 1))
